-- By which accounting rule the books of a register were made (services.accounting.version): a register of an older one is
-- not booked before `tanfeng migrate` has rebuilt it. Without a reading there are no books, and the number means nothing.
ALTER TABLE core.register_state
    ADD COLUMN books_version int NOT NULL DEFAULT 0,
    -- rows that start before it, and events of before, stay as an older rule made them: their readings are gone
    ADD COLUMN rule_from timestamptz NOT NULL DEFAULT '-infinity';

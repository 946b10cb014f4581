-- Whose message a rejection is of, as far as its topic or its reading names a meter; '' where neither does. A message of a
-- gateway that cannot be read at all is the enterprise's, and nobody's in particular.
ALTER TABLE core.rejection ADD COLUMN meter text NOT NULL DEFAULT '';
UPDATE core.rejection SET meter = split_part(topic, '/', 4)
WHERE topic ~ '^keu/v1/[a-z0-9-]{1,40}/[a-z0-9-]{1,40}/(readings|status)$' AND last_at > now() - interval '30 days';
CREATE INDEX rejection_meter ON core.rejection (enterprise, meter, last_at);

-- How long the messages of a minute's batches waited at most, from their receipt to the commit.
ALTER TABLE core.ingest_minute ADD COLUMN waited_ms bigint NOT NULL DEFAULT 0;

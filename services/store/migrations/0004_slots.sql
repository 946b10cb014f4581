-- The ingest slots ever used: each is a client id at the broker whose session may still hold messages.
-- Who holds a slot now is an advisory lock, not a row; a slot whose session was removed at the broker leaves the table.
CREATE TABLE core.ingest_slot (
    slot int PRIMARY KEY CHECK (slot >= 0),
    subscription text,                  -- what its session is known to be subscribed to, and where
    first_used_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now()
);

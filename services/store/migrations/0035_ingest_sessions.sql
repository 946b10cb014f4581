-- The sessions that ingest has at the broker: a client id is the group, the slot and this secret. Mosquitto lets every
-- user connect under any client id, so whoever could guess it would own the session and what waits in it.
-- A retired one is emptied and ended by whoever holds the slot, once the new one is subscribed. The empty secret is the
-- id of earlier releases: it can only be retired.
CREATE TABLE core.ingest_session (
    slot int NOT NULL CHECK (slot >= 0),
    secret text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    PRIMARY KEY (slot, secret),
    CHECK (length(secret) >= 32 OR secret = '' AND retired_at IS NOT NULL)
);
CREATE UNIQUE INDEX ON core.ingest_session (slot) WHERE retired_at IS NULL;

INSERT INTO core.ingest_session (slot, secret, retired_at) SELECT slot, '', now() FROM core.ingest_slot;
UPDATE core.ingest_slot SET subscription = NULL;  -- it was that of the session that is retired

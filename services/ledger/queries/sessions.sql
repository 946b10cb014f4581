-- The broker's sessions of ingest, each a slot and a secret; used by services/ledger/sessions.py.

-- name: session_current
SELECT secret FROM core.ingest_session WHERE slot = $1 AND retired_at IS NULL;

-- name: session_make
-- Nothing of the new session is subscribed to anything yet.
WITH made AS (
    INSERT INTO core.ingest_session (slot, secret) VALUES ($1, $2)
    ON CONFLICT (slot) WHERE retired_at IS NULL DO NOTHING RETURNING slot
)
UPDATE core.ingest_slot SET subscription = NULL WHERE slot IN (SELECT slot FROM made);

-- name: sessions_retired
SELECT secret FROM core.ingest_session WHERE slot = $1 AND retired_at IS NOT NULL ORDER BY retired_at;

-- name: session_ended
DELETE FROM core.ingest_session WHERE slot = $1 AND secret = $2;

-- name: sessions_retire
UPDATE core.ingest_session SET retired_at = now() WHERE retired_at IS NULL RETURNING slot;

-- name: sessions_guessable
-- Slots whose session of an earlier release, under an id that anybody can guess, is not ended yet.
SELECT slot FROM core.ingest_session WHERE secret = '' ORDER BY slot;

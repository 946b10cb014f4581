-- Ingest slots: advisory locks of class 5721, held by the worker's connection for its life.

-- name: slot_try
SELECT pg_try_advisory_lock(5721, $1);

-- name: slot_release
SELECT pg_advisory_unlock(5721, $1);

-- name: slot_used
INSERT INTO core.ingest_slot (slot) VALUES ($1)
ON CONFLICT (slot) DO UPDATE SET last_used_at = now();

-- name: slots_left
-- Slots ever used that nobody holds, and that were not taken within the given number of seconds.
SELECT s.slot FROM core.ingest_slot AS s
WHERE s.last_used_at < now() - make_interval(secs => $1)
  AND NOT EXISTS (SELECT FROM pg_locks AS l
                  WHERE l.locktype = 'advisory' AND l.classid = 5721 AND l.objid = s.slot::oid AND l.objsubid = 2
                    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
ORDER BY s.slot;

-- name: slot_forget
DELETE FROM core.ingest_slot WHERE slot = $1;

-- name: slot_subscription
SELECT subscription FROM core.ingest_slot WHERE slot = $1;

-- name: slot_subscribe
UPDATE core.ingest_slot SET subscription = $2 WHERE slot = $1;

-- Ingest slots: the numbers ever used. Who holds one now is a lease of the name `ingest <slot>`.

-- name: slot_used
INSERT INTO core.ingest_slot (slot) VALUES ($1)
ON CONFLICT (slot) DO UPDATE SET last_used_at = now();

-- name: slots_left
-- Slots ever used that nobody holds, and that were not taken within the given number of seconds.
SELECT s.slot FROM core.ingest_slot AS s
WHERE s.last_used_at < now() - make_interval(secs => $1)
  AND NOT EXISTS (SELECT FROM core.lease AS l WHERE l.name = 'ingest ' || s.slot
                  AND core.lease_holds(l.pid, l.connected_at, l.held_until))
ORDER BY s.slot;

-- name: slot_forget
DELETE FROM core.ingest_slot WHERE slot = $1;

-- name: slot_subscription
SELECT subscription FROM core.ingest_slot WHERE slot = $1;

-- name: slot_subscribe
UPDATE core.ingest_slot SET subscription = $2 WHERE slot = $1;

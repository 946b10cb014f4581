-- Leases and turns; used by services/store/leases.py.

-- name: lease_claim
-- Ours already, or nobody's: by the row as it is once it is locked, so that of two who claim one gets it. A server of a
-- single session lists none; no other can claim there.
INSERT INTO core.lease AS l (name, holder, pid, connected_at, held_until)
SELECT $1, $2, pg_backend_pid(), coalesce(s.backend_start, now()), clock_timestamp() + make_interval(secs => $3)
FROM (SELECT) AS one LEFT JOIN pg_stat_activity AS s ON s.pid = pg_backend_pid()
ON CONFLICT (name) DO UPDATE SET
    holder = excluded.holder, pid = excluded.pid, connected_at = excluded.connected_at, held_until = excluded.held_until
WHERE l.holder = excluded.holder OR NOT core.lease_holds(l.pid, l.connected_at, l.held_until)
RETURNING true;

-- name: lease_renew
UPDATE core.lease SET held_until = clock_timestamp() + make_interval(secs => $3)
WHERE name = $1 AND holder = $2
RETURNING true;

-- name: lease_release
DELETE FROM core.lease WHERE name = $1 AND holder = $2;

-- name: turn_take
SELECT true FROM core.turn WHERE name = $1 FOR UPDATE;

-- name: turn_make
INSERT INTO core.turn (name) VALUES ($1) ON CONFLICT DO NOTHING;

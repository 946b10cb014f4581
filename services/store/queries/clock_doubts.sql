-- Whose clock is believed: what programs found of theirs and the database's. See docs/adr/0017.

-- name: clock_doubt_open
INSERT INTO core.clock_doubt (program, kind, ahead_s) VALUES ($1, $2, $3)
ON CONFLICT (program) WHERE ended_at IS NULL DO UPDATE SET
    kind = excluded.kind, ahead_s = excluded.ahead_s, seen_at = excluded.seen_at;

-- name: clock_doubt_end
UPDATE core.clock_doubt SET ended_at = clock_timestamp() WHERE program = $1 AND ended_at IS NULL;

-- name: clock_witness
-- The database's time, and the newest reading that any register has stored: meters have clocks of their own.
SELECT clock_timestamp() AS at, max(newest_at) AS newest_at FROM core.register_state;

-- name: clock_and_version
-- Asked at the beginning of each of ingest's transactions: its time, and the registry's version.
SELECT version, clock_timestamp() AS at FROM core.registry_version;

-- name: clock_newest_commit
-- The minute of ingest's newest commit: a clock that is before it was set back, or was ahead then.
SELECT max(minute) FROM core.ingest_minute;

-- name: watch_clocks
-- Doubts that go on (their program still tells), or ended within $2 seconds, by program.
SELECT DISTINCT ON (program) program, kind, ahead_s, began_at, ended_at
FROM core.clock_doubt
WHERE coalesce(ended_at, seen_at) > $1::timestamptz - make_interval(secs => $2)
ORDER BY program, doubt_id DESC;

-- What the broker tells of itself; used by services/ledger/broker.py.

-- name: broker_tell
INSERT INTO core.broker_minute (minute, kind, subject, seen)
SELECT date_trunc('minute', now()), t.kind, t.subject, t.seen
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS t (kind, subject, seen)
ON CONFLICT (minute, kind, subject) DO UPDATE SET seen = broker_minute.seen + excluded.seen;

-- name: broker_counter
-- Keeps the counter's value and gives what it was before; null: never seen.
WITH before AS (SELECT value FROM core.broker_counter WHERE name = $1),
kept AS (INSERT INTO core.broker_counter (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value)
SELECT (SELECT value FROM before);

-- name: broker_tells
SELECT EXISTS (SELECT FROM core.broker_counter);

-- name: watch_broker
-- Each kind and subject told of since an instant: how often, and from when to when.
SELECT kind, subject, sum(seen)::bigint AS seen, min(minute) AS first_at, max(minute) AS last_at
FROM core.broker_minute
WHERE minute > $1 AND kind = ANY($2::text[])
GROUP BY kind, subject
ORDER BY kind, subject;

-- name: forget_broker
DELETE FROM core.broker_minute WHERE (minute, kind, subject) IN (
    SELECT minute, kind, subject FROM core.broker_minute WHERE minute < $1 LIMIT $2
);

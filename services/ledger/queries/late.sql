-- Changes that are not newer readings: where a refold starts, what it reads, how far it goes.

-- name: checkpoints
-- The last sound reading before each instant, and the baselines and overruled readings before that, the newest first:
-- three of them, which nearly always tell since when the newest one's level is shown.
SELECT w.register_id, c.read_at AS sound_at, p.*
FROM unnest($1::int[], $2::timestamptz[]) AS w (register_id, before)
LEFT JOIN LATERAL (
    SELECT r.read_at FROM core.reading r
    WHERE r.register_id = w.register_id AND r.read_at < w.before
      AND NOT EXISTS (SELECT FROM core.doubt d WHERE d.register_id = r.register_id AND d.read_at = r.read_at)
    ORDER BY r.read_at DESC LIMIT 1
) AS c ON true
LEFT JOIN LATERAL (
    SELECT r.read_at, r.value, r.value_text, d.outcome, d.high
    FROM core.reading r
    LEFT JOIN core.doubt d ON d.register_id = r.register_id AND d.read_at = r.read_at
    WHERE r.register_id = w.register_id AND r.read_at < c.read_at
      AND (d.outcome IS NULL OR d.outcome IN ('noise', 'confirmed', 'restart', 'closing', 'overruled'))
    ORDER BY r.read_at DESC LIMIT 3
) AS p ON true
ORDER BY w.register_id, p.read_at DESC;

-- name: counted_before
-- The next page of them, of one register.
SELECT r.read_at, r.value, r.value_text, d.outcome, d.high
FROM core.reading r
LEFT JOIN core.doubt d ON d.register_id = r.register_id AND d.read_at = r.read_at
WHERE r.register_id = $1 AND r.read_at < $2
  AND (d.outcome IS NULL OR d.outcome IN ('noise', 'confirmed', 'restart', 'closing', 'overruled'))
ORDER BY r.read_at DESC LIMIT $3;

-- name: standing
-- Of baselines: where the standstill that holds one began, as far as that is written down, and the last break before it
-- that casts doubt on what follows.
SELECT w.register_id,
       greatest((SELECT max(s.started_at) FROM core.standstill s
                 WHERE s.register_id = w.register_id AND s.started_at <= w.at AND s.ended_at >= w.at),
                CASE WHEN st.flat_at <= w.at THEN st.flat_at END) AS flat_at,
       (SELECT max(e.read_at) FROM core.event e
        WHERE e.register_id = w.register_id AND e.kind = 'break' AND e.read_at <= w.at
          AND (e.suspect LIKE 'scale%' OR e.suspect LIKE 'ratio%' OR e.suspect LIKE 'zone%')) AS doubted_from
FROM unnest($1::int[], $2::timestamptz[]) AS w (register_id, at)
JOIN core.register_state st USING (register_id);

-- name: judged
-- The judgements of standstills that began since an instant.
SELECT w.register_id, e.flat_at, e.judged_at
FROM unnest($1::int[], $2::timestamptz[]) AS w (register_id, since)
JOIN core.event e ON e.register_id = w.register_id AND e.judged_at IS NOT NULL AND e.flat_at >= w.since;

-- name: pages
SELECT w.register_id, r.read_at, r.value, r.value_text
FROM unnest($1::int[], $2::timestamptz[]) AS w (register_id, wanted)
CROSS JOIN LATERAL (
    SELECT r.read_at, r.value, r.value_text FROM core.reading r
    WHERE r.register_id = w.register_id AND r.read_at >= w.wanted
    ORDER BY r.read_at LIMIT $3
) AS r
ORDER BY w.register_id, r.read_at;

-- In which steps registers move; used by services/ledger/steps.py.

-- name: newest_values
-- The newest $2 values of $3 cumulative registers, those first whose value is the largest beside their resolution.
SELECT s.name, s.unit, s.carrier_unit, s.resolution, v.times, v.numbers, v.texts
FROM (
    SELECT b.register_id, b.newest_at, e.code || '/' || m.code || '/' || r.code AS name, r.unit, c.unit AS carrier_unit,
           p.resolution
    FROM core.register_state b
    JOIN core.register r USING (register_id)
    JOIN core.meter m USING (meter_id)
    JOIN core.enterprise e USING (enterprise_id)
    LEFT JOIN core.carrier c ON c.code = r.carrier
    JOIN LATERAL (
        SELECT q.resolution FROM core.register_policy q
        WHERE q.register_id = b.register_id AND q.recorded_until = 'infinity' AND q.valid_from <= b.newest_at
        ORDER BY q.valid_from DESC LIMIT 1
    ) AS p ON true
    WHERE r.kind IN ('total_increasing', 'total') AND ($1::int[] IS NULL OR b.register_id = ANY($1)) AND p.resolution > 0
    ORDER BY abs(b.newest_value) / p.resolution DESC NULLS LAST, b.register_id LIMIT $3
) AS s
CROSS JOIN LATERAL (
    SELECT array_agg(n.read_at ORDER BY n.read_at) AS times, array_agg(n.value ORDER BY n.read_at) AS numbers,
           array_agg(n.value_text ORDER BY n.read_at) AS texts
    FROM (SELECT read_at, value, value_text FROM core.reading g
          WHERE g.register_id = s.register_id AND g.read_at <= s.newest_at ORDER BY g.read_at DESC LIMIT $2) AS n
) AS v
WHERE v.numbers IS NOT NULL
ORDER BY s.name;

-- What readings that arrive say of the clocks that stamped them.

-- name: clocks_behind
-- Registers that received at least three readings within their last four intervals, all older than $2 seconds and by the
-- same while. Only registers without a newer reading are looked into, and of those a day (or eight intervals) of readings:
-- a clock that falls behind stamps readings before the newest one, one that always was behind stamps the newest.
SELECT b.register_id, e.code AS enterprise, e.name_zh AS enterprise_zh, e.name_en AS enterprise_en,
       s.code AS site, s.name_zh AS site_zh, s.name_en AS site_en, s.zone, m.code AS meter, r.code AS register,
       x.behind_s, x.received_at
FROM core.register_state b
JOIN core.register r USING (register_id)
JOIN core.meter m USING (meter_id)
JOIN core.meter_membership t ON t.meter_id = m.meter_id AND t.recorded_until = 'infinity'
JOIN core.site s ON s.site_id = t.site_id
    AND ($1 AT TIME ZONE s.zone)::date >= t.valid_from AND ($1 AT TIME ZONE s.zone)::date < t.valid_until
JOIN core.site_membership o ON o.site_id = s.site_id AND o.recorded_until = 'infinity'
    AND ($1 AT TIME ZONE s.zone)::date >= o.valid_from AND ($1 AT TIME ZONE s.zone)::date < o.valid_until
JOIN core.enterprise e ON e.enterprise_id = o.enterprise_id
JOIN LATERAL (
    SELECT q.interval_s FROM core.register_policy q
    WHERE q.register_id = r.register_id AND q.recorded_until = 'infinity' AND q.valid_from <= $1
    ORDER BY q.valid_from DESC LIMIT 1
) AS p ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS readings, min(lag_s) AS behind_s, max(lag_s) AS most_s, max(received_at) AS received_at,
           extract(epoch FROM max(read_at) - min(read_at)) AS span_s
    FROM (
        SELECT g.read_at, g.lag_s, g.read_at + make_interval(secs => g.lag_s) AS received_at
        FROM core.reading g
        WHERE g.register_id = b.register_id AND g.read_at <= b.newest_at
          AND g.read_at >= CASE WHEN b.newest_at > $1 - interval '26 hours' THEN $1 - interval '26 hours'
                                ELSE b.newest_at - make_interval(secs => 8.0 * p.interval_s) END
          AND g.read_at + make_interval(secs => g.lag_s) > $1 - make_interval(secs => greatest(300, 4.0 * p.interval_s))
          AND g.lag_s >= $2 + CASE r.kind WHEN 'interval' THEN p.interval_s ELSE 0 END  -- may stamp its start
        ORDER BY g.read_at DESC LIMIT 6
    ) AS newest
) AS x
WHERE b.newest_at <= $1::timestamptz - make_interval(secs => $2::int)
  AND ($3::int[] IS NULL OR b.register_id = ANY($3))
  AND x.readings >= 3 AND x.span_s >= p.interval_s AND x.most_s - x.behind_s <= greatest(30, p.interval_s / 2)
ORDER BY enterprise, site, meter, register;

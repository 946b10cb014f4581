-- What readings that arrive say of the clocks that stamped them.

-- name: clocks_behind
-- Registers that received at least three readings within their last four intervals, all older than $2 seconds and by the
-- same while. An amount is as old as the end of its interval, whichever end it is stamped with; where the end is declared
-- it may be the start all the same, so that an interval more is allowed. Only registers without a newer reading are looked
-- into, and of those few readings: a clock that always was behind stamps the newest ones; one that fell behind lately
-- stamps readings before them, which are looked for a day back where readings are five minutes apart or more, and else
-- where another time zone would put them.
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
    SELECT q.interval_s, q.stamp, extract(epoch FROM core.reaches(b.newest_at, q.stamp, q.interval_s) - b.newest_at)::int
           AS ends_s
    FROM core.register_policy q
    WHERE q.register_id = r.register_id AND q.recorded_until = 'infinity' AND q.valid_from <= $1
    ORDER BY q.valid_from DESC LIMIT 1
) AS p ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS readings, min(lag_s) - p.ends_s AS behind_s, max(lag_s) - p.ends_s AS most_s,
           max(received_at) AS received_at,
           extract(epoch FROM max(read_at) - min(read_at)) AS span_s
    FROM (
        SELECT DISTINCT g.read_at, g.lag_s, g.read_at + make_interval(secs => g.lag_s) AS received_at
        FROM (
            SELECT b.newest_at AS until,
                   CASE WHEN p.interval_s >= 300 AND b.newest_at > $1 - interval '1 day' THEN interval '1 day'
                        ELSE make_interval(secs => 8.0 * p.interval_s) END AS span
            UNION ALL
            SELECT $1 - n * interval '30 min' + interval '2 min', interval '9 min' FROM generate_series(1, 28) AS n
            WHERE p.interval_s < 300 AND b.newest_at > $1 - n * interval '30 min'
        ) AS part
        CROSS JOIN LATERAL (
            SELECT h.read_at, h.lag_s FROM core.reading h
            WHERE h.register_id = b.register_id AND h.read_at > part.until - part.span
              AND h.read_at <= least(part.until, b.newest_at)
            OFFSET 0  -- each part by the index, not all readings of the register once
        ) AS g
        WHERE g.read_at + make_interval(secs => g.lag_s) > $1 - make_interval(secs => greatest(300, 4.0 * p.interval_s))
          AND g.lag_s >= $2 + CASE r.kind WHEN 'interval' THEN p.interval_s ELSE 0 END
        ORDER BY g.read_at DESC LIMIT 6
    ) AS newest
) AS x
WHERE b.newest_at <= $1::timestamptz - make_interval(secs => $2::int + p.ends_s)
  AND ($3::int[] IS NULL OR b.register_id = ANY($3))
  AND x.readings >= 3 AND x.span_s >= p.interval_s AND x.most_s - x.behind_s <= greatest(30, p.interval_s / 2)
ORDER BY enterprise, site, meter, register;

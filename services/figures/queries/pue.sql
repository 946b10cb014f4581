-- Used by services/figures/pue.py. {span} is one of its windows; the filter on day is what makes it fast.

-- name: pue_between
-- Windows that end in [$1, $2], measured and reported side by side; $3 is the width in days, rounded up; $4: of these
-- sites, or of all.
SELECT coalesce(m.enterprise, r.enterprise) AS enterprise, coalesce(m.enterprise_zh, r.enterprise_zh) AS enterprise_zh,
       coalesce(m.enterprise_en, r.enterprise_en) AS enterprise_en, coalesce(m.site, r.site) AS site,
       coalesce(m.site_zh, r.site_zh) AS site_zh, coalesce(m.site_en, r.site_en) AS site_en,
       coalesce(m.zone, r.zone) AS zone, coalesce(m.starts_at, r.starts_at) AS starts_at,
       coalesce(m.ends_at, r.ends_at) AS ends_at, m.total_kwh, m.it_kwh, m.pue_ratio, m.state, m.why,
       m.total_resolution_ratio, m.it_resolution_ratio, m.total_uncertainty_ratio, m.it_uncertainty_ratio,
       m.category, coalesce(m.label, r.label) AS label, coalesce(m.limit_ratio, r.limit_ratio) AS limit_ratio,
       r.pue_ratio AS reported_ratio, r.state AS reported_state, r.why AS reported_why,
       r.resolution_ratio AS reported_resolution_ratio, abs(m.pue_ratio - r.pue_ratio) AS apart_ratio
FROM (SELECT * FROM report.pue_{span}
      WHERE day BETWEEN $1::timestamptz::date - $3::int - 1 AND $2::timestamptz::date + 1 AND ends_at BETWEEN $1 AND $2
            AND ($4::text[] IS NULL OR site = ANY($4))) AS m
FULL JOIN (SELECT * FROM report.pue_reported_{span}
           WHERE day BETWEEN $1::timestamptz::date - $3::int - 1 AND $2::timestamptz::date + 1 AND ends_at BETWEEN $1 AND $2
            AND ($4::text[] IS NULL OR site = ANY($4))) AS r
    ON (r.enterprise, r.site, r.starts_at) = (m.enterprise, m.site, m.starts_at)
ORDER BY ends_at, enterprise, site

-- name: keep_reported
-- Weighs reported ratios of $1 anew from $2 to $3, and as far around as a reading can hold. A value holds until the
-- next one, if that comes within the register's gap, as it was when the value was read.
WITH asked AS MATERIALIZED (
    SELECT w.register_id, q.gap, n.multiplier,
           date_bin('15 minutes', w.since - q.gap, '2000-01-01T00:00Z') AS from_at,
           date_bin('15 minutes', w.until + q.gap, '2000-01-01T00:00Z') + interval '15 minutes' AS until_at
    FROM unnest($1::int[], $2::timestamptz[], $3::timestamptz[]) AS w (register_id, since, until)
    JOIN core.register n ON n.register_id = w.register_id
    CROSS JOIN LATERAL (
        SELECT make_interval(secs => max(p.gap_s)) AS gap FROM core.register_policy p
        WHERE p.register_id = w.register_id AND p.recorded_until = 'infinity'
    ) AS q
),
leg AS (
    SELECT a.register_id, l.value, greatest(l.read_at, a.from_at) AS from_at, least(l.next_at, a.until_at) AS until_at
    FROM asked a
    CROSS JOIN LATERAL (
        SELECT r.read_at, lead(r.read_at) OVER (ORDER BY r.read_at) AS next_at,
               coalesce(c.value, r.value_text::numeric, r.value * 0.001) * a.multiplier AS value
        FROM core.reading r
        LEFT JOIN core.act c ON c.register_id = r.register_id AND c.at = r.read_at AND c.kind = 'correction'
            AND c.recorded_until = 'infinity'
        WHERE r.register_id = a.register_id AND r.read_at > a.from_at - a.gap AND r.read_at < a.until_at + a.gap
          AND NOT EXISTS (SELECT FROM core.doubt d
                          WHERE d.register_id = r.register_id AND d.read_at = r.read_at
                            AND d.outcome IN ('held', 'out_of_range', 'overruled', 'ignored'))
    ) AS l
    CROSS JOIN LATERAL (
        SELECT make_interval(secs => p.gap_s) AS gap FROM core.register_policy p
        WHERE p.register_id = a.register_id AND p.recorded_until = 'infinity' AND p.valid_from <= l.read_at
        ORDER BY p.valid_from DESC LIMIT 1
    ) AS g
    WHERE l.next_at - l.read_at <= g.gap AND l.next_at > a.from_at AND l.read_at < a.until_at
),
quarter AS (
    SELECT l.register_id, g.at AS starts_at, sum(l.value * w.us) AS weighted, sum(w.us)::bigint AS covered_us
    FROM leg l
    CROSS JOIN LATERAL generate_series(date_bin('15 minutes', l.from_at, '2000-01-01T00:00Z'),
                                       l.until_at - interval '1 microsecond', interval '15 minutes') AS g (at)
    CROSS JOIN LATERAL (
        SELECT (extract(epoch FROM least(l.until_at, g.at + interval '15 minutes') - greatest(l.from_at, g.at))
                * 1000000)::bigint
    ) AS w (us)
    GROUP BY l.register_id, g.at
),
gone AS (
    DELETE FROM core.reported_15m t USING asked a
    WHERE t.register_id = a.register_id AND t.starts_at >= a.from_at AND t.starts_at < a.until_at
      AND NOT EXISTS (SELECT FROM quarter q WHERE q.register_id = t.register_id AND q.starts_at = t.starts_at)
)
INSERT INTO core.reported_15m AS t (register_id, starts_at, weighted, covered_us)
SELECT register_id, starts_at, weighted, covered_us FROM quarter
ON CONFLICT (register_id, starts_at) DO UPDATE SET
    weighted = excluded.weighted, covered_us = excluded.covered_us, recorded_at = excluded.recorded_at
WHERE (t.weighted, t.covered_us) <> (excluded.weighted, excluded.covered_us)

-- name: keep_reported_days
-- The same days again, from their quarter-hours. $4: the zone of each register's days.
INSERT INTO core.reported_day AS t (register_id, day, weighted, covered_us)
SELECT w.register_id, d.day, coalesce(sum(q.weighted), 0), coalesce(sum(q.covered_us), 0)::bigint
FROM unnest($1::int[], $2::timestamptz[], $3::timestamptz[], $4::text[]) AS w (register_id, since, until, zone)
CROSS JOIN LATERAL (
    SELECT make_interval(secs => max(p.gap_s) + 900) AS gap FROM core.register_policy p
    WHERE p.register_id = w.register_id AND p.recorded_until = 'infinity'
) AS g
JOIN core.calendar d ON d.day >= ((w.since - g.gap) AT TIME ZONE w.zone)::date
    AND d.day <= ((w.until + g.gap) AT TIME ZONE w.zone)::date
LEFT JOIN core.reported_15m q ON q.register_id = w.register_id
    AND q.starts_at >= d.day::timestamp AT TIME ZONE w.zone AND q.starts_at < (d.day + 1)::timestamp AT TIME ZONE w.zone
GROUP BY w.register_id, d.day
HAVING count(q.register_id) > 0
    OR EXISTS (SELECT FROM core.reported_day o WHERE o.register_id = w.register_id AND o.day = d.day)
ON CONFLICT (register_id, day) DO UPDATE SET weighted = excluded.weighted, covered_us = excluded.covered_us
WHERE (t.weighted, t.covered_us) <> (excluded.weighted, excluded.covered_us)

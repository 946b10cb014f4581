-- Windows of PUE, and the energies of each, looked up for it alone.

-- Aligned windows: an hour at each quarter, 24 hours at each hour, days, 30 days at each day, months (the running one until
-- today), 12 months at each month. `day` is the local day on which the window starts; a filter on it is the fastest.
CREATE VIEW core.caller_pue_window AS
SELECT s.*, w.span, w.day, w.starts_at, w.ends_at, w.until_day,
       extract(epoch FROM w.ends_at - w.starts_at)::bigint AS width_s,
       w.ends_at <= s.settled_at AND w.ends_at + w.step > s.settled_at AS is_newest, w.starts_at >= s.owned_from AS is_one_owner,
       extract(epoch FROM w.ends_at)::bigint % 3600 = 0 AS on_the_hour
FROM core.caller_pue_site s
CROSS JOIN LATERAL (
    SELECT '1h' AS span, d.day, g.at AS starts_at, g.at + interval '1 hour' AS ends_at, NULL::date AS until_day,
           interval '15 minutes' AS step
    FROM core.calendar d
    CROSS JOIN LATERAL generate_series(d.day::timestamp AT TIME ZONE s.zone,
        (d.day + 1)::timestamp AT TIME ZONE s.zone - interval '15 minutes', interval '15 minutes') AS g (at)
    WHERE d.day >= s.first_day AND d.day <= s.today
    UNION ALL
    SELECT '24h', d.day, g.at, g.at + interval '24 hours', NULL, interval '1 hour'
    FROM core.calendar d
    CROSS JOIN LATERAL generate_series(d.day::timestamp AT TIME ZONE s.zone,
        (d.day + 1)::timestamp AT TIME ZONE s.zone - interval '1 hour', interval '1 hour') AS g (at)
    WHERE d.day >= s.first_day AND d.day <= s.today
    UNION ALL
    SELECT '1d', d.day, d.day::timestamp AT TIME ZONE s.zone, (d.day + 1)::timestamp AT TIME ZONE s.zone, d.day + 1,
           interval '1 day'
    FROM core.calendar d
    WHERE d.day >= s.first_day AND d.day < s.today
    UNION ALL
    SELECT '30d', d.day, d.day::timestamp AT TIME ZONE s.zone, (d.day + 30)::timestamp AT TIME ZONE s.zone, d.day + 30,
           interval '1 day'
    FROM core.calendar d
    WHERE d.day >= s.first_day - 29 AND d.day <= s.today - 30
    UNION ALL
    SELECT '1mo', d.day, d.day::timestamp AT TIME ZONE s.zone, u.day::timestamp AT TIME ZONE s.zone, u.day,
           interval '1 day'
    FROM core.calendar d
    CROSS JOIN LATERAL (SELECT least(core.month_end(d.day), s.today)) AS u (day)
    WHERE extract(day FROM d.day) = 1 AND d.day >= core.month_of(s.first_day) AND d.day < s.today
    UNION ALL
    SELECT '12mo', d.day, d.day::timestamp AT TIME ZONE s.zone, u.day::timestamp AT TIME ZONE s.zone, u.day,
           interval '32 days'
    FROM core.calendar d
    CROSS JOIN LATERAL (SELECT (d.day::timestamp + interval '1 year')::date) AS u (day)
    WHERE extract(day FROM d.day) = 1 AND u.day > s.first_day AND u.day <= s.today
) AS w
WHERE w.ends_at <= s.until_at AND w.ends_at > s.owned_from AND w.ends_at <= s.owned_until;

-- The energies of each window, looked up for it alone: the least work for few of them. The worst register of a side speaks
-- for it: a missing cooling meter must not hide behind a large intake. estimated: registers with estimated energy.
CREATE VIEW core.caller_pue_looked_up AS
SELECT w.*, q.*
FROM core.caller_pue_window w
CROSS JOIN LATERAL (
    SELECT CASE WHEN bool_and(e.amount IS NOT NULL) FILTER (WHERE NOT m.is_it)
                THEN sum(e.amount * m.kwh_per_amount) FILTER (WHERE NOT m.is_it) END AS total_kwh,
           CASE WHEN bool_and(e.amount IS NOT NULL) FILTER (WHERE m.is_it)
                THEN sum(e.amount * m.kwh_per_amount) FILTER (WHERE m.is_it) END AS it_kwh,
           bool_and(e.covered_s >= o.width_s) FILTER (WHERE NOT m.is_it) AS total_is_spanned,
           bool_and(e.covered_s >= o.width_s) FILTER (WHERE m.is_it) AS it_is_spanned,
           min(core.ratio(e.covered_s, o.width_s)) FILTER (WHERE NOT m.is_it) AS total_coverage,
           min(core.ratio(e.covered_s, o.width_s)) FILTER (WHERE m.is_it) AS it_coverage,
           min(core.ratio(e.covered_s - e.estimated_s, o.width_s)) FILTER (WHERE NOT m.is_it) AS total_resolution,
           min(core.ratio(e.covered_s - e.estimated_s, o.width_s)) FILTER (WHERE m.is_it) AS it_resolution,
           array_agg(m.register_id) FILTER (WHERE e.estimated_s > 0) AS estimated
    FROM core.pue_member m
    CROSS JOIN LATERAL (
        SELECT greatest(w.starts_at, m.starts_from) AS from_at, least(w.ends_at, m.starts_until) AS until_at,
               greatest(w.day, m.valid_from) AS from_day, least(w.until_day, m.valid_until) AS until_day,
               extract(epoch FROM least(w.ends_at, m.starts_until) - greatest(w.starts_at, m.starts_from)) AS width_s
    ) AS o
    CROSS JOIN LATERAL (
        SELECT core.exact(sum(x.amount), sum(x.rest)) AS amount, coalesce(sum(x.covered_s), 0) AS covered_s,
               coalesce(sum(x.estimated_s), 0) AS estimated_s
        FROM (SELECT x.amount, x.rest, x.covered_s, x.estimated_s FROM core.energy_15m x
              WHERE w.until_day IS NULL AND x.register_id = m.register_id
                AND x.starts_at >= o.from_at AND x.starts_at < o.until_at
              UNION ALL
              SELECT x.amount, x.rest, x.covered_s, x.estimated_s FROM core.energy_day x
              WHERE w.until_day IS NOT NULL AND x.register_id = m.register_id
                AND x.day >= o.from_day AND x.day < o.until_day) AS x
    ) AS e
    WHERE w.is_one_owner AND m.site_id = w.site_id AND m.starts_from < w.ends_at AND m.starts_until > w.starts_at
) AS q;

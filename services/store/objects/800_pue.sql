-- PUE of a data centre: total energy ÷ IT energy, both summed over one aligned window; never a mean of ratios.
-- Other fuels and chilled water add to the total. state: ok, high, implausible (IT not below total: a data fault), or
-- unknown, which why explains. Under 12 months it is an interim value and labelled iPUE (ISO/IEC 30134-2).

-- The gates of a known figure: booked segments span the window, and at most this share of its energy comes from
-- estimated segments that cross its edges; under 24 h this share of the window must be measured as well.
CREATE OR REPLACE FUNCTION core.uncertainty_limit() RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 0.05;
CREATE OR REPLACE FUNCTION core.resolution_gate() RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 0.95;

-- Why a PUE is not known; null where it is. Energies in kWh, ratios of the worst register of each side.
CREATE OR REPLACE FUNCTION core.pue_why(
    is_one_owner boolean, is_bounded boolean, width_s bigint, minimum_it_kw numeric,
    total_kwh numeric, total_is_spanned boolean, total_resolution numeric, total_uncertain_kwh numeric,
    it_kwh numeric, it_is_spanned boolean, it_resolution numeric, it_uncertain_kwh numeric
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN NOT is_one_owner THEN 'owner_changed'
    WHEN NOT is_bounded THEN 'no_boundary'
    WHEN it_kwh IS NULL OR NOT it_is_spanned THEN 'it_missing'
    WHEN total_kwh IS NULL OR NOT total_is_spanned THEN 'total_missing'
    WHEN it_uncertain_kwh > core.uncertainty_limit() * abs(it_kwh) THEN 'it_uncertain'
    WHEN total_uncertain_kwh > core.uncertainty_limit() * abs(total_kwh) THEN 'total_uncertain'
    WHEN width_s < 86400 AND it_resolution < core.resolution_gate() THEN 'it_coarse'
    WHEN width_s < 86400 AND total_resolution < core.resolution_gate() THEN 'total_coarse'
    WHEN it_kwh <= 0 OR it_kwh * 3600 < minimum_it_kw * width_s THEN 'it_load_low'
END;

CREATE OR REPLACE FUNCTION core.pue_state(why text, total_kwh numeric, it_kwh numeric, limit_ratio numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN why IS NOT NULL THEN 'unknown' WHEN it_kwh >= total_kwh THEN 'implausible'
            WHEN total_kwh > limit_ratio * it_kwh THEN 'high' ELSE 'ok' END;

-- Versions of a site's boundary now in force, in instants.
CREATE VIEW core.pue_version AS
SELECT b.boundary_id, b.site_id, s.zone, b.category, b.minimum_it_kw, b.limit_ratio, b.reported_id,
       b.valid_from, b.valid_until,
       b.valid_from::timestamp AT TIME ZONE s.zone AS starts_from,
       b.valid_until::timestamp AT TIME ZONE s.zone AS starts_until
FROM core.pue_boundary b
JOIN core.site s ON s.site_id = b.site_id
WHERE b.recorded_until = 'infinity';

-- Its registers. Import and generation add to a side, what is exported or sold on is taken off.
CREATE VIEW core.pue_member AS
SELECT v.site_id, v.valid_from, v.valid_until, v.starts_from, v.starts_until, p.register_id, p.side = 'it' AS is_it,
       0.001 * p.kwh_per_unit * CASE WHEN r.direction IN ('export', 'sold') THEN -1 ELSE 1 END AS kwh_per_amount
FROM core.pue_version v
JOIN core.pue_part p ON p.boundary_id = v.boundary_id
JOIN core.register r ON r.register_id = p.register_id;

-- Data centres of the caller, from the first booked or received day until now, or the boundary's end. settled_at: by
-- then every meter that goes on has had the time for its next reading.
CREATE VIEW core.caller_pue_site AS
SELECT c.enterprise, c.enterprise_zh, c.enterprise_en, s.site_id, s.code AS site, s.name_zh AS site_zh,
       s.name_en AS site_en, s.zone, o.valid_from::timestamp AT TIME ZONE s.zone AS owned_from,
       o.valid_until::timestamp AT TIME ZONE s.zone AS owned_until,
       (u.until_at AT TIME ZONE s.zone)::date AS today, u.until_at,
       greatest(f.newest_at - make_interval(secs => f.lag_s), now() - make_interval(secs => 2 * f.lag_s)) AS settled_at,
       f.first_day, f.is_metered, f.is_reported, u.bounded_from, u.bounded_until
FROM core.caller_enterprise c
JOIN core.site_membership o ON o.enterprise_id = c.enterprise_id AND o.recorded_until = 'infinity'
JOIN core.site s ON s.site_id = o.site_id
CROSS JOIN LATERAL (
    SELECT min(least((SELECT min(e.day) FROM core.energy_day e WHERE e.register_id = n.register_id),
                     (SELECT min(d.day) FROM core.reading_day d WHERE d.register_id = n.register_id))) AS first_day,
           max(b.reaches_at) AS newest_at, max(q.interval_s) AS lag_s, bool_or(n.side <> 'reported') AS is_metered,
           bool_or(n.side = 'reported') AS is_reported
    FROM (SELECT p.register_id, p.side FROM core.pue_version v JOIN core.pue_part p ON p.boundary_id = v.boundary_id
          WHERE v.site_id = s.site_id
          UNION
          SELECT v.reported_id, 'reported' FROM core.pue_version v
          WHERE v.site_id = s.site_id AND v.reported_id IS NOT NULL) AS n
    LEFT JOIN core.register_reach b ON b.register_id = n.register_id
    LEFT JOIN core.register_policy q ON q.register_id = n.register_id AND q.recorded_until = 'infinity'
    HAVING count(*) > 0
) AS f
CROSS JOIN LATERAL (
    SELECT least(greatest(now(), f.newest_at), max(v.starts_until)) AS until_at, min(v.starts_from) AS bounded_from,
           max(v.starts_until) AS bounded_until
    FROM core.pue_version v WHERE v.site_id = s.site_id
) AS u;

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

-- The same for all windows of a day at once: quarter-hours are read once a day and summed in frames that slide over them.
-- Frames are of rows, so each slot has one, booked or not; those of 24 hours slide over whole hours.
CREATE VIEW core.caller_pue_swept AS
SELECT s.*, p.span, d.day, q.starts_at, q.starts_at + p.width AS ends_at, NULL::date AS until_day, p.width_s,
       q.starts_at + p.width <= s.settled_at AND q.starts_at + p.width + p.step > s.settled_at AS is_newest,
       q.starts_at >= s.owned_from AS is_one_owner, extract(epoch FROM q.starts_at)::bigint % 3600 = 0 AS on_the_hour,
       q.total_kwh, q.it_kwh, q.total_is_spanned, q.it_is_spanned, q.total_coverage, q.it_coverage,
       q.total_resolution, q.it_resolution, q.estimated
FROM core.caller_pue_site s
CROSS JOIN (VALUES ('1h', interval '1 hour', interval '15 minutes', 3600::bigint),
                   ('24h', interval '24 hours', interval '1 hour', 86400)) AS p (span, width, step, width_s)
JOIN core.calendar d ON d.day >= s.first_day AND d.day <= s.today
CROSS JOIN LATERAL (SELECT d.day::timestamp AT TIME ZONE s.zone, (d.day + 1)::timestamp AT TIME ZONE s.zone)
    AS t (from_at, until_at)
CROSS JOIN LATERAL (
    WITH slot AS MATERIALIZED (
        SELECT m.register_id, m.is_it, m.kwh_per_amount, g.at, x.amount, x.rest, x.covered_s, x.estimated_s,
               greatest(extract(epoch FROM least(g.at + p.width, m.starts_until)
                                           - greatest(g.at, m.starts_from))::bigint, 0) AS width_s,
               m.starts_from
        FROM core.pue_member m
        CROSS JOIN LATERAL generate_series(t.from_at, t.until_at + p.width - p.step, p.step) AS g (at)
        LEFT JOIN LATERAL (
            SELECT x.starts_at AS at, x.amount, x.rest, x.covered_s, x.estimated_s
            FROM core.energy_15m x
            WHERE p.span = '1h' AND x.register_id = m.register_id AND x.starts_at >= greatest(t.from_at, m.starts_from)
              AND x.starts_at < least(t.until_at + p.width, m.starts_until)
            UNION ALL
            SELECT date_bin(p.step, x.starts_at, t.from_at), sum(x.amount)::bigint, sum(x.rest)::bigint,
                   sum(x.covered_s)::int, sum(x.estimated_s)::int
            FROM core.energy_15m x
            WHERE p.span = '24h' AND x.register_id = m.register_id AND x.starts_at >= greatest(t.from_at, m.starts_from)
              AND x.starts_at < least(t.until_at + p.width, m.starts_until)
            GROUP BY 1
        ) AS x ON x.at = g.at
        WHERE m.site_id = s.site_id AND m.starts_from < t.until_at + p.width AND m.starts_until > t.from_at
    )
    SELECT g.at AS starts_at, e.*
    FROM generate_series(t.from_at, t.until_at - p.step, p.step) AS g (at)
    LEFT JOIN (
        SELECT e.at, CASE WHEN bool_and(e.quarters > 0) FILTER (WHERE NOT e.is_it)
                    THEN sum(core.exact(e.amount, e.rest) * e.kwh_per_amount) FILTER (WHERE NOT e.is_it) END AS total_kwh,
               CASE WHEN bool_and(e.quarters > 0) FILTER (WHERE e.is_it)
                    THEN sum(core.exact(e.amount, e.rest) * e.kwh_per_amount) FILTER (WHERE e.is_it) END AS it_kwh,
               bool_and(e.covered_s >= e.width_s) FILTER (WHERE NOT e.is_it) AS total_is_spanned,
               bool_and(e.covered_s >= e.width_s) FILTER (WHERE e.is_it) AS it_is_spanned,
               min(CASE WHEN e.covered_s = e.width_s THEN 1.000000 ELSE core.ratio(e.covered_s, e.width_s) END)
                   FILTER (WHERE NOT e.is_it) AS total_coverage,
               min(CASE WHEN e.covered_s = e.width_s THEN 1.000000 ELSE core.ratio(e.covered_s, e.width_s) END)
                   FILTER (WHERE e.is_it) AS it_coverage,
               min(CASE WHEN e.covered_s = e.width_s AND e.estimated_s = 0 THEN 1.000000
                        ELSE core.ratio(e.covered_s - e.estimated_s, e.width_s) END) FILTER (WHERE NOT e.is_it) AS total_resolution,
               min(CASE WHEN e.covered_s = e.width_s AND e.estimated_s = 0 THEN 1.000000
                        ELSE core.ratio(e.covered_s - e.estimated_s, e.width_s) END) FILTER (WHERE e.is_it) AS it_resolution,
               array_agg(e.register_id) FILTER (WHERE e.estimated_s > 0) AS estimated
        FROM (
            SELECT z.register_id, z.is_it, z.kwh_per_amount, z.at, z.width_s, count(z.amount) OVER w AS quarters,
                   sum(z.amount) OVER w AS amount, sum(z.rest) OVER w AS rest,
                   coalesce(sum(z.covered_s) OVER w, 0) AS covered_s, coalesce(sum(z.estimated_s) OVER w, 0) AS estimated_s
            FROM slot z
            WHERE p.span = '1h'
            WINDOW w AS (PARTITION BY z.register_id, z.is_it, z.starts_from ORDER BY z.at
                         ROWS BETWEEN CURRENT ROW AND 3 FOLLOWING)
            UNION ALL
            SELECT z.register_id, z.is_it, z.kwh_per_amount, z.at, z.width_s, count(z.amount) OVER w AS quarters,
                   sum(z.amount) OVER w AS amount, sum(z.rest) OVER w AS rest,
                   coalesce(sum(z.covered_s) OVER w, 0) AS covered_s, coalesce(sum(z.estimated_s) OVER w, 0) AS estimated_s
            FROM slot z
            WHERE p.span = '24h'
            WINDOW w AS (PARTITION BY z.register_id, z.is_it, z.starts_from ORDER BY z.at
                         ROWS BETWEEN CURRENT ROW AND 23 FOLLOWING)
        ) AS e
        WHERE e.width_s > 0 AND e.at < t.until_at AND e.at >= s.owned_from
        GROUP BY e.at
    ) AS e ON e.at = g.at
    OFFSET 0  -- each day by itself
) AS q
WHERE q.starts_at + p.width <= s.until_at AND q.starts_at + p.width > s.owned_from
  AND q.starts_at + p.width <= s.owned_until;

-- What follows from the energies, however found. One view over both ways would be planned with both for either, which takes
-- longer than most panels run.
DO $do$
DECLARE
    way record;
BEGIN
    FOR way IN SELECT * FROM (VALUES ('caller_pue_looked_up', 'caller_pue', 'caller_pue_figure'),
                                     ('caller_pue_swept', 'caller_pue_by_day', 'caller_pue_by_day_figure'))
                             AS v (energies, pue, figure)
    LOOP
        EXECUTE format($view$
CREATE VIEW core.%2$I AS
SELECT w.*, u.total_kwh AS total_uncertain_kwh, u.it_kwh AS it_uncertain_kwh, y.why,
       core.pue_state(y.why, w.total_kwh, w.it_kwh, v.limit_ratio) AS state,
       v.category, v.minimum_it_kw, v.limit_ratio, CASE WHEN w.span = '12mo' THEN 'PUE' ELSE 'iPUE' END AS label
FROM core.%1$I AS w
LEFT JOIN core.pue_version v ON v.site_id = w.site_id AND v.starts_from < w.ends_at AND v.starts_until >= w.ends_at
CROSS JOIN LATERAL (SELECT CASE WHEN w.estimated IS NOT NULL THEN (
    SELECT ARRAY[sum(u.amount * abs(m.kwh_per_amount)) FILTER (WHERE NOT m.is_it),
                 sum(u.amount * abs(m.kwh_per_amount)) FILTER (WHERE m.is_it)]
    FROM core.pue_member m
    CROSS JOIN LATERAL (
        SELECT greatest(w.starts_at, m.starts_from) AS from_at, least(w.ends_at, m.starts_until) AS until_at
    ) AS o
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE x.starts_at <= o.from_at) = 2 AS at_start,
               count(*) FILTER (WHERE x.starts_at >= o.until_at - interval '15 minutes') = 2 AS at_end
        FROM core.energy_15m x
        WHERE x.register_id = m.register_id AND x.estimated_s > 0
          AND x.starts_at IN (o.from_at - interval '15 minutes', o.from_at,
                              o.until_at - interval '15 minutes', o.until_at)
    ) AS c
    CROSS JOIN LATERAL (
        -- Estimated energy of segments that cross an edge: from it to the accepted reading at which the segment ends, or
        -- to the other edge. One look at the readings gives both ends: each more is planned for every day there is.
        SELECT coalesce(sum(abs(core.exact(x.estimated_amount, x.estimated_rest))), 0) AS amount
        FROM (SELECT CASE WHEN c.at_start THEN coalesce(min(r.read_at), 'infinity') ELSE '-infinity' END AS start_until,
                     CASE WHEN c.at_end THEN coalesce(max(r.read_at), '-infinity') ELSE 'infinity' END AS end_from
              FROM core.reading r
              WHERE (c.at_start OR c.at_end) AND r.register_id = m.register_id
                AND r.read_at >= o.from_at AND r.read_at <= o.until_at
                AND NOT EXISTS (SELECT FROM core.doubt d WHERE d.register_id = r.register_id AND d.read_at = r.read_at
                                AND d.outcome IN ('held', 'out_of_range', 'overruled', 'ignored'))) AS t
        JOIN core.energy_15m x ON x.register_id = m.register_id
            AND x.starts_at >= o.from_at AND x.starts_at < o.until_at
            AND (x.starts_at < t.start_until OR x.starts_at + interval '15 minutes' > t.end_from)
        WHERE c.at_start OR c.at_end
    ) AS u
    WHERE m.register_id = ANY (w.estimated)
      AND m.site_id = w.site_id AND m.starts_from < w.ends_at AND m.starts_until > w.starts_at
) END OFFSET 0) AS r (uncertain)  -- made once, and only where there is something estimated
CROSS JOIN LATERAL (
    SELECT CASE WHEN w.total_is_spanned IS NOT NULL THEN coalesce(r.uncertain[1], 0) END AS total_kwh,
           CASE WHEN w.it_is_spanned IS NOT NULL THEN coalesce(r.uncertain[2], 0) END AS it_kwh
) AS u
CROSS JOIN LATERAL (
    SELECT core.pue_why(w.is_one_owner, w.bounded_from <= w.starts_at AND w.bounded_until >= w.ends_at, w.width_s,
                        v.minimum_it_kw, w.total_kwh, w.total_is_spanned, w.total_resolution, u.total_kwh,
                        w.it_kwh, w.it_is_spanned, w.it_resolution, u.it_kwh)
) AS y (why)
WHERE w.is_metered;

CREATE VIEW core.%3$I AS
SELECT p.span, p.day, p.starts_at, p.ends_at, p.enterprise, p.enterprise_zh, p.enterprise_en,
       p.site, p.site_zh, p.site_en, p.zone, trim_scale(core.rounded(p.total_kwh)) AS total_kwh,
       trim_scale(core.rounded(p.it_kwh)) AS it_kwh,
       CASE WHEN p.state IN ('ok', 'high') THEN core.ratio(p.total_kwh, p.it_kwh) END AS pue_ratio, p.state,
       CASE WHEN p.state = 'implausible' THEN 'it_not_below_total' ELSE p.why END AS why,
       p.total_resolution AS total_resolution_ratio, p.it_resolution AS it_resolution_ratio,
       p.total_coverage AS total_coverage_ratio, p.it_coverage AS it_coverage_ratio,
       CASE WHEN p.total_uncertain_kwh = 0 THEN 0
            ELSE core.ratio(p.total_uncertain_kwh, abs(p.total_kwh)) END AS total_uncertainty_ratio,
       CASE WHEN p.it_uncertain_kwh = 0 THEN 0
            ELSE core.ratio(p.it_uncertain_kwh, abs(p.it_kwh)) END AS it_uncertainty_ratio,
       p.category, p.minimum_it_kw, p.limit_ratio, p.label, p.is_newest, p.on_the_hour
FROM core.%2$I AS p;
$view$, way.energies, way.pue, way.figure);
    END LOOP;
END $do$;

-- What follows from the energies, however found. One view over all ways would be planned with all for each, which takes
-- longer than most panels run.
DO $do$
DECLARE
    way record;
BEGIN
    FOR way IN SELECT * FROM (VALUES ('caller_pue_looked_up', 'caller_pue', 'caller_pue_figure'),
                                     ('caller_pue_energy_1h', 'caller_pue_1h', 'caller_pue_figure_1h'),
                                     ('caller_pue_energy_24h', 'caller_pue_24h', 'caller_pue_figure_24h'))
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

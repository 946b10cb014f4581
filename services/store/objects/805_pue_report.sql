-- The windows of PUE as reports, and the ratio an operator publishes: time-weighted, never summed, never mixed in.

-- The caller's data centres that have energy to show.
CREATE VIEW report.pue_sites WITH (security_barrier) AS
SELECT DISTINCT enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone
FROM core.caller_pue_site WHERE is_metered;

-- on_the_hour: each hour once, for who wants no overlapping windows.
CREATE VIEW report.pue_1h WITH (security_barrier) AS
SELECT day, starts_at, ends_at, enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone,
       total_kwh, it_kwh, pue_ratio, state, why, total_resolution_ratio, it_resolution_ratio,
       total_coverage_ratio, it_coverage_ratio, total_uncertainty_ratio, it_uncertainty_ratio,
       category, minimum_it_kw, limit_ratio, label, on_the_hour
FROM core.caller_pue_figure_1h;

CREATE VIEW report.pue_24h WITH (security_barrier) AS
SELECT day, starts_at, ends_at, enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone,
       total_kwh, it_kwh, pue_ratio, state, why, total_resolution_ratio, it_resolution_ratio,
       total_coverage_ratio, it_coverage_ratio, total_uncertainty_ratio, it_uncertainty_ratio,
       category, minimum_it_kw, limit_ratio, label
FROM core.caller_pue_figure_24h;

CREATE VIEW report.pue_1d WITH (security_barrier) AS
SELECT day, starts_at, ends_at, enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone,
       total_kwh, it_kwh, pue_ratio, state, why, total_resolution_ratio, it_resolution_ratio,
       total_coverage_ratio, it_coverage_ratio, total_uncertainty_ratio, it_uncertainty_ratio,
       category, minimum_it_kw, limit_ratio, label
FROM core.caller_pue_figure WHERE span = '1d';

CREATE VIEW report.pue_30d WITH (security_barrier) AS
SELECT day, starts_at, ends_at, enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone,
       total_kwh, it_kwh, pue_ratio, state, why, total_resolution_ratio, it_resolution_ratio,
       total_coverage_ratio, it_coverage_ratio, total_uncertainty_ratio, it_uncertainty_ratio,
       category, minimum_it_kw, limit_ratio, label
FROM core.caller_pue_figure WHERE span = '30d';

CREATE VIEW report.pue_1mo WITH (security_barrier) AS
SELECT day, starts_at, ends_at, enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone,
       total_kwh, it_kwh, pue_ratio, state, why, total_resolution_ratio, it_resolution_ratio,
       total_coverage_ratio, it_coverage_ratio, total_uncertainty_ratio, it_uncertainty_ratio,
       category, minimum_it_kw, limit_ratio, label
FROM core.caller_pue_figure WHERE span = '1mo';

CREATE VIEW report.pue_12mo WITH (security_barrier) AS
SELECT day, starts_at, ends_at, enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone,
       total_kwh, it_kwh, pue_ratio, state, why, total_resolution_ratio, it_resolution_ratio,
       total_coverage_ratio, it_coverage_ratio, total_uncertainty_ratio, it_uncertainty_ratio,
       category, minimum_it_kw, limit_ratio, label
FROM core.caller_pue_figure WHERE span = '12mo';

-- The newest window of each span that every meter had time to report on; unknown where one did not.
CREATE VIEW report.pue_current WITH (security_barrier) AS
SELECT DISTINCT ON (f.enterprise, f.site, f.span) f.span, f.day, f.starts_at, f.ends_at, f.enterprise, f.enterprise_zh, f.enterprise_en, f.site, f.site_zh, f.site_en, f.zone, f.total_kwh, f.it_kwh, f.pue_ratio, f.state, f.why, f.total_resolution_ratio, f.it_resolution_ratio, f.total_coverage_ratio, f.it_coverage_ratio, f.total_uncertainty_ratio, f.it_uncertainty_ratio, f.category, f.minimum_it_kw, f.limit_ratio, f.label
FROM core.caller_pue_figure f
WHERE f.is_newest
  AND f.day >= current_date - CASE f.span WHEN '12mo' THEN 431 WHEN '30d' THEN 35 WHEN '1mo' THEN 35 ELSE 5 END
ORDER BY f.enterprise, f.site, f.span, f.ends_at DESC;

-- Each reported value holds until the next one, if that comes within the register's gap; else it is not covered.
CREATE VIEW core.caller_pue_reported AS
SELECT w.*, v.limit_ratio, q.weighted / nullif(q.covered_us, 0) AS pue_ratio, q.covered_us * 0.000001 AS covered_s, y.why
FROM core.caller_pue_window w
JOIN core.pue_version v ON v.site_id = w.site_id AND v.starts_from < w.ends_at AND v.starts_until >= w.ends_at
    AND v.reported_id IS NOT NULL
CROSS JOIN LATERAL (
    SELECT sum(x.weighted) AS weighted, coalesce(sum(x.covered_us), 0) AS covered_us
    FROM (SELECT x.weighted, x.covered_us FROM core.reported_15m x
          WHERE w.until_day IS NULL AND x.register_id = v.reported_id
            AND x.starts_at >= greatest(w.starts_at, v.starts_from) AND x.starts_at < w.ends_at
          UNION ALL
          SELECT x.weighted, x.covered_us FROM core.reported_day x
          WHERE w.until_day IS NOT NULL AND x.register_id = v.reported_id
            AND x.day >= greatest(w.day, v.valid_from) AND x.day < w.until_day) AS x
    WHERE w.is_one_owner
) AS q
CROSS JOIN LATERAL (
    SELECT CASE WHEN NOT w.is_one_owner THEN 'owner_changed'
                WHEN q.covered_us < core.resolution_gate() * w.width_s * 1000000 THEN 'reported_missing'
                WHEN q.weighted < q.covered_us THEN 'below_one' END
) AS y (why)
WHERE w.is_reported;

CREATE VIEW core.caller_pue_reported_figure AS
SELECT p.span, p.day, p.starts_at, p.ends_at, p.enterprise, p.enterprise_zh, p.enterprise_en,
       p.site, p.site_zh, p.site_en, p.zone,
       CASE WHEN p.why IS NULL OR p.why = 'below_one' THEN round(p.pue_ratio, 6) END AS pue_ratio,
       CASE WHEN p.why = 'below_one' THEN 'implausible' WHEN p.why IS NOT NULL THEN 'unknown'
            WHEN p.pue_ratio > p.limit_ratio THEN 'high' ELSE 'ok' END AS state,
       p.why, core.ratio(p.covered_s, p.width_s) AS resolution_ratio, p.limit_ratio,
       CASE WHEN p.span = '12mo' THEN 'PUE' ELSE 'iPUE' END AS label,
       '运营方自报' AS reported_by_zh, 'reported by the operator' AS reported_by_en
FROM core.caller_pue_reported p;

CREATE VIEW report.pue_reported_1h WITH (security_barrier) AS
SELECT day, starts_at, ends_at, enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone,
       pue_ratio, state, why, resolution_ratio, limit_ratio, label, reported_by_zh, reported_by_en
FROM core.caller_pue_reported_figure WHERE span = '1h';

CREATE VIEW report.pue_reported_24h WITH (security_barrier) AS
SELECT day, starts_at, ends_at, enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone,
       pue_ratio, state, why, resolution_ratio, limit_ratio, label, reported_by_zh, reported_by_en
FROM core.caller_pue_reported_figure WHERE span = '24h';

CREATE VIEW report.pue_reported_1d WITH (security_barrier) AS
SELECT day, starts_at, ends_at, enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone,
       pue_ratio, state, why, resolution_ratio, limit_ratio, label, reported_by_zh, reported_by_en
FROM core.caller_pue_reported_figure WHERE span = '1d';

CREATE VIEW report.pue_reported_30d WITH (security_barrier) AS
SELECT day, starts_at, ends_at, enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone,
       pue_ratio, state, why, resolution_ratio, limit_ratio, label, reported_by_zh, reported_by_en
FROM core.caller_pue_reported_figure WHERE span = '30d';

CREATE VIEW report.pue_reported_1mo WITH (security_barrier) AS
SELECT day, starts_at, ends_at, enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone,
       pue_ratio, state, why, resolution_ratio, limit_ratio, label, reported_by_zh, reported_by_en
FROM core.caller_pue_reported_figure WHERE span = '1mo';

CREATE VIEW report.pue_reported_12mo WITH (security_barrier) AS
SELECT day, starts_at, ends_at, enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone,
       pue_ratio, state, why, resolution_ratio, limit_ratio, label, reported_by_zh, reported_by_en
FROM core.caller_pue_reported_figure WHERE span = '12mo';

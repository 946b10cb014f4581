-- Budgets as people see them, in the unit each is shown in. Codes and names beside; a level never without its scheme.

-- One row for each period that has begun. is_current: it runs now. planned: the curve at `at`. pace_ratio: actual ÷
-- planned. needed_per_day: what may be used a day from now on to end within. runs_out_on: the day the allowance is used
-- up at the pace so far, null where that is not within the period. forecast_*: the end of the period. Pace, needed and
-- forecast are null where data is missing: actual and used_ratio are then the least it can be.
CREATE VIEW report.budget_status WITH (security_barrier) AS
SELECT v.budget_id, v.code AS budget, v.name_zh, v.name_en, v.district_code AS district,
       e.code AS enterprise, e.name_zh AS enterprise_zh, e.name_en AS enterprise_en,
       s.code AS site, s.name_zh AS site_zh, s.name_en AS site_en, v.carriers, v.measure, v.basis,
       v.product, v.product_unit, v.unit, v.period, v.starts_on, v.ends_on, v.zone, v.starts_at, v.ends_at, v.at,
       v.at < v.ends_at AS is_current,
       v.allowance * v.shown_per_base AS allowance, core.rounded(v.actual * v.shown_per_base) AS actual,
       core.rounded(v.metered * v.shown_per_base) AS metered, v.manual * v.shown_per_base AS manual,
       round(v.planned * v.shown_per_base, 6) AS planned, v.production,
       core.ratio(v.actual, v.allowance) AS used_ratio, core.ratio(v.planned, v.allowance) AS planned_ratio,
       CASE WHEN v.why = '' AND v.product IS NULL AND v.days_gone >= 1 THEN core.ratio(v.actual, v.planned) END
           AS pace_ratio,
       round(CASE WHEN v.why = '' AND v.product IS NULL THEN v.actual END * v.shown_per_base / nullif(v.days_gone, 0), 6)
           AS pace_per_day,
       round(CASE WHEN v.why = '' AND v.product IS NULL AND v.actual <= v.allowance THEN v.allowance - v.actual END
             * v.shown_per_base / nullif(v.days_left, 0), 6) AS needed_per_day,
       CASE WHEN v.why = '' AND v.product IS NULL AND v.actual > 0 AND v.actual <= v.allowance
                 AND (v.allowance - v.actual) * v.days_gone < v.actual * v.days_left
            THEN ((v.at + (v.allowance - v.actual) * v.days_gone / v.actual * interval '1 day') AT TIME ZONE v.zone)::date
       END AS runs_out_on,
       CASE WHEN v.why = '' THEN v.p10 * v.shown_per_base END AS forecast_p10,
       CASE WHEN v.why = '' THEN v.p50 * v.shown_per_base END AS forecast_p50,
       CASE WHEN v.why = '' THEN v.p90 * v.shown_per_base END AS forecast_p90, v.method AS forecast_method, v.made_at AS forecast_at,
       v.worst_coverage AS coverage_ratio, v.coverage_ratio AS coverage_threshold, v.sites, v.missing_sites,
       v.state, v.why, c.severity, c.colour, c.level_zh, c.level_en, v.scheme, c.scheme_zh, c.scheme_en, v.levels,
       (SELECT max(l) FROM unnest(v.levels) AS l WHERE v.actual > l * v.allowance) AS level_reached,
       v.source, v.version_id, v.author, v.recorded_at
FROM core.budget_verdict v
LEFT JOIN core.enterprise e ON e.enterprise_id = v.enterprise_id
LEFT JOIN core.site s ON s.site_id = v.site_id
JOIN core.budget_scheme c ON c.scheme = v.scheme AND c.severity = core.budget_severity(v.state);

-- The planned curve and the actual one at the ends of months (the running month: at the moment).
CREATE VIEW report.budget_months WITH (security_barrier) AS
WITH used AS MATERIALIZED (
    SELECT version_id, starts_on, month, sum(value) AS value, bool_or(value IS NULL) AS has_unknown
    FROM core.budget_site CROSS JOIN LATERAL unnest(months, month_values) AS m (month, value)
    GROUP BY version_id, starts_on, month
)
SELECT p.budget_id, p.code AS budget, e.code AS enterprise, s.code AS site, p.period, p.starts_on, p.unit, a.month,
       a.allowance * p.shown_per_base AS allowance, round(t.planned * p.shown_per_base, 6) AS planned,
       CASE WHEN NOT u.has_unknown THEN core.rounded(u.value * p.shown_per_base) END AS actual,
       CASE WHEN p.product IS NULL THEN round(sum(t.planned) OVER curve * p.shown_per_base, 6) END AS planned_so_far,
       CASE WHEN p.product IS NULL AND a.month::timestamp AT TIME ZONE p.zone < p.at AND NOT bool_or(u.has_unknown) OVER curve
            THEN core.rounded(sum(u.value) OVER curve * p.shown_per_base) END AS actual_so_far,
       core.month_end(a.month)::timestamp AT TIME ZONE p.zone <= p.at AS is_over
FROM core.asked_period p
JOIN core.budget_part a ON a.version_id = p.version_id AND a.month >= p.starts_on AND a.month < p.ends_on
CROSS JOIN LATERAL (SELECT core.planned_part(a.allowance, a.month, p.zone, p.at, p.product IS NOT NULL)) AS t (planned)
LEFT JOIN used u ON u.version_id = p.version_id AND u.starts_on = p.starts_on AND u.month = a.month
LEFT JOIN core.enterprise e ON e.enterprise_id = p.enterprise_id
LEFT JOIN core.site s ON s.site_id = p.site_id
WINDOW curve AS (PARTITION BY p.version_id, p.starts_on ORDER BY a.month);

-- Every plant in the scope of a budget, those without data too. beside: reported by hand though metered, not counted.
CREATE VIEW report.budget_sites WITH (security_barrier) AS
SELECT p.budget_id, p.code AS budget, p.period, p.starts_on, p.unit, e.code AS enterprise, s.code AS site,
       s.name_zh AS site_zh, s.name_en AS site_en, q.registers, q.coverage_ratio,
       core.rounded(q.metered * p.shown_per_base) AS metered, q.manual * p.shown_per_base AS manual,
       q.beside * p.shown_per_base AS manual_beside, q.missing_months, q.is_plant, q.state
FROM core.budget_site q
JOIN core.asked_period p ON p.version_id = q.version_id AND p.starts_on = q.starts_on
JOIN core.enterprise e ON e.enterprise_id = q.enterprise_id
JOIN core.site s ON s.site_id = q.site_id;

-- Every version there ever was, with its dates and author.
CREATE VIEW report.budget_versions WITH (security_barrier) AS
SELECT b.code AS budget, v.year, v.name_zh, v.name_en, e.code AS enterprise, s.code AS site, v.period, v.measure,
       v.basis, v.carriers, v.product, v.product_unit, v.unit, v.split, p.parts, v.levels, v.coverage_ratio,
       v.source, v.author, v.recorded_at, v.recorded_until
FROM core.budget b
JOIN core.budget_version v ON v.budget_id = b.budget_id
LEFT JOIN core.enterprise e ON e.enterprise_id = b.enterprise_id
LEFT JOIN core.site s ON s.site_id = b.site_id
CROSS JOIN LATERAL (SELECT jsonb_object_agg(to_char(month, 'YYYY-MM'), allowance * v.shown_per_base) AS parts
                    FROM core.budget_part WHERE version_id = v.version_id) AS p
WHERE b.enterprise_id IN (SELECT c.enterprise_id FROM core.caller_enterprise c)
   OR (b.enterprise_id IS NULL AND (SELECT i.is_district FROM core.caller_is_district i));

-- Monthly figures reported by hand, superseded ones too.
CREATE VIEW report.manual_figures WITH (security_barrier) AS
SELECT c.enterprise, s.code AS site, f.carrier, f.month, f.amount * 0.001 AS amount, k.unit, f.source, f.author,
       f.recorded_at, f.recorded_until
FROM core.manual_figure f
JOIN core.site s ON s.site_id = f.site_id
JOIN core.carrier k ON k.code = f.carrier
JOIN core.site_membership m ON m.site_id = f.site_id AND m.recorded_until = 'infinity'
    AND f.month >= m.valid_from AND f.month < m.valid_until
JOIN core.caller_enterprise c ON c.enterprise_id = m.enterprise_id;

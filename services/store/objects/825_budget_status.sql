-- How a budget stands: actual against plan, allowance and forecast, and how well that is known. Base units.

-- The verdict. What is over is over, whatever else is missing, unless the sum can fall; in every other case missing data
-- makes it unknown, never green. why says what is missing. The pace is judged from the second day on.
CREATE OR REPLACE FUNCTION core.budget_state(
    why text, can_fall boolean, actual numeric, allowance numeric, planned numeric, pace_ratio numeric, days_gone numeric, forecast numeric
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN actual > allowance AND (why = '' OR NOT can_fall) THEN 'exceeded' WHEN why <> '' THEN 'unknown'
            WHEN forecast > allowance THEN 'forecast_over'
            WHEN days_gone >= 1 AND actual > planned * pace_ratio THEN 'ahead' ELSE 'within' END;

CREATE OR REPLACE FUNCTION core.budget_severity(state text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE state WHEN 'exceeded' THEN 'worst' WHEN 'unknown' THEN 'unknown' WHEN 'within' THEN 'fine' ELSE 'serious' END;

-- actual: null where a factor is missing. An intensity is over the months whose production is declared, which is that of
-- the sites in scope.
CREATE VIEW core.budget_sum AS
WITH period AS MATERIALIZED (SELECT p.* FROM core.asked_period p),
site AS MATERIALIZED (SELECT s.* FROM core.budget_site s),
month AS MATERIALIZED (
    SELECT version_id, starts_on, month, sum(value) AS value, bool_or(is_unknown) AS has_unknown,
           sum(production) AS production
    FROM (
        SELECT version_id, starts_on, m.month, m.value, m.value IS NULL AS is_unknown, NULL::numeric AS production
        FROM site CROSS JOIN LATERAL unnest(months, month_values) AS m (month, value)
        UNION ALL
        SELECT p.version_id, p.starts_on, f.month, NULL, NULL, f.amount
        FROM period p
        JOIN core.asked_membership s ON s.district_code = p.district_code
            AND (p.enterprise_id IS NULL OR s.enterprise_id = p.enterprise_id)
            AND (p.site_id IS NULL OR s.site_id = p.site_id)
        JOIN core.production f ON f.site_id = s.site_id AND core.is_asked(f.recorded_at, f.recorded_until)
            AND f.product = p.product AND f.unit = p.product_unit
            AND f.month >= greatest(p.starts_on, s.valid_from) AND f.month < least(p.ends_on, s.valid_until)
        WHERE p.product IS NOT NULL
    ) AS m
    GROUP BY version_id, starts_on, month
),
curve AS MATERIALIZED (
    SELECT p.version_id, p.starts_on,
           CASE WHEN p.product IS NULL THEN sum(t.planned) ELSE max(t.planned) END AS planned,
           coalesce(bool_or(u.has_unknown), false) AS has_unknown, sum(u.value) AS used,
           sum(u.value) FILTER (WHERE u.production IS NOT NULL) AS used_per_product,
           sum(u.production) FILTER (WHERE u.value IS NOT NULL) AS production,
           p.product IS NOT NULL AND bool_or(core.month_end(a.month)::timestamp AT TIME ZONE p.zone <= p.at
                                             AND u.production IS NULL) AS production_missing
    FROM period p
    JOIN core.budget_part a ON a.version_id = p.version_id AND a.month >= p.starts_on AND a.month < p.ends_on
    CROSS JOIN LATERAL (SELECT core.planned_part(a.allowance, a.month, p.zone, p.at, p.product IS NOT NULL)) AS t (planned)
    LEFT JOIN month u ON u.version_id = p.version_id AND u.starts_on = p.starts_on AND u.month = a.month
    GROUP BY p.version_id, p.starts_on, p.product
),
known AS MATERIALIZED (
    SELECT q.version_id, q.starts_on, count(*) FILTER (WHERE q.state <> 'not_expected') AS sites,
           array_agg(c.code ORDER BY c.code) FILTER (WHERE q.state IN ('coverage_low', 'figure_missing', 'no_data'))
               AS missing_sites,
           min(q.coverage_ratio) AS worst_coverage, bool_or(q.can_fall) AS can_fall, bool_or(q.state = 'just_begun') AS just_begun,
           sum(q.metered) AS metered, sum(q.manual) AS manual
    FROM site q JOIN core.site c ON c.site_id = q.site_id
    GROUP BY q.version_id, q.starts_on
)
SELECT p.*, c.planned, coalesce(k.sites, 0) AS sites, k.missing_sites, k.worst_coverage,
       coalesce(k.can_fall, false) OR p.product IS NOT NULL AS can_fall,
       CASE WHEN c.has_unknown THEN NULL WHEN p.product IS NULL THEN c.used
            ELSE c.used_per_product / nullif(c.production, 0) END AS actual,
       k.metered, k.manual, c.production,
       CASE WHEN c.has_unknown THEN 'factor_missing' WHEN k.missing_sites IS NOT NULL THEN 'data_missing'
            WHEN c.production_missing THEN 'production_missing' WHEN k.just_begun THEN 'just_begun'
            WHEN (CASE WHEN p.product IS NULL THEN c.used ELSE c.used_per_product END) IS NULL THEN 'no_data'
            ELSE '' END AS why,
       extract(epoch FROM p.at - p.starts_at) / 86400 AS days_gone, extract(epoch FROM p.ends_at - p.at) / 86400 AS days_left
FROM period p
JOIN curve c ON c.version_id = p.version_id AND c.starts_on = p.starts_on
LEFT JOIN known k ON k.version_id = p.version_id AND k.starts_on = p.starts_on;

CREATE VIEW core.budget_verdict AS
SELECT s.*, f.method, f.p10, f.p50, f.p90, f.made_at, f.history_days,
       core.budget_state(s.why, s.can_fall, s.actual, s.allowance, CASE WHEN s.product IS NULL THEN s.planned END, s.pace_ratio,
                         s.days_gone, f.p50) AS state
FROM core.budget_sum s
LEFT JOIN LATERAL (
    SELECT method, p10, p50, p90, made_at, history_days FROM core.budget_forecast f
    WHERE f.version_id = s.version_id AND f.starts_on = s.starts_on AND s.at < s.ends_at
      AND f.made_at <= s.at AND f.made_at > s.at - interval '2 days'
      AND (core.asked_as_of() IS NULL OR f.recorded_at <= core.asked_as_of())
    ORDER BY f.made_at DESC LIMIT 1
) AS f ON true;

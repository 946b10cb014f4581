-- Production as declared, energy and CO2 per unit of it against the limits, and the share of non-fossil electricity.

CREATE VIEW core.caller_production AS
SELECT c.enterprise_id, c.enterprise, c.enterprise_zh, c.enterprise_en, s.code AS site, s.name_zh AS site_zh,
       s.name_en AS site_en, p.month, p.product, p.amount, p.unit, p.author, p.recorded_at, p.recorded_until,
       -- Output value (元) is another measure of the same output; two products of the other units share one energy.
       count(*) FILTER (WHERE p.unit NOT LIKE '%元') OVER (PARTITION BY s.site_id, p.month) AS products
FROM core.production p
JOIN core.site s ON s.site_id = p.site_id
JOIN core.site_membership o ON o.site_id = s.site_id AND o.recorded_until = 'infinity'
    AND p.month >= o.valid_from AND p.month < o.valid_until
JOIN core.caller_enterprise c ON c.enterprise_id = o.enterprise_id
WHERE p.recorded_until = 'infinity';

CREATE VIEW report.production WITH (security_barrier) AS
SELECT p.month, p.enterprise, p.enterprise_zh, p.enterprise_en, p.site, p.site_zh, p.site_en,
       p.product, coalesce(l.name_zh, p.product) AS product_zh, coalesce(l.name_en, p.product) AS product_en,
       p.amount, p.unit, p.author, p.recorded_at
FROM core.caller_production p
LEFT JOIN core.product_limit l ON l.product = p.product AND l.recorded_until = 'infinity';

CREATE VIEW report.product_limits WITH (security_barrier) AS
SELECT product, unit, name_zh, name_en, grade_1, grade_2, grade_3, source, confidence, author, recorded_at
FROM core.product_limit WHERE recorded_until = 'infinity';

-- 1, 2 or 3 are within that grade, 'above' exceeds the limit of existing plants. Less is better, below zero too.
CREATE OR REPLACE FUNCTION core.grade(kgce_per_unit numeric, grade_1 numeric, grade_2 numeric, grade_3 numeric)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN kgce_per_unit <= grade_1 THEN '1' WHEN kgce_per_unit <= grade_2 THEN '2'
            WHEN kgce_per_unit <= grade_3 THEN '3' WHEN kgce_per_unit > grade_3 THEN 'above' END;

-- All energy of the site in the month ÷ what it produced. state: known, or unknown with why. The limits are those of a
-- process; a site of several products, or with energy beside its process, is compared as a whole, and not graded where
-- it declares several products.
CREATE VIEW report.intensity_1mo WITH (security_barrier) AS
SELECT q.month, q.enterprise, q.enterprise_zh, q.enterprise_en, q.site, q.site_zh, q.site_en,
       q.product, q.amount AS production, q.unit, q.basis, y.why,
       CASE WHEN y.why IS NULL THEN 'known' ELSE 'unknown' END AS state, q.coverage_ratio,
       q.coal_tce, i.kgce_per_unit, q.emissions_kgco2,
       CASE WHEN y.why IS NULL THEN core.ratio(q.emissions_kgco2, q.amount) END AS kgco2_per_unit,
       l.grade_1, l.grade_2, l.grade_3,
       CASE WHEN q.basis = 'calorific' AND q.products = 1
            THEN core.grade(i.kgce_per_unit, l.grade_1, l.grade_2, l.grade_3) END AS grade,
       l.source AS limit_source, l.confidence AS limit_confidence
FROM (
    SELECT p.*, e.basis, e.coal_tce, e.is_known, m.emissions_kgco2, v.coverage_ratio
    FROM core.caller_production p
    LEFT JOIN (SELECT enterprise, site, month, basis, sum(coal_tce) AS coal_tce, bool_and(state = 'known') AS is_known
               FROM report.coal_1mo GROUP BY enterprise, site, month, basis) AS e
        ON e.enterprise = p.enterprise AND e.site = p.site AND e.month = p.month
    LEFT JOIN (SELECT enterprise, site, month,
                      CASE WHEN bool_and(state IN ('known', 'exempt')) THEN sum(emissions_kgco2) END AS emissions_kgco2
               FROM report.emissions_1mo GROUP BY enterprise, site, month) AS m
        ON m.enterprise = p.enterprise AND m.site = p.site AND m.month = p.month
    LEFT JOIN (SELECT enterprise, site, month, min(coverage_ratio) AS coverage_ratio
               FROM report.energy_site_1mo GROUP BY enterprise, site, month) AS v
        ON v.enterprise = p.enterprise AND v.site = p.site AND v.month = p.month
) AS q
CROSS JOIN LATERAL (
    SELECT CASE WHEN q.coal_tce IS NULL THEN 'energy_missing' WHEN NOT q.is_known THEN 'coefficient_missing'
                WHEN q.coverage_ratio IS NULL OR q.coverage_ratio < core.resolution_gate() THEN 'coverage_low'
                WHEN q.amount = 0 THEN 'no_production' END
) AS y (why)
CROSS JOIN LATERAL (
    SELECT CASE WHEN y.why IS NULL THEN core.ratio(q.coal_tce * 1000, q.amount) END AS kgce_per_unit
) AS i
LEFT JOIN core.product_limit l ON l.product = q.product AND l.unit = q.unit AND l.recorded_until = 'infinity';

-- Non-fossil share of the electricity used; proven by contract or metered self-consumption. The district as a whole, in
-- the row whose enterprise is null, is the district's to see. Unknown where an import that is metered was not booked.
CREATE VIEW report.nonfossil_1mo WITH (security_barrier) AS
SELECT q.month, q.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       q.nonfossil_kwh, q.electricity_kwh, q.coverage_ratio, x.state,
       CASE WHEN x.state = 'known' THEN core.ratio(q.nonfossil_kwh, q.electricity_kwh) END AS nonfossil_ratio
FROM (
    SELECT month, enterprise, coalesce(sum(amount) FILTER (WHERE carrier = 'electricity_nonfossil'), 0) AS nonfossil_kwh,
           sum(amount) AS electricity_kwh, bool_and(amount IS NOT NULL) AS is_booked,
           core.ratio(sum(covered_s), sum(expected_s)) AS coverage_ratio
    FROM report.energy_enterprise_1mo
    WHERE carrier IN ('electricity', 'electricity_nonfossil')
    GROUP BY GROUPING SETS ((month, enterprise), (month))
    HAVING GROUPING(enterprise) = 0 OR (SELECT d.is_district FROM core.caller_is_district d)
) AS q
CROSS JOIN LATERAL (
    SELECT CASE WHEN NOT q.is_booked THEN 'energy_missing'
                WHEN q.coverage_ratio IS NULL OR q.coverage_ratio < core.resolution_gate() THEN 'coverage_low'
                ELSE 'known' END AS state
) AS x
LEFT JOIN core.enterprise n ON n.code = q.enterprise;

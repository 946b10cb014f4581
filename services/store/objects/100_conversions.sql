-- The one home of "which factor holds": for every district, carrier, consumption year and moment of asking.
-- kind: co2 (kgCO2 per unit), calorific and primary (kgce per unit, 当量值 and 等价值).

-- Rows a district may draw on, and from when until when it may. Grid electricity: exactly the district's region and
-- method, since another region's table is another number. All else: the district's own row before the national one.
-- A carrier whose primary value is its calorific value uses that row on both bases.
CREATE VIEW core.conversion_choice AS
SELECT 'co2' AS kind, p.district_code, f.carrier, p.factor_policy AS policy, f.data_year,
       f.kgco2_per_unit AS per_unit, f.factor_id AS row_id, f.region, f.method AS variant, f.source, f.confidence,
       f.region = p.factor_region AS specific,
       greatest(f.recorded_at, p.recorded_at) AS recorded_from,
       least(f.recorded_until, p.recorded_until) AS recorded_until
FROM core.factor_policy p
CROSS JOIN core.carrier c
JOIN core.emission_factor f ON f.carrier = c.code AND f.method = coalesce(c.factor_method, p.factor_method)
    AND (f.region = p.factor_region OR c.factor_method IS NOT NULL AND f.region = 'CN')
WHERE f.enabled AND greatest(f.recorded_at, p.recorded_at) < least(f.recorded_until, p.recorded_until)
UNION ALL
SELECT b.basis, p.district_code, k.carrier, 'own_year_else_latest', k.data_year,
       k.kgce_per_unit, k.coefficient_id, k.region, k.basis, k.source, k.confidence,
       k.region = p.factor_region,
       greatest(k.recorded_at, p.recorded_at),
       least(k.recorded_until, p.recorded_until)
FROM core.factor_policy p
CROSS JOIN (VALUES ('calorific'), ('primary')) AS b (basis)
CROSS JOIN core.carrier c
JOIN core.coal_coefficient k ON k.carrier = c.code AND k.region IN (p.factor_region, 'CN')
    AND k.basis = CASE WHEN c.primary_differs THEN b.basis ELSE 'calorific' END
WHERE k.enabled AND c.counts_as <> 'material'
  AND greatest(k.recorded_at, p.recorded_at) < least(k.recorded_until, p.recorded_until);

-- For every (kind, district, carrier), but no coal of materials: consumption years [year_from, year_until) × moments of asking
-- [recorded_from, recorded_until) without gap or overlap. per_unit is null where nothing was known: unknown, not zero.
-- own_year_else_latest: the own year's row, else the newest earlier year's, provisional, and never a later one's where
-- there is an earlier; before the first year the first, provisional. Y-n: the same for the year n earlier. A pinned year:
-- that year's row for every year. A row without data year holds for all years that no row names.
CREATE VIEW core.conversion AS
WITH subject AS (
    SELECT k.kind, d.code AS district_code, c.code AS carrier
    FROM core.district d
    CROSS JOIN core.carrier c
    CROSS JOIN (VALUES ('co2'), ('calorific'), ('primary')) AS k (kind)
    WHERE k.kind = 'co2' OR c.counts_as <> 'material'
),
moment AS (
    SELECT kind, district_code, carrier, at AS recorded_from,
           lead(at, 1, 'infinity') OVER (PARTITION BY kind, district_code, carrier ORDER BY at) AS recorded_until
    FROM (SELECT kind, district_code, carrier, '-infinity'::timestamptz AS at FROM subject
          UNION SELECT kind, district_code, carrier, recorded_from FROM core.conversion_choice
          UNION SELECT kind, district_code, carrier, recorded_until FROM core.conversion_choice
                WHERE recorded_until < 'infinity') AS step
),
-- pinned: the policy names this row's year. What a pinned policy does not name is no candidate, but undated rows are.
candidate AS (
    SELECT *, policy ~ '^[0-9]{4}$' AND data_year IS NOT DISTINCT FROM policy_year AS pinned,
           CASE WHEN policy LIKE 'Y-%' THEN substr(policy, 3)::int ELSE 0 END AS shift
    FROM (SELECT *, CASE WHEN policy ~ '^[0-9]{4}$' THEN policy::int END AS policy_year
          FROM core.conversion_choice) AS choice
    WHERE policy_year IS NULL OR data_year IS NULL OR data_year = policy_year
),
known AS (
    SELECT m.kind, m.district_code, m.carrier, m.recorded_from, m.recorded_until,
           c.row_id, c.shift, CASE WHEN NOT c.pinned THEN c.data_year + c.shift END AS holds_in,
           rank() OVER (PARTITION BY m.kind, m.district_code, m.carrier, m.recorded_from
                        ORDER BY c.specific DESC, c.pinned DESC) AS preference
    FROM moment m
    LEFT JOIN candidate c ON c.kind = m.kind AND c.district_code = m.district_code AND c.carrier = m.carrier
        AND c.recorded_from <= m.recorded_from AND m.recorded_from < c.recorded_until
),
ordered AS (
    SELECT *, lead(holds_in) OVER years AS next_year, row_number() OVER years = 1 AS is_first,
           max(row_id) FILTER (WHERE holds_in IS NULL) OVER everything AS undated_id
    FROM known WHERE preference = 1
    WINDOW everything AS (PARTITION BY kind, district_code, carrier, recorded_from),
           years AS (PARTITION BY kind, district_code, carrier, recorded_from, holds_in IS NULL ORDER BY holds_in)
),
span AS (
    SELECT o.kind, o.district_code, o.carrier, o.recorded_from, o.recorded_until,
           s.row_id, s.year_from, s.year_until, s.provisional
    FROM ordered o
    CROSS JOIN LATERAL (
        SELECT o.row_id, o.holds_in, o.holds_in + 1, false
        UNION ALL
        SELECT coalesce(o.undated_id, o.row_id), o.holds_in + 1, coalesce(o.next_year, 10000), o.undated_id IS NULL
        UNION ALL
        SELECT coalesce(o.undated_id, o.row_id), 0, o.holds_in, o.undated_id IS NULL WHERE o.is_first
    ) AS s (row_id, year_from, year_until, provisional)
    WHERE o.holds_in IS NOT NULL AND s.year_from < s.year_until
    UNION ALL
    SELECT kind, district_code, carrier, recorded_from, recorded_until, row_id, 0, 10000, false
    FROM ordered AS o
    WHERE holds_in IS NULL
      AND NOT EXISTS (SELECT FROM ordered AS dated
                      WHERE (dated.kind, dated.district_code, dated.carrier, dated.recorded_from)
                          = (o.kind, o.district_code, o.carrier, o.recorded_from) AND dated.holds_in IS NOT NULL)
)
SELECT s.kind, s.district_code, s.carrier, s.year_from, s.year_until, c.per_unit, c.data_year,
       s.provisional, c.region, c.variant, c.source, c.confidence, s.recorded_from, s.recorded_until
FROM span s
LEFT JOIN LATERAL (
    SELECT f.kgco2_per_unit, f.data_year, f.region, f.method, f.source, f.confidence
    FROM core.emission_factor f WHERE s.kind = 'co2' AND f.factor_id = s.row_id
    UNION ALL
    SELECT k.kgce_per_unit, k.data_year, k.region, k.basis, k.source, k.confidence
    FROM core.coal_coefficient k WHERE s.kind <> 'co2' AND k.coefficient_id = s.row_id
) AS c (per_unit, data_year, region, variant, source, confidence) ON true;

CREATE VIEW core.conversion_now AS
SELECT kind, district_code, carrier, year_from, year_until, per_unit, data_year, provisional, region, variant, source,
       confidence
FROM core.conversion WHERE recorded_from <= now() AND now() < recorded_until;

-- What is in force per consumption year; facts, no one's data. Its history is what `as of` reads.
CREATE VIEW report.factors WITH (security_barrier) AS
SELECT district_code AS district, carrier, kind, year_from, year_until, per_unit, data_year, provisional, region,
       variant, source, confidence
FROM core.conversion_now;
CREATE VIEW report.factors_history WITH (security_barrier) AS
SELECT district_code AS district, carrier, kind, year_from, year_until, per_unit, data_year, provisional, region,
       variant, source, confidence, recorded_from, recorded_until
FROM core.conversion;

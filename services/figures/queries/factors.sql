-- Used by services/figures/factors.py and access.py.

-- name: factor_list
SELECT f.carrier, c.name_zh, c.name_en, c.unit, f.region, f.method, f.data_year, f.published_at,
       f.kgco2_per_unit, f.scope, f.source, f.confidence, f.enabled, f.author
FROM core.emission_factor AS f JOIN core.carrier AS c ON c.code = f.carrier
WHERE f.recorded_until = 'infinity' AND ($1::text IS NULL OR f.carrier = $1)
ORDER BY f.carrier, f.region, f.method, f.data_year

-- name: factor_beside
-- The current factor of this very key, else the nearest of its carrier: region, method and enabled before data year.
SELECT region, method, data_year, kgco2_per_unit
FROM core.emission_factor
WHERE recorded_until = 'infinity' AND carrier = $1
ORDER BY (region, method) = ($2, $3) AND data_year IS NOT DISTINCT FROM $4::int DESC,
         region = $2 DESC, method = $3 DESC, enabled DESC, abs(data_year - $4::int), data_year DESC NULLS LAST, factor_id
LIMIT 1

-- name: factor_years
-- CO2 of a carrier per enterprise and local year, as everybody reads it; null where a month lacks its factor.
SELECT enterprise, enterprise_zh, core.year_of(month) AS year, unit, sum(amount) AS amount,
       CASE WHEN bool_and(state <> 'factor_missing') THEN sum(emissions_kgco2) END AS emissions_kgco2,
       min(kgco2_per_unit) AS kgco2_per_unit, min(data_year) AS data_year
FROM report.emissions_enterprise_1mo
WHERE carrier = $1 AND amount IS NOT NULL
GROUP BY enterprise, enterprise_zh, core.year_of(month), unit
ORDER BY enterprise, year

-- name: factor_supersede
UPDATE core.emission_factor SET recorded_until = now()
WHERE recorded_until = 'infinity' AND (carrier, region, method) = ($1, $2, $3)
  AND data_year IS NOT DISTINCT FROM $4::int

-- name: factor_add
INSERT INTO core.emission_factor
    (carrier, region, method, data_year, kgco2_per_unit, scope, source, confidence, enabled, author)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'declared', true, $8)

-- name: factor_switch
WITH was AS (
    UPDATE core.emission_factor SET recorded_until = now()
    WHERE recorded_until = 'infinity' AND (carrier, region, method) = ($1, $2, $3)
      AND data_year IS NOT DISTINCT FROM $4::int AND enabled <> $5
    RETURNING *
)
INSERT INTO core.emission_factor
    (carrier, region, method, data_year, published_at, kgco2_per_unit, scope, source, confidence, enabled, author)
SELECT carrier, region, method, data_year, published_at, kgco2_per_unit, scope, source, confidence, $5, $6
FROM was
RETURNING factor_id

-- name: audit_add
INSERT INTO core.audit (author, action, detail) VALUES ($1, $2, $3::jsonb)

-- Used by services/budgets/production.py.

-- name: production_site
SELECT site_id FROM core.site WHERE code = $1

-- name: production_current
SELECT amount, unit FROM core.production
WHERE (site_id, month, product) = ($1, $2, $3) AND recorded_until = 'infinity' FOR UPDATE

-- name: production_end
UPDATE core.production SET recorded_until = now()
WHERE (site_id, month, product) = ($1, $2, $3) AND recorded_until = 'infinity'

-- name: production_add
INSERT INTO core.production (site_id, month, product, unit, amount, author) VALUES ($1, $2, $3, $4, $5, $6)

-- name: production_list
SELECT p.month, p.enterprise, p.site, p.product, p.product_zh, p.amount, p.unit, p.author, p.recorded_at,
       i.kgce_per_unit, i.state, i.why, i.grade, i.limit_confidence
FROM report.production p
LEFT JOIN report.intensity_1mo i ON i.site = p.site AND i.month = p.month AND i.product = p.product
    AND i.basis = 'calorific'
WHERE ($1::text IS NULL OR p.site = $1)
ORDER BY p.month, p.site, p.product

-- name: production_limit_unit
SELECT unit FROM core.product_limit WHERE product = $1 AND recorded_until = 'infinity'

-- name: limit_end
UPDATE core.product_limit SET recorded_until = now() WHERE product = $1 AND recorded_until = 'infinity'

-- name: limit_add
INSERT INTO core.product_limit (product, unit, name_zh, name_en, grade_1, grade_2, grade_3, source, confidence, author)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'declared', $9)

-- name: limit_list
SELECT product, unit, name_zh, name_en, grade_1, grade_2, grade_3, source, confidence FROM report.product_limits
ORDER BY product

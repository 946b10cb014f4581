-- Used by services/budgets/status.py, budget_entry.py, budget_crossings.py and manual_figures.py.

-- name: budget_ask
SELECT set_config('tanfeng.at', $1, true), set_config('tanfeng.as_of', $2, true),
       set_config('tanfeng.since', $3, true)

-- name: budget_status
SELECT budget_id, budget, name_zh, name_en, district, enterprise, site, carriers, measure, basis, product, product_unit,
       unit, period, starts_on, ends_on, zone, starts_at, ends_at, at, is_current, allowance, actual, metered, manual,
       planned, production, used_ratio, planned_ratio, pace_ratio, pace_per_day, needed_per_day, runs_out_on,
       forecast_p10, forecast_p50, forecast_p90, forecast_method, forecast_at, coverage_ratio, coverage_threshold,
       sites, missing_sites, state, why, severity, colour, level_zh, level_en, scheme, scheme_zh, scheme_en, levels,
       level_reached, source, version_id, author, recorded_at
FROM report.budget_status
WHERE ($1 OR is_current) AND ($2::text IS NULL OR budget = $2)
ORDER BY budget, starts_on

-- name: budget_sites
SELECT enterprise, site, site_zh, site_en, registers, coverage_ratio, metered, manual, manual_beside, missing_months,
       is_plant, state
FROM report.budget_sites WHERE budget = $1 AND starts_on = $2 ORDER BY enterprise, site

-- name: budget_months
SELECT month, allowance, planned, actual, planned_so_far, actual_so_far FROM report.budget_months
WHERE budget = $1 AND starts_on = $2 ORDER BY month

-- name: budget_running
SELECT s.version_id, s.starts_on, s.ends_on, s.zone, s.at, s.actual FROM core.budget_sum s
WHERE s.at < s.ends_at AND s.product IS NULL AND s.actual IS NOT NULL AND s.why = ''
  AND NOT EXISTS (SELECT FROM core.budget_forecast f
                  WHERE f.version_id = s.version_id AND f.starts_on = s.starts_on
                    AND f.made_at > $1 AND f.made_at <= s.at)

-- name: budget_forecast_put
INSERT INTO core.budget_forecast (version_id, starts_on, made_at, method, p10, p50, p90, history_days)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (version_id, starts_on, made_at) DO NOTHING

-- name: budget_begun
SELECT version_id, starts_on, ends_on, allowance, levels, measure, zone FROM core.asked_period
WHERE budget_id = $1 AND product IS NULL AND allowance > 0 AND ($2::date IS NULL OR ends_on > $2)
ORDER BY starts_on

-- name: budget_values
-- What the registers of a version ($1) booked in [$2, $3) of their days, in its measure, by key; gross: imports
-- alone, which no part of the time can exceed. The rows read key, day and amount of register r. value is null where a
-- factor is missing.
WITH place AS MATERIALIZED (
    SELECT r.*, b.measure, b.coverage_ratio
    FROM core.asked_budget b
    JOIN core.asked_place r ON r.district_code = b.district_code
        AND (b.enterprise_id IS NULL OR r.enterprise_id = b.enterprise_id)
        AND (b.site_id IS NULL OR r.site_id = b.site_id)
        AND (b.carriers IS NULL OR r.carrier = ANY(b.carriers))
    JOIN core.carrier k ON k.code = r.carrier AND (b.measure <> 'coal' OR k.counts_as <> 'material')
    WHERE b.version_id = $1 AND r.valid_from < $3 AND r.valid_until > $2
), summed AS (
    SELECT e.key, e.day, r.measure, r.site_id, r.carrier,
           coalesce(core.exact(sum(e.amount) FILTER (WHERE r.direction = 'import'),
                               sum(e.rest) FILTER (WHERE r.direction = 'import')), 0) AS imported,
           coalesce(core.exact(sum(e.amount) FILTER (WHERE r.direction = 'export'),
                               sum(e.rest) FILTER (WHERE r.direction = 'export')), 0) AS exported,
           coalesce(core.exact(sum(e.amount) FILTER (WHERE r.direction = 'sold'),
                               sum(e.rest) FILTER (WHERE r.direction = 'sold')), 0) AS sold,
           coalesce(core.exact(sum(e.amount) FILTER (WHERE r.direction = 'import' AND r.exempt),
                               sum(e.rest) FILTER (WHERE r.direction = 'import' AND r.exempt)), 0) AS exempt_imported,
           coalesce(core.exact(sum(e.amount) FILTER (WHERE r.direction = 'sold' AND r.exempt),
                               sum(e.rest) FILTER (WHERE r.direction = 'sold' AND r.exempt)), 0) AS exempt_sold,
           bool_or(r.exempt) AS has_exempt,
           count(*) FILTER (WHERE e.covered_s >= r.coverage_ratio * e.expected_s) AS known_registers
    FROM place r
    CROSS JOIN LATERAL ({rows}) AS e
    GROUP BY e.key, e.day, r.measure, r.site_id, r.carrier
), factor AS MATERIALIZED (
    SELECT f.kind, f.carrier, f.year_from, f.year_until, f.per_unit
    FROM core.conversion_now f
    JOIN core.asked_budget b ON b.district_code = f.district_code AND f.kind = coalesce(b.basis, 'co2')
    WHERE b.version_id = $1 AND b.measure <> 'energy'
)
SELECT key, day, CASE WHEN bool_and(value IS NOT NULL) THEN sum(value) END AS value,
       CASE WHEN bool_and(value IS NOT NULL) THEN sum(gross) END AS gross, sum(used) AS amount,
       sum(known_registers) = (SELECT count(*) FROM place WHERE v.day >= valid_from AND v.day < valid_until) AS is_known
FROM (
    SELECT s.key, s.day, s.known_registers, core.used(s.imported, s.exported, s.sold) AS used,
           core.budget_value(s.measure, core.used(s.imported, s.exported, s.sold),
                             core.emitting(s.imported, s.sold, s.exempt_imported, s.exempt_sold), s.has_exempt,
                             f.per_unit) AS value,
           core.budget_value(s.measure, s.imported, s.imported - s.exempt_imported, s.has_exempt, f.per_unit) AS gross
    FROM summed s
    LEFT JOIN factor f ON f.carrier = s.carrier
        AND core.year_of(s.day) >= f.year_from AND core.year_of(s.day) < f.year_until
) AS v
GROUP BY key, day
ORDER BY day, key

-- name: budget_rows_days
SELECT day AS key, day, amount, rest, covered_s, core.seconds(day, day + 1, r.zone) AS expected_s FROM core.energy_day
WHERE register_id = r.register_id AND day >= greatest($2, r.valid_from) AND day < least($3, r.valid_until)

-- name: budget_rows_quarters
SELECT starts_at AS key, $2 AS day, amount, rest, covered_s, 900 AS expected_s FROM core.energy_15m
WHERE register_id = r.register_id AND $2 >= r.valid_from AND $2 < r.valid_until
  AND starts_at >= $2::timestamp AT TIME ZONE r.zone AND starts_at < $3::timestamp AT TIME ZONE r.zone

-- name: budget_row_registers
-- What one thousandth of each register that booked into a ledger row is worth in the budget's measure.
WITH factor AS MATERIALIZED (
    SELECT f.kind, f.carrier, f.year_from, f.year_until, f.per_unit
    FROM core.conversion_now f
    JOIN core.asked_budget b ON b.district_code = f.district_code AND f.kind = coalesce(b.basis, 'co2')
    WHERE b.version_id = $1 AND b.measure <> 'energy'
)
SELECT r.register_id, n.code || '/' || m.code || '/' || g.code AS name, d.imported - d.exported - d.sold AS sign,
       core.budget_value(b.measure, d.imported - d.exported - d.sold,
                         CASE WHEN r.exempt THEN 0 ELSE d.imported - d.sold END, r.exempt, f.per_unit) AS unit_value
FROM core.asked_budget b
JOIN core.asked_place r ON r.district_code = b.district_code
    AND (b.enterprise_id IS NULL OR r.enterprise_id = b.enterprise_id)
    AND (b.site_id IS NULL OR r.site_id = b.site_id)
    AND (b.carriers IS NULL OR r.carrier = ANY(b.carriers))
    AND r.valid_from <= $3 AND r.valid_until > $3
JOIN core.energy_15m e ON e.register_id = r.register_id AND e.starts_at = $2
JOIN core.carrier k ON k.code = r.carrier AND (b.measure <> 'coal' OR k.counts_as <> 'material')
JOIN core.register g ON g.register_id = r.register_id
JOIN core.meter m ON m.meter_id = g.meter_id
JOIN core.enterprise n ON n.enterprise_id = m.enterprise_id
CROSS JOIN LATERAL (SELECT (r.direction = 'import')::int::bigint AS imported,
                           (r.direction = 'export')::int::bigint AS exported,
                           (r.direction = 'sold')::int::bigint AS sold) AS d
LEFT JOIN factor f ON f.carrier = r.carrier AND core.year_of($3) >= f.year_from AND core.year_of($3) < f.year_until
WHERE b.version_id = $1 AND (e.amount <> 0 OR e.rest <> 0)
ORDER BY r.register_id

-- name: budget_readings
-- Readings of registers ($1) from the last sound one at or before an instant ($2) to the first sound one at or after
-- another ($3): what closes the segments between them.
SELECT w.register_id, r.read_at, r.value, r.value_text
FROM unnest($1::int[]) AS w (register_id)
CROSS JOIN LATERAL (
    SELECT (SELECT max(r.read_at) FROM core.reading r
            WHERE r.register_id = w.register_id AND r.read_at <= $2
              AND NOT EXISTS (SELECT FROM core.doubt d WHERE d.register_id = w.register_id AND d.read_at = r.read_at)),
           (SELECT min(r.read_at) FROM core.reading r
            WHERE r.register_id = w.register_id AND r.read_at >= $3
              AND NOT EXISTS (SELECT FROM core.doubt d WHERE d.register_id = w.register_id AND d.read_at = r.read_at))
) AS sound (first_at, last_at)
JOIN core.reading r ON r.register_id = w.register_id AND r.read_at >= coalesce(sound.first_at, $2)
    AND r.read_at <= coalesce(sound.last_at, 'infinity')
ORDER BY w.register_id, r.read_at

-- name: budget_known
SELECT d.code AS district, (SELECT array_agg(code) FROM core.enterprise) AS enterprises,
       (SELECT array_agg(DISTINCT scheme) FROM core.budget_scheme) AS schemes
FROM core.district d ORDER BY d.code LIMIT 1

-- name: budget_known_sites
SELECT s.code AS site, e.code AS enterprise FROM core.site s
JOIN core.site_membership m ON m.site_id = s.site_id AND m.recorded_until = 'infinity'
JOIN core.enterprise e ON e.enterprise_id = m.enterprise_id
ORDER BY s.code, m.valid_until

-- name: budget_known_carriers
SELECT code, unit FROM core.carrier

-- name: budget_put
INSERT INTO core.budget (code, district_code, enterprise_id, site_id)
SELECT $1, $2, (SELECT enterprise_id FROM core.enterprise WHERE code = $3), (SELECT site_id FROM core.site WHERE code = $4)
ON CONFLICT (code) DO NOTHING

-- name: budget_lock
SELECT b.budget_id, e.code AS enterprise, s.code AS site
FROM core.budget b
LEFT JOIN core.enterprise e ON e.enterprise_id = b.enterprise_id
LEFT JOIN core.site s ON s.site_id = b.site_id
WHERE b.code = $1 FOR UPDATE OF b

-- name: budget_version_current
SELECT v.*, (SELECT coalesce(array_agg(s.code ORDER BY s.code), '{}') FROM core.budget_plant p
             JOIN core.site s ON s.site_id = p.site_id WHERE p.version_id = v.version_id) AS plants
FROM core.budget_version v WHERE v.budget_id = $1 AND v.year = $2 AND v.recorded_until = 'infinity'

-- name: budget_parts
SELECT extract(month FROM month)::int AS month, allowance FROM core.budget_part WHERE version_id = $1 ORDER BY month

-- name: budget_version_end
UPDATE core.budget_version SET recorded_until = clock_timestamp() WHERE version_id = $1

-- name: budget_version_add
INSERT INTO core.budget_version
    (budget_id, year, name_zh, name_en, period, measure, basis, carriers, product, product_unit, unit, shown_per_base,
     split, levels, coverage_ratio, pace_ratio, scheme, source, author, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, clock_timestamp())
RETURNING version_id

-- name: budget_part_add
INSERT INTO core.budget_part (version_id, month, allowance) VALUES ($1, $2, $3)

-- name: budget_plant_add
INSERT INTO core.budget_plant (version_id, site_id) SELECT $1, site_id FROM core.site WHERE code = $2

-- name: budget_manual_values
-- What a version ($1) counts of manual figures of the months in [$2, $3), in its measure; of any year.
WITH factor AS MATERIALIZED (
    SELECT f.kind, f.carrier, f.year_from, f.year_until, f.per_unit
    FROM core.conversion_now f
    JOIN core.asked_budget b ON b.district_code = f.district_code AND f.kind = coalesce(b.basis, 'co2')
    WHERE b.version_id = $1 AND b.measure <> 'energy'
)
SELECT f.month, CASE WHEN bool_and(x.value IS NOT NULL) THEN sum(x.value) END AS value
FROM core.asked_budget b
JOIN core.site_membership m ON m.recorded_until = 'infinity'
    AND (b.enterprise_id IS NULL OR m.enterprise_id = b.enterprise_id) AND (b.site_id IS NULL OR m.site_id = b.site_id)
JOIN core.caller_enterprise c ON c.enterprise_id = m.enterprise_id AND c.district_code = b.district_code
JOIN core.manual_figure f ON f.site_id = m.site_id AND f.recorded_until = 'infinity'
    AND (b.carriers IS NULL OR f.carrier = ANY(b.carriers)) AND f.month >= $2 AND f.month < $3
    AND f.month >= m.valid_from AND f.month < m.valid_until
JOIN core.carrier k ON k.code = f.carrier AND (b.measure <> 'coal' OR k.counts_as <> 'material')
LEFT JOIN factor g ON g.carrier = f.carrier AND core.year_of(f.month) >= g.year_from AND core.year_of(f.month) < g.year_until
CROSS JOIN LATERAL (SELECT core.budget_value(b.measure, f.amount, f.amount, false, g.per_unit)) AS x (value)
WHERE b.version_id = $1
  AND NOT EXISTS (SELECT FROM core.asked_place r WHERE r.site_id = f.site_id AND r.carrier = f.carrier
                  AND r.valid_from < core.month_end(f.month) AND r.valid_until > f.month)
GROUP BY f.month ORDER BY f.month

-- name: figure_place
SELECT s.site_id, k.unit FROM core.site s CROSS JOIN core.carrier k WHERE s.code = $1 AND k.code = $2

-- name: figure_current
SELECT amount, source FROM core.manual_figure
WHERE site_id = $1 AND carrier = $2 AND month = $3 AND recorded_until = 'infinity' FOR UPDATE

-- name: figure_end
UPDATE core.manual_figure SET recorded_until = clock_timestamp()
WHERE site_id = $1 AND carrier = $2 AND month = $3 AND recorded_until = 'infinity'

-- name: figure_add
INSERT INTO core.manual_figure (site_id, carrier, month, amount, source, author, recorded_at)
VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp())

-- name: figure_list
SELECT enterprise, site, carrier, month, amount, unit, source, author, recorded_at FROM report.manual_figures
WHERE recorded_until = 'infinity' ORDER BY enterprise, site, carrier, month

-- name: budget_list
SELECT budget, year, name_zh, name_en, coalesce(site, enterprise, '-') AS subject, period, measure, basis, carriers,
       product, product_unit, unit, split, author, recorded_at, source
FROM report.budget_versions WHERE recorded_until = 'infinity' ORDER BY budget, year

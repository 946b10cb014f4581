-- Used by services/registry/apply.py and content.py. $1 of what writes is a JSON list of rows; numbers and
-- times stand in it as text, so that none passes through float.

-- name: registry_lock
SELECT version FROM core.registry_version FOR UPDATE

-- name: registry_bump
UPDATE core.registry_version SET version = version + 1

-- name: registry_carriers
SELECT c.code, c.unit,
       c.counts_as = 'material' OR EXISTS (
           SELECT FROM core.coal_coefficient k
           WHERE k.carrier = c.code AND k.enabled AND k.recorded_until = 'infinity'
             AND k.basis = 'calorific' AND k.region IN ($1, 'CN')) AS has_coal,
       EXISTS (
           SELECT FROM core.emission_factor f
           WHERE f.carrier = c.code AND f.enabled AND f.recorded_until = 'infinity'
             AND f.method = coalesce(c.factor_method, $2)
             AND (f.region = $1 OR c.factor_method IS NOT NULL AND f.region = 'CN')) AS has_factor
FROM core.carrier c

-- name: registry_districts
SELECT code, name_zh, name_en, zone, factor_region, factor_method, factor_policy FROM core.district

-- name: registry_enterprises
SELECT code, district_code AS district, industry, name_zh, name_en FROM core.enterprise ORDER BY enterprise_id

-- name: registry_sites
SELECT code, kind, zone, floor_area_m2, name_zh, name_en FROM core.site ORDER BY site_id

-- name: registry_owners
SELECT s.code AS site, o.valid_from, o.valid_until, e.code AS enterprise
FROM core.site_membership o JOIN core.site s USING (site_id) JOIN core.enterprise e USING (enterprise_id)
WHERE o.recorded_until = 'infinity' ORDER BY s.site_id, o.valid_from

-- name: registry_boundaries
-- Registers by path: enterprise/meter/register.
SELECT s.code AS site, b.valid_from, b.valid_until, b.category, b.minimum_it_kw, b.limit_ratio, t.path AS reported,
       array_agg(p.side ORDER BY p.side, n.path) FILTER (WHERE p.side IS NOT NULL) AS sides,
       array_agg(n.path ORDER BY p.side, n.path) FILTER (WHERE p.side IS NOT NULL) AS registers,
       array_agg(p.kwh_per_unit ORDER BY p.side, n.path) FILTER (WHERE p.side IS NOT NULL) AS kwh_per_units
FROM core.pue_boundary b
JOIN core.site s USING (site_id)
LEFT JOIN core.pue_part p USING (boundary_id)
LEFT JOIN core.register_path n ON n.register_id = p.register_id
LEFT JOIN core.register_path t ON t.register_id = b.reported_id
WHERE b.recorded_until = 'infinity'
GROUP BY s.site_id, b.boundary_id, t.path
ORDER BY s.site_id, b.valid_from

-- name: registry_end_boundaries
UPDATE core.pue_boundary b SET recorded_until = now()
FROM core.site s WHERE s.site_id = b.site_id AND s.code = $1 AND b.recorded_until = 'infinity'

-- name: registry_add_boundary
WITH added AS (
    INSERT INTO core.pue_boundary
        (site_id, valid_from, valid_until, category, minimum_it_kw, limit_ratio, reported_id)
    SELECT s.site_id, w.valid_from, w.valid_until, w.category, w.minimum_it_kw, w.limit_ratio, n.register_id
    FROM jsonb_to_recordset($2::jsonb) AS w (valid_from date, valid_until date, category smallint,
        minimum_it_kw numeric, limit_ratio numeric, reported text)
    JOIN core.site s ON s.code = $1
    LEFT JOIN core.register_path n ON n.path = w.reported
    RETURNING boundary_id
)
INSERT INTO core.pue_part (boundary_id, side, register_id, kwh_per_unit)
SELECT added.boundary_id, w.side, n.register_id, w.kwh_per_unit
FROM added
CROSS JOIN jsonb_to_recordset($3::jsonb) AS w (side text, register text, kwh_per_unit numeric)
JOIN core.register_path n ON n.path = w.register

-- name: registry_meters
SELECT e.code AS enterprise, m.code, m.naive_zone, m.name_zh, m.name_en
FROM core.meter m JOIN core.enterprise e USING (enterprise_id) ORDER BY m.meter_id

-- name: registry_placements
SELECT e.code AS enterprise, m.code AS meter, p.valid_from, p.valid_until, s.code AS site, p.level
FROM core.meter_membership p JOIN core.meter m USING (meter_id) JOIN core.enterprise e USING (enterprise_id)
JOIN core.site s USING (site_id)
WHERE p.recorded_until = 'infinity' ORDER BY m.meter_id, p.valid_from

-- name: registry_registers
SELECT r.register_id, e.code AS enterprise, m.code AS meter, r.code, r.quantity, r.direction, r.carrier, r.unit,
       r.kind, r.integrate, r.multiplier, r.emission_exempt
FROM core.register r JOIN core.meter m USING (meter_id) JOIN core.enterprise e USING (enterprise_id)
ORDER BY r.register_id

-- name: registry_policies
SELECT register_id, valid_from, max_rate, resolution, modulus, interval_s, gap_s, slack_s, noise, on_fall, flat_s, stamp
FROM core.register_policy WHERE recorded_until = 'infinity' ORDER BY register_id, valid_from

-- name: registry_acts
SELECT act_id, register_id, kind, at, until, final, start, value, reading, author, reason
FROM core.act
WHERE recorded_until = 'infinity' AND ($1::int[] IS NULL OR register_id = ANY($1)) ORDER BY register_id, at, act_id

-- name: registry_upsert_districts
INSERT INTO core.district (code, name_zh, name_en, zone, factor_region, factor_method, factor_policy)
SELECT code, name_zh, name_en, zone, factor_region, factor_method, factor_policy
FROM jsonb_to_recordset($1::jsonb) AS w (code text, name_zh text, name_en text, zone text, factor_region text,
                                         factor_method text, factor_policy text)
ON CONFLICT (code) DO UPDATE SET (name_zh, name_en, zone, factor_region, factor_method, factor_policy)
    = (EXCLUDED.name_zh, EXCLUDED.name_en, EXCLUDED.zone, EXCLUDED.factor_region, EXCLUDED.factor_method,
       EXCLUDED.factor_policy)

-- name: registry_upsert_enterprises
INSERT INTO core.enterprise (code, district_code, industry, name_zh, name_en)
SELECT code, district, industry, name_zh, name_en
FROM jsonb_to_recordset($1::jsonb) AS w (code text, district text, industry text, name_zh text, name_en text)
ON CONFLICT (code) DO UPDATE SET (industry, name_zh, name_en)
    = (EXCLUDED.industry, EXCLUDED.name_zh, EXCLUDED.name_en)

-- name: registry_upsert_sites
INSERT INTO core.site (code, kind, zone, floor_area_m2, name_zh, name_en)
SELECT code, kind, zone, floor_area_m2, name_zh, name_en
FROM jsonb_to_recordset($1::jsonb) AS w (code text, kind text, zone text, floor_area_m2 numeric, name_zh text,
                                         name_en text)
ON CONFLICT (code) DO UPDATE SET (kind, floor_area_m2, name_zh, name_en)
    = (EXCLUDED.kind, EXCLUDED.floor_area_m2, EXCLUDED.name_zh, EXCLUDED.name_en)

-- name: registry_upsert_meters
INSERT INTO core.meter (enterprise_id, code, naive_zone, name_zh, name_en)
SELECT e.enterprise_id, w.code, w.naive_zone, w.name_zh, w.name_en
FROM jsonb_to_recordset($1::jsonb) AS w (enterprise text, code text, naive_zone text, name_zh text, name_en text)
JOIN core.enterprise e ON e.code = w.enterprise
ON CONFLICT (enterprise_id, code) DO UPDATE SET (naive_zone, name_zh, name_en)
    = (EXCLUDED.naive_zone, EXCLUDED.name_zh, EXCLUDED.name_en)

-- name: registry_upsert_registers
WITH stored AS (
    INSERT INTO core.register (meter_id, code, quantity, direction, carrier, unit, kind, integrate, multiplier,
                               emission_exempt)
    SELECT m.meter_id, w.code, w.quantity, w.direction, w.carrier, w.unit, w.kind, w.integrate, w.multiplier,
           w.emission_exempt
    FROM jsonb_to_recordset($1::jsonb) AS w (enterprise text, meter text, code text, quantity text, direction text,
        carrier text, unit text, kind text, integrate boolean, multiplier numeric, emission_exempt text)
    JOIN core.enterprise e ON e.code = w.enterprise
    JOIN core.meter m ON m.enterprise_id = e.enterprise_id AND m.code = w.meter
    ON CONFLICT (meter_id, code) DO UPDATE SET (quantity, emission_exempt)
        = (EXCLUDED.quantity, EXCLUDED.emission_exempt)
    RETURNING register_id
)
INSERT INTO core.register_state (register_id) SELECT register_id FROM stored ON CONFLICT DO NOTHING

-- name: registry_end_owners
UPDATE core.site_membership o SET recorded_until = now()
FROM core.site s
WHERE s.site_id = o.site_id AND s.code = ANY($2::text[]) AND o.recorded_until = 'infinity' AND NOT EXISTS (
    SELECT FROM jsonb_to_recordset($1::jsonb) AS w (site text, valid_from date, valid_until date, enterprise text)
    JOIN core.enterprise e ON e.code = w.enterprise
    WHERE (w.site, w.valid_from, w.valid_until, e.enterprise_id)
        = (s.code, o.valid_from, o.valid_until, o.enterprise_id))

-- name: registry_add_owners
INSERT INTO core.site_membership (site_id, enterprise_id, valid_from, valid_until)
SELECT s.site_id, e.enterprise_id, w.valid_from, w.valid_until
FROM jsonb_to_recordset($1::jsonb) AS w (site text, valid_from date, valid_until date, enterprise text)
JOIN core.site s ON s.code = w.site
JOIN core.enterprise e ON e.code = w.enterprise
ON CONFLICT (site_id, valid_from) WHERE recorded_until = 'infinity' DO NOTHING

-- name: registry_end_placements
UPDATE core.meter_membership p SET recorded_until = now()
FROM unnest($2::text[], $3::text[]) AS k (enterprise, meter)
JOIN core.enterprise e ON e.code = k.enterprise
JOIN core.meter m ON m.enterprise_id = e.enterprise_id AND m.code = k.meter
WHERE m.meter_id = p.meter_id AND p.recorded_until = 'infinity' AND NOT EXISTS (
    SELECT FROM jsonb_to_recordset($1::jsonb)
        AS w (enterprise text, meter text, valid_from date, valid_until date, site text, level smallint)
    JOIN core.site s ON s.code = w.site
    WHERE (w.enterprise, w.meter, w.valid_from, w.valid_until, s.site_id, w.level)
        = (k.enterprise, k.meter, p.valid_from, p.valid_until, p.site_id, p.level))

-- name: registry_add_placements
INSERT INTO core.meter_membership (meter_id, site_id, level, valid_from, valid_until)
SELECT m.meter_id, s.site_id, w.level, w.valid_from, w.valid_until
FROM jsonb_to_recordset($1::jsonb)
    AS w (enterprise text, meter text, valid_from date, valid_until date, site text, level smallint)
JOIN core.enterprise e ON e.code = w.enterprise
JOIN core.meter m ON m.enterprise_id = e.enterprise_id AND m.code = w.meter
JOIN core.site s ON s.code = w.site
ON CONFLICT (meter_id, valid_from) WHERE recorded_until = 'infinity' DO NOTHING

-- name: registry_end_policies
UPDATE core.register_policy p SET recorded_until = now()
WHERE p.register_id = ANY($2::int[]) AND p.recorded_until = 'infinity' AND NOT EXISTS (
    SELECT FROM jsonb_to_recordset($1::jsonb) AS w (register_id int, valid_from timestamptz, max_rate numeric,
        resolution numeric, modulus numeric, interval_s int, gap_s int, slack_s int, noise numeric, on_fall text, flat_s int,
        stamp text)
    WHERE (w.register_id, w.valid_from, w.resolution, w.interval_s, w.gap_s, w.slack_s, w.noise, w.on_fall, w.stamp)
        = (p.register_id, p.valid_from, p.resolution, p.interval_s, p.gap_s, p.slack_s, p.noise, p.on_fall, p.stamp)
      AND (w.max_rate, w.modulus, w.flat_s) IS NOT DISTINCT FROM (p.max_rate, p.modulus, p.flat_s))

-- name: registry_add_policies
INSERT INTO core.register_policy (register_id, valid_from, max_rate, resolution, modulus, interval_s, gap_s, slack_s,
                                  noise, on_fall, flat_s, stamp)
SELECT register_id, valid_from, max_rate, resolution, modulus, interval_s, gap_s, slack_s, noise, on_fall, flat_s, stamp
FROM jsonb_to_recordset($1::jsonb) AS w (register_id int, valid_from timestamptz, max_rate numeric,
    resolution numeric, modulus numeric, interval_s int, gap_s int, slack_s int, noise numeric, on_fall text, flat_s int,
    stamp text)
ON CONFLICT (register_id, valid_from) WHERE recorded_until = 'infinity' DO NOTHING

-- name: registry_register_ids
SELECT e.code AS enterprise, m.code AS meter, r.code, r.register_id
FROM unnest($1::text[], $2::text[], $3::text[]) AS k (enterprise, meter, register)
JOIN core.enterprise e ON e.code = k.enterprise
JOIN core.meter m ON m.enterprise_id = e.enterprise_id AND m.code = k.meter
JOIN core.register r ON r.meter_id = m.meter_id AND r.code = k.register

-- name: registry_moved
SELECT r.register_id FROM core.register r
JOIN core.meter m USING (meter_id)
JOIN core.enterprise e USING (enterprise_id)
WHERE (e.code, m.code) IN (SELECT * FROM unnest($2::text[], $3::text[]))
   OR r.meter_id IN (SELECT p.meter_id FROM core.meter_membership p JOIN core.site s USING (site_id)
                     WHERE p.recorded_until = 'infinity' AND s.code = ANY($1::text[]))
ORDER BY r.register_id

-- Held runs and the acts that decide them, for people.

-- name: find_register
SELECT r.register_id FROM core.register r
JOIN core.meter m USING (meter_id)
JOIN core.enterprise e USING (enterprise_id)
WHERE e.code = $1 AND m.code = $2 AND r.code = $3;

-- name: zone_of_register
SELECT s.zone FROM core.register r
JOIN core.meter_membership m ON m.meter_id = r.meter_id AND m.recorded_until = 'infinity'
JOIN core.site s ON s.site_id = m.site_id
WHERE r.register_id = $1
ORDER BY m.valid_from DESC LIMIT 1;

-- name: registers_by_name
SELECT r.register_id, e.code || '/' || m.code || '/' || r.code AS name, coalesce(c.unit, r.unit) AS unit
FROM core.register r
JOIN core.meter m USING (meter_id)
JOIN core.enterprise e USING (enterprise_id)
LEFT JOIN core.carrier c ON c.code = r.carrier
ORDER BY name;

-- name: held_registers
SELECT s.register_id, s.baseline_at, s.baseline_value, s.runs, s.newest_at,
       e.code || '/' || m.code || '/' || r.code AS name, coalesce(c.unit, r.unit) AS unit
FROM core.register_state s
JOIN core.register r USING (register_id)
JOIN core.meter m USING (meter_id)
JOIN core.enterprise e USING (enterprise_id)
LEFT JOIN core.carrier c ON c.code = r.carrier
WHERE s.runs IS NOT NULL AND ($1::int IS NULL OR s.register_id = $1)
ORDER BY name;

-- name: state_row
SELECT * FROM core.register_state WHERE register_id = $1;

-- name: acts_of
SELECT act_id, kind, at, until, final, start, value, reading, author, reason, recorded_at, recorded_until, withdrawn_by
FROM core.act WHERE register_id = $1 ORDER BY at, act_id;

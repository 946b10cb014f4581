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
SELECT h.register_id, h.kind, h.first_at, h.until_at, h.readings, h.suspect,
       e.code || '/' || m.code || '/' || r.code AS name, coalesce(c.unit, r.unit) AS unit
FROM core.held_stretch h
JOIN core.register r USING (register_id)
JOIN core.meter m USING (meter_id)
JOIN core.enterprise e USING (enterprise_id)
LEFT JOIN core.carrier c ON c.code = r.carrier
WHERE $1::int IS NULL OR h.register_id = $1
ORDER BY name;

-- name: held_readings
-- The held readings of a register from an instant on, the first $3 of them.
SELECT v.read_at, v.suspect, g.value, g.value_text
FROM core.event v
JOIN core.reading g ON g.register_id = v.register_id AND g.read_at = v.read_at
WHERE v.register_id = $1 AND v.kind = 'held' AND v.read_at >= $2
ORDER BY v.read_at LIMIT $3;

-- name: state_row
SELECT * FROM core.register_state WHERE register_id = $1;

-- name: acts_of
SELECT act_id, kind, at, until, final, start, value, reading, author, reason, recorded_at, recorded_until, withdrawn_by
FROM core.act WHERE register_id = $1 ORDER BY at, act_id;

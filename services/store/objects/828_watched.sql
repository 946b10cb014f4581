-- A register by its name with where it stands now, for whoever writes about it.
CREATE VIEW core.watched_register AS
SELECT r.register_id, e.code || '/' || m.code || '/' || r.code AS name, coalesce(k.unit, r.unit) AS unit,
       o.code AS enterprise, o.name_zh AS enterprise_zh, o.name_en AS enterprise_en,
       s.code AS site, s.name_zh AS site_zh, s.name_en AS site_en, coalesce(s.zone, d.zone) AS zone
FROM core.register r
JOIN core.meter m ON m.meter_id = r.meter_id
JOIN core.enterprise e ON e.enterprise_id = m.enterprise_id
JOIN core.district d ON d.code = e.district_code
LEFT JOIN core.carrier k ON k.code = r.carrier
LEFT JOIN LATERAL (
    SELECT t.site_id FROM core.meter_membership t
    WHERE t.meter_id = m.meter_id AND t.recorded_until = 'infinity'
    ORDER BY t.valid_from DESC LIMIT 1
) AS t ON true
LEFT JOIN core.site s ON s.site_id = t.site_id
LEFT JOIN LATERAL (
    SELECT v.enterprise_id FROM core.site_membership v
    WHERE v.site_id = t.site_id AND v.recorded_until = 'infinity'
    ORDER BY v.valid_from DESC LIMIT 1
) AS v ON true
JOIN core.enterprise o ON o.enterprise_id = coalesce(v.enterprise_id, e.enterprise_id);

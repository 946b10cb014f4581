-- Who asks, and whose energy a register's is. Every view of report starts from these, so that none can forget to.

-- The enterprises the caller may read, by the role in force (a login, or what SET ROLE made it); nothing else counts.
CREATE VIEW core.caller_enterprise AS
SELECT e.enterprise_id, e.code AS enterprise, e.district_code, e.name_zh AS enterprise_zh, e.name_en AS enterprise_en
FROM core.enterprise e
WHERE EXISTS (SELECT FROM core.login_scope s
              WHERE s.role_name = current_user AND (s.enterprise_id IS NULL OR s.enterprise_id = e.enterprise_id));

-- True for a login of the whole district: only such a one sees what belongs to no single enterprise.
CREATE VIEW core.caller_is_district AS
SELECT EXISTS (SELECT FROM core.login_scope s
               WHERE s.role_name = current_user AND s.enterprise_id IS NULL) AS is_district;

-- Versions of where a register stands, all levels. Days [valid_from, valid_until) are those of the site's zone.
CREATE VIEW core.place_version AS
SELECT r.register_id, r.meter_id, m.site_id, s.enterprise_id, m.level, r.carrier, r.direction,
       r.emission_exempt IS NOT NULL AS exempt, t.zone,
       greatest(m.valid_from, s.valid_from) AS valid_from,
       least(m.valid_until, s.valid_until) AS valid_until,
       greatest(m.valid_from, s.valid_from)::timestamp AT TIME ZONE t.zone AS starts_from,
       least(m.valid_until, s.valid_until)::timestamp AT TIME ZONE t.zone AS starts_until,
       greatest(m.recorded_at, s.recorded_at) AS recorded_from,
       least(m.recorded_until, s.recorded_until) AS recorded_until
FROM core.register r
JOIN core.meter_membership m ON m.meter_id = r.meter_id
JOIN core.site_membership s ON s.site_id = m.site_id
JOIN core.site t ON t.site_id = m.site_id
WHERE r.carrier IS NOT NULL AND (r.kind <> 'measurement' OR r.integrate)
  AND greatest(m.valid_from, s.valid_from) < least(m.valid_until, s.valid_until)
  AND greatest(m.recorded_at, s.recorded_at) < least(m.recorded_until, s.recorded_until);

CREATE VIEW core.place AS
SELECT register_id, meter_id, site_id, enterprise_id, level, carrier, direction, exempt, zone, valid_from, valid_until,
       starts_from, starts_until
FROM core.place_version WHERE recorded_until = 'infinity';

-- How many level-1 registers count at a site, in disjoint ranges of days: what full coverage would be.
CREATE VIEW core.site_population AS
SELECT enterprise_id, site_id, carrier, day AS valid_from,
       lead(day, 1, 'infinity') OVER site AS valid_until, (sum(change) OVER site)::int AS registers
FROM (
    SELECT enterprise_id, site_id, carrier, day, sum(change) AS change
    FROM core.register_scope
    CROSS JOIN LATERAL (VALUES (valid_from, 1), (valid_until, -1)) AS edge (day, change)
    WHERE day < 'infinity' AND direction <> 'produced'
    GROUP BY enterprise_id, site_id, carrier, day
) AS edges
WINDOW site AS (PARTITION BY enterprise_id, site_id, carrier ORDER BY day);

-- The same per enterprise. zone is that of its sites; where they lie in several, of the first by name.
CREATE VIEW core.enterprise_population AS
SELECT enterprise_id, carrier, zone, day AS valid_from,
       lead(day, 1, 'infinity') OVER enterprise AS valid_until,
       (sum(sum(change)) OVER enterprise)::int AS registers
FROM (
    SELECT r.enterprise_id, r.carrier, min(s.zone) OVER (PARTITION BY r.enterprise_id) AS zone,
           edge.day, edge.change
    FROM core.register_scope r
    JOIN core.site s ON s.site_id = r.site_id
    CROSS JOIN LATERAL (VALUES (r.valid_from, 1), (r.valid_until, -1)) AS edge (day, change)
    WHERE edge.day < 'infinity' AND r.direction <> 'produced'
) AS edges
GROUP BY enterprise_id, carrier, zone, day
WINDOW enterprise AS (PARTITION BY enterprise_id, carrier ORDER BY day);

CREATE VIEW report.enterprises WITH (security_barrier) AS
SELECT c.enterprise, c.enterprise_zh, c.enterprise_en, e.industry, c.district_code AS district, d.zone
FROM core.caller_enterprise c
JOIN core.enterprise e USING (enterprise_id)
JOIN core.district d ON d.code = c.district_code;

-- The present place of every booked register the caller may read.
CREATE VIEW report.registers WITH (security_barrier) AS
SELECT c.enterprise, c.enterprise_zh, c.enterprise_en, s.code AS site, s.kind AS site_kind, s.zone,
       s.name_zh AS site_zh, s.name_en AS site_en, m.code AS meter, m.name_zh AS meter_zh, m.name_en AS meter_en,
       p.level, r.code AS register, r.quantity, r.direction, r.carrier, k.unit, r.kind,
       p.valid_from, p.valid_until
FROM core.caller_enterprise c
JOIN core.place p USING (enterprise_id)
JOIN core.register r ON r.register_id = p.register_id
JOIN core.meter m ON m.meter_id = p.meter_id
JOIN core.site s ON s.site_id = p.site_id
JOIN core.carrier k ON k.code = r.carrier;

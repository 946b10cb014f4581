-- Which enterprise and site a register's energy counts for, and when: level 1 only, since levels 2 and 3 measure the
-- same energy again; half-open in days of the site's zone; a measurement counts only where it is integrated.
CREATE OR REPLACE VIEW core.register_scope AS
SELECT r.register_id, s.enterprise_id, m.site_id, r.carrier, r.direction,
       greatest(m.valid_from, s.valid_from) AS valid_from,
       least(m.valid_until, s.valid_until) AS valid_until
FROM core.register r
JOIN core.meter_membership m ON m.meter_id = r.meter_id AND m.recorded_until = 'infinity' AND m.level = 1
JOIN core.site_membership s ON s.site_id = m.site_id AND s.recorded_until = 'infinity'
WHERE r.carrier IS NOT NULL
  AND (r.kind <> 'measurement' OR r.integrate)
  AND greatest(m.valid_from, s.valid_from) < least(m.valid_until, s.valid_until);

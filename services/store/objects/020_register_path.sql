-- A register by the codes of the topic it is published on: enterprise/meter/register.
CREATE VIEW core.register_path AS
SELECT r.register_id, e.code || '/' || m.code || '/' || r.code AS path
FROM core.register r
JOIN core.meter m ON m.meter_id = r.meter_id
JOIN core.enterprise e ON e.enterprise_id = m.enterprise_id;

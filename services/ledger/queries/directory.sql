-- Used by services/ledger/directory.py.

-- name: registry_version
SELECT version FROM core.registry_version

-- name: registry_directory
SELECT e.code AS enterprise, m.code AS meter, m.naive_zone, r.code AS register, r.register_id, r.unit, r.kind,
       c.unit AS carrier_unit, greatest(r.multiplier, a.multiplier) AS multiplier
FROM core.register r
JOIN core.meter m USING (meter_id)
JOIN core.enterprise e USING (enterprise_id)
LEFT JOIN core.carrier c ON c.code = r.carrier
LEFT JOIN (SELECT register_id, max(value) AS multiplier FROM core.act
           WHERE kind = 'multiplier' AND recorded_until = 'infinity' GROUP BY register_id) AS a USING (register_id)

-- Energy per register, in the carrier's unit; days and months are those of the site's zone.
-- Amounts are summed as integers, in thousandths and parts of one, and divided once, afterwards.
-- coverage_ratio: seconds inside booked segments; resolution_ratio: those inside segments no longer than the gap.

-- Names are left-joined here and below: a join that nothing is read from is then left out of the plan.
CREATE VIEW core.caller_register AS
SELECT p.register_id, p.enterprise_id, p.site_id, p.valid_from, p.valid_until, p.starts_from, p.starts_until,
       p.zone, p.exempt, p.direction, p.level, c.district_code, c.enterprise, c.enterprise_zh, c.enterprise_en,
       s.code AS site, s.name_zh AS site_zh, s.name_en AS site_en,
       m.code AS meter, m.name_zh AS meter_zh, m.name_en AS meter_en, r.code AS register, r.quantity,
       p.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en, k.unit
FROM core.caller_enterprise c
JOIN core.place p USING (enterprise_id)
LEFT JOIN core.site s ON s.site_id = p.site_id
LEFT JOIN core.meter m ON m.meter_id = p.meter_id
LEFT JOIN core.register r ON r.register_id = p.register_id
LEFT JOIN core.carrier k ON k.code = p.carrier;

CREATE VIEW report.energy_15m WITH (security_barrier) AS
SELECT e.starts_at, e.starts_at + interval '15 minutes' AS ends_at,
       r.enterprise, r.enterprise_zh, r.enterprise_en, r.site, r.site_zh, r.site_en, r.zone,
       r.meter, r.meter_zh, r.meter_en, r.level, r.register, r.quantity,
       r.carrier, r.national_code, r.carrier_zh, r.carrier_en, r.direction,
       core.figure(e.amount, e.rest) AS amount,
       core.figure(e.estimated_amount, e.estimated_rest) AS estimated_amount, r.unit,
       e.covered_s, e.estimated_s, 900 AS expected_s,
       core.ratio(e.covered_s, 900) AS coverage_ratio,
       core.ratio(e.covered_s - e.estimated_s, 900) AS resolution_ratio
FROM core.caller_register r
JOIN core.energy_15m e ON e.register_id = r.register_id
    AND e.starts_at >= r.starts_from AND e.starts_at < r.starts_until;

CREATE VIEW report.energy_1d WITH (security_barrier) AS
SELECT e.day, r.enterprise, r.enterprise_zh, r.enterprise_en, r.site, r.site_zh, r.site_en, r.zone,
       r.meter, r.meter_zh, r.meter_en, r.level, r.register, r.quantity,
       r.carrier, r.national_code, r.carrier_zh, r.carrier_en, r.direction,
       core.figure(e.amount, e.rest) AS amount,
       core.figure(e.estimated_amount, e.estimated_rest) AS estimated_amount, r.unit,
       e.covered_s, e.estimated_s, core.seconds(e.day, e.day + 1, r.zone) AS expected_s,
       core.ratio(e.covered_s, core.seconds(e.day, e.day + 1, r.zone)) AS coverage_ratio,
       core.ratio(e.covered_s - e.estimated_s, core.seconds(e.day, e.day + 1, r.zone)) AS resolution_ratio
FROM core.caller_register r
JOIN core.energy_day e ON e.register_id = r.register_id AND e.day >= r.valid_from AND e.day < r.valid_until;

-- Energy of a place by month: whole months, and the days of those months of which it stood there for a part.
CREATE VIEW core.place_month AS
SELECT p.*, e.month, e.amount, e.estimated_amount, e.covered_s, e.estimated_s, e.rest, e.estimated_rest
FROM core.place p
JOIN core.energy_month e ON e.register_id = p.register_id AND e.month >= p.valid_from
    AND core.month_end(e.month) <= p.valid_until
    AND (e.amount <> 0 OR e.estimated_amount <> 0 OR e.covered_s <> 0 OR e.estimated_s <> 0
         OR e.rest <> 0 OR e.estimated_rest <> 0)
UNION ALL
SELECT p.*, core.month_of(e.day), e.amount, e.estimated_amount, e.covered_s, e.estimated_s, e.rest, e.estimated_rest
FROM core.place p
CROSS JOIN LATERAL (
    SELECT CASE WHEN p.valid_from = core.month_of(p.valid_from) THEN p.valid_from
                ELSE core.month_end(core.month_of(p.valid_from)) END
) AS w (whole_from)
CROSS JOIN LATERAL (
    VALUES (p.valid_from, least(w.whole_from, p.valid_until)),
           (greatest(w.whole_from, core.month_of(p.valid_until)), p.valid_until)
) AS part (from_day, until_day)
JOIN core.energy_day e ON e.register_id = p.register_id AND e.day >= part.from_day AND e.day < part.until_day
WHERE part.from_day < part.until_day;

-- The codes stand in GROUP BY so that a filter on them reaches the months.
CREATE VIEW core.caller_register_month AS
SELECT e.*, core.seconds(greatest(e.month, e.valid_from),
                         least(core.month_end(e.month), e.valid_until), e.zone) AS expected_s
FROM (
    SELECT p.register_id, p.enterprise_id, p.site_id, p.meter_id, p.level, p.carrier, p.direction, p.exempt, p.zone,
           p.valid_from, p.valid_until, c.district_code, c.enterprise, s.code AS site, m.code AS meter,
           r.code AS register, p.month,
           core.exact(core.whole_sum(p.amount), core.whole_sum(p.rest)) AS amount,
           core.exact(core.whole_sum(p.estimated_amount), core.whole_sum(p.estimated_rest)) AS estimated_amount,
           sum(p.covered_s)::bigint AS covered_s, sum(p.estimated_s)::bigint AS estimated_s
    FROM core.caller_enterprise c
    JOIN core.place_month p USING (enterprise_id)
    JOIN core.site s ON s.site_id = p.site_id
    JOIN core.meter m ON m.meter_id = p.meter_id
    JOIN core.register r ON r.register_id = p.register_id
    GROUP BY p.register_id, p.enterprise_id, p.site_id, p.meter_id, p.level, p.carrier, p.direction, p.exempt, p.zone,
             p.valid_from, p.valid_until, c.district_code, c.enterprise, s.code, m.code, r.code, p.month
) AS e;

CREATE VIEW report.energy_1mo WITH (security_barrier) AS
SELECT e.month, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.site, s.name_zh AS site_zh, s.name_en AS site_en, e.zone,
       e.meter, m.name_zh AS meter_zh, m.name_en AS meter_en, e.level, e.register, r.quantity,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en, e.direction,
       core.shown(e.amount) AS amount, core.shown(e.estimated_amount) AS estimated_amount, k.unit,
       e.covered_s, e.estimated_s, e.expected_s,
       core.ratio(e.covered_s, e.expected_s) AS coverage_ratio,
       core.ratio(e.covered_s - e.estimated_s, e.expected_s) AS resolution_ratio
FROM core.caller_register_month e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site s ON s.site_id = e.site_id
LEFT JOIN core.meter m ON m.meter_id = e.meter_id
LEFT JOIN core.register r ON r.register_id = e.register_id
LEFT JOIN core.carrier k ON k.code = e.carrier;

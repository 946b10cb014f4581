-- CO2 in kg, exact and never rounded: what was imported less what was sold on, times the factor of the year.
-- Registers declared exempt are left out and shown as exempt_amount. provisional: the year's own factor is not known yet.
-- state: known, factor_missing, energy_missing, exempt; emissions_kgco2 is null where it is not known.

CREATE VIEW core.caller_emission_15m AS
SELECT e.starts_at, e.enterprise_id, e.enterprise, e.site_id, e.site, e.zone, e.carrier, y.year,
       core.emitted(u.amount, e.has_exempt, f.per_unit) AS emissions_kgco2,
       core.emission_state(u.amount, e.has_exempt, f.per_unit) AS state,
       core.shown(u.amount) AS amount, core.shown(e.exempt_import - e.exempt_sold) AS exempt_amount,
       f.per_unit AS kgco2_per_unit, f.data_year, f.provisional, f.region, f.variant AS method, f.source
FROM core.caller_site_15m e
CROSS JOIN LATERAL (SELECT core.emitting(e.import_amount, e.sold_amount, e.exempt_import, e.exempt_sold)) AS u (amount)
CROSS JOIN LATERAL (SELECT core.year_of((e.starts_at AT TIME ZONE e.zone)::date)) AS y (year)
JOIN core.conversion_now f ON f.district_code = e.district_code AND f.carrier = e.carrier AND f.kind = 'co2'
    AND y.year >= f.year_from AND y.year < f.year_until;

CREATE VIEW report.emissions_15m WITH (security_barrier) AS
SELECT e.starts_at, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.site, s.site_kind, s.site_zh, s.site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       e.emissions_kgco2, e.state, e.amount, e.exempt_amount, k.unit,
       e.kgco2_per_unit, e.data_year, e.provisional, e.region, e.method, e.source
FROM core.caller_emission_15m e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site_name s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier;

CREATE VIEW core.caller_emission_1d AS
SELECT e.day, e.enterprise_id, e.enterprise, e.site_id, e.site, e.zone, e.carrier, y.year,
       core.emitted(u.amount, e.has_exempt, f.per_unit) AS emissions_kgco2,
       core.emission_state(u.amount, e.has_exempt, f.per_unit) AS state,
       core.shown(u.amount) AS amount, core.shown(e.exempt_import - e.exempt_sold) AS exempt_amount,
       f.per_unit AS kgco2_per_unit, f.data_year, f.provisional, f.region, f.variant AS method, f.source
FROM core.caller_site_day e
CROSS JOIN LATERAL (SELECT core.emitting(e.import_amount, e.sold_amount, e.exempt_import, e.exempt_sold)) AS u (amount)
CROSS JOIN LATERAL (SELECT core.year_of(e.day)) AS y (year)
JOIN core.conversion_now f ON f.district_code = e.district_code AND f.carrier = e.carrier AND f.kind = 'co2'
    AND y.year >= f.year_from AND y.year < f.year_until;

CREATE VIEW report.emissions_1d WITH (security_barrier) AS
SELECT e.day, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.site, s.site_kind, s.site_zh, s.site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       e.emissions_kgco2, e.state, e.amount, e.exempt_amount, k.unit,
       e.kgco2_per_unit, e.data_year, e.provisional, e.region, e.method, e.source
FROM core.caller_emission_1d e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site_name s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier;

CREATE VIEW core.caller_emission_1mo AS
SELECT e.month, e.enterprise_id, e.enterprise, e.site_id, e.site, e.zone, e.carrier, y.year,
       core.emitted(u.amount, e.has_exempt, f.per_unit) AS emissions_kgco2,
       core.emission_state(u.amount, e.has_exempt, f.per_unit) AS state,
       core.shown(u.amount) AS amount, core.shown(e.exempt_import - e.exempt_sold) AS exempt_amount,
       f.per_unit AS kgco2_per_unit, f.data_year, f.provisional, f.region, f.variant AS method, f.source
FROM core.caller_site_month e
CROSS JOIN LATERAL (SELECT core.emitting(e.import_amount, e.sold_amount, e.exempt_import, e.exempt_sold)) AS u (amount)
CROSS JOIN LATERAL (SELECT core.year_of(e.month)) AS y (year)
JOIN core.conversion_now f ON f.district_code = e.district_code AND f.carrier = e.carrier AND f.kind = 'co2'
    AND y.year >= f.year_from AND y.year < f.year_until;

CREATE VIEW report.emissions_1mo WITH (security_barrier) AS
SELECT e.month, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.site, s.site_kind, s.site_zh, s.site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       e.emissions_kgco2, e.state, e.amount, e.exempt_amount, k.unit,
       e.kgco2_per_unit, e.data_year, e.provisional, e.region, e.method, e.source
FROM core.caller_emission_1mo e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site_name s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier;

-- The same per register: imports count up, sold-on energy down, nothing else; an exempt register emits nothing.
-- OFFSET 0 has the amount made once, not for each of its uses.
CREATE VIEW core.register_emission_sign AS
SELECT direction, sign FROM (VALUES ('import', 1), ('sold', -1)) AS s (direction, sign);

CREATE VIEW report.emissions_register_15m WITH (security_barrier) AS
SELECT e.starts_at, r.enterprise, r.enterprise_zh, r.enterprise_en, r.site, r.site_zh, r.site_en, r.zone,
       r.meter, r.meter_zh, r.meter_en, r.level, r.register,
       r.carrier, r.national_code, r.carrier_zh, r.carrier_en, r.direction,
       core.emitted(u.amount, r.exempt, f.per_unit) AS emissions_kgco2,
       core.emission_state(u.amount, r.exempt, f.per_unit) AS state,
       core.shown(u.amount) AS amount, r.unit,
       f.per_unit AS kgco2_per_unit, f.data_year, f.provisional, f.region, f.variant AS method, f.source
FROM core.caller_register r
JOIN core.energy_15m e ON r.register_id = e.register_id
    AND e.starts_at >= r.starts_from AND e.starts_at < r.starts_until
JOIN core.register_emission_sign g ON g.direction = r.direction
CROSS JOIN LATERAL (SELECT CASE WHEN r.exempt THEN 0 ELSE g.sign * core.exact(e.amount, e.rest) END OFFSET 0) AS u (amount)
JOIN core.conversion_now f ON f.district_code = r.district_code AND f.carrier = r.carrier AND f.kind = 'co2'
    AND core.year_of((e.starts_at AT TIME ZONE r.zone)::date) >= f.year_from AND core.year_of((e.starts_at AT TIME ZONE r.zone)::date) < f.year_until;

CREATE VIEW report.emissions_register_1d WITH (security_barrier) AS
SELECT e.day, r.enterprise, r.enterprise_zh, r.enterprise_en, r.site, r.site_zh, r.site_en, r.zone,
       r.meter, r.meter_zh, r.meter_en, r.level, r.register,
       r.carrier, r.national_code, r.carrier_zh, r.carrier_en, r.direction,
       core.emitted(u.amount, r.exempt, f.per_unit) AS emissions_kgco2,
       core.emission_state(u.amount, r.exempt, f.per_unit) AS state,
       core.shown(u.amount) AS amount, r.unit,
       f.per_unit AS kgco2_per_unit, f.data_year, f.provisional, f.region, f.variant AS method, f.source
FROM core.caller_register r
JOIN core.energy_day e ON r.register_id = e.register_id AND e.day >= r.valid_from AND e.day < r.valid_until
JOIN core.register_emission_sign g ON g.direction = r.direction
CROSS JOIN LATERAL (SELECT CASE WHEN r.exempt THEN 0 ELSE g.sign * core.exact(e.amount, e.rest) END OFFSET 0) AS u (amount)
JOIN core.conversion_now f ON f.district_code = r.district_code AND f.carrier = r.carrier AND f.kind = 'co2'
    AND core.year_of(e.day) >= f.year_from AND core.year_of(e.day) < f.year_until;

CREATE VIEW report.emissions_register_1mo WITH (security_barrier) AS
SELECT e.month, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.site, s.name_zh AS site_zh, s.name_en AS site_en, e.zone,
       e.meter, m.name_zh AS meter_zh, m.name_en AS meter_en, e.level, e.register,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en, e.direction,
       core.emitted(u.amount, e.exempt, f.per_unit) AS emissions_kgco2,
       core.emission_state(u.amount, e.exempt, f.per_unit) AS state,
       core.shown(u.amount) AS amount, k.unit,
       f.per_unit AS kgco2_per_unit, f.data_year, f.provisional, f.region, f.variant AS method, f.source
FROM core.caller_register_month e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site s ON s.site_id = e.site_id
LEFT JOIN core.meter m ON m.meter_id = e.meter_id
LEFT JOIN core.carrier k ON k.code = e.carrier
JOIN core.register_emission_sign g ON g.direction = e.direction
CROSS JOIN LATERAL (SELECT CASE WHEN e.exempt THEN 0 ELSE g.sign * e.amount END) AS u (amount)
JOIN core.conversion_now f ON f.district_code = e.district_code AND f.carrier = e.carrier AND f.kind = 'co2'
    AND core.year_of(e.month) >= f.year_from AND core.year_of(e.month) < f.year_until;

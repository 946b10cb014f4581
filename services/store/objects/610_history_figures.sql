-- The figures of report with their past: WHERE recorded_from <= T AND T < recorded_until gives them as of T.

CREATE VIEW report.energy_15m_history WITH (security_barrier) AS
SELECT v.starts_at, v.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       s.code AS site, s.name_zh AS site_zh, s.name_en AS site_en, v.zone,
       m.code AS meter, m.name_zh AS meter_zh, m.name_en AS meter_en, v.level, r.code AS register, r.quantity,
       v.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en, v.direction,
       core.figure(v.amount, v.rest) AS amount,
       core.figure(v.estimated_amount, v.estimated_rest) AS estimated_amount, k.unit,
       v.covered_s, v.estimated_s, v.recorded_from, v.recorded_until
FROM core.caller_version_15m v
LEFT JOIN core.enterprise n ON n.enterprise_id = v.enterprise_id
LEFT JOIN core.site s ON s.site_id = v.site_id
LEFT JOIN core.meter m ON m.meter_id = v.meter_id
LEFT JOIN core.register r ON r.register_id = v.register_id
LEFT JOIN core.carrier k ON k.code = v.carrier;

CREATE VIEW report.energy_1d_history WITH (security_barrier) AS
SELECT v.day, v.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       s.code AS site, s.name_zh AS site_zh, s.name_en AS site_en, v.zone,
       m.code AS meter, m.name_zh AS meter_zh, m.name_en AS meter_en, v.level, r.code AS register, r.quantity,
       v.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en, v.direction,
       core.figure(v.amount, v.rest) AS amount,
       core.figure(v.estimated_amount, v.estimated_rest) AS estimated_amount, k.unit,
       v.covered_s, v.estimated_s, v.recorded_from, v.recorded_until
FROM core.caller_version_1d v
LEFT JOIN core.enterprise n ON n.enterprise_id = v.enterprise_id
LEFT JOIN core.site s ON s.site_id = v.site_id
LEFT JOIN core.meter m ON m.meter_id = v.meter_id
LEFT JOIN core.register r ON r.register_id = v.register_id
LEFT JOIN core.carrier k ON k.code = v.carrier;

CREATE VIEW report.energy_1mo_history WITH (security_barrier) AS
SELECT v.month, v.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       s.code AS site, s.name_zh AS site_zh, s.name_en AS site_en, v.zone,
       m.code AS meter, m.name_zh AS meter_zh, m.name_en AS meter_en, v.level, r.code AS register, r.quantity,
       v.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en, v.direction,
       core.shown(v.amount) AS amount, core.shown(v.estimated_amount) AS estimated_amount, k.unit,
       v.covered_s, v.estimated_s, v.recorded_from, v.recorded_until
FROM core.caller_register_month_step v
LEFT JOIN core.enterprise n ON n.enterprise_id = v.enterprise_id
LEFT JOIN core.site s ON s.site_id = v.site_id
LEFT JOIN core.meter m ON m.meter_id = v.meter_id
LEFT JOIN core.register r ON r.register_id = v.register_id
LEFT JOIN core.carrier k ON k.code = v.carrier;

CREATE VIEW report.energy_site_1d_history WITH (security_barrier) AS
SELECT e.day, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       s.code AS site, s.kind AS site_kind, s.name_zh AS site_zh, s.name_en AS site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       core.shown(core.used(e.import_amount, e.export_amount, e.sold_amount)) AS amount,
       core.shown(e.import_amount) AS import_amount, core.shown(e.export_amount) AS export_amount,
       core.shown(e.sold_amount) AS sold_amount, core.shown(e.produced_amount) AS produced_amount,
       core.shown(e.estimated_amount) AS estimated_amount, k.unit, e.covered_s, e.estimated_s,
       e.recorded_from, e.recorded_until
FROM core.caller_site_day_step e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier;

CREATE VIEW report.coal_1d_history WITH (security_barrier) AS
SELECT e.day, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       s.code AS site, s.kind AS site_kind, s.name_zh AS site_zh, s.name_en AS site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en, f.kind AS basis,
       core.converted(u.amount, f.per_unit) * 0.001 AS coal_tce, core.coal_state(u.amount, f.per_unit) AS state,
       core.shown(u.amount) AS amount, k.unit, f.per_unit AS kgce_per_unit, f.variant AS coefficient_basis,
       f.data_year, f.provisional, f.region, f.source,
       greatest(e.recorded_from, f.recorded_from) AS recorded_from,
       least(e.recorded_until, f.recorded_until) AS recorded_until
FROM core.caller_site_day_step e
CROSS JOIN LATERAL (SELECT core.used(e.import_amount, e.export_amount, e.sold_amount)) AS u (amount)
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier
JOIN core.conversion f ON f.district_code = e.district_code AND f.carrier = e.carrier AND f.kind <> 'co2'
    AND core.year_of(e.day) >= f.year_from AND core.year_of(e.day) < f.year_until
    AND e.recorded_from < f.recorded_until AND f.recorded_from < e.recorded_until;

CREATE VIEW report.emissions_1d_history WITH (security_barrier) AS
SELECT e.day, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       s.code AS site, s.kind AS site_kind, s.name_zh AS site_zh, s.name_en AS site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       core.emitted(u.amount, e.has_exempt, f.per_unit) AS emissions_kgco2,
       core.emission_state(u.amount, e.has_exempt, f.per_unit) AS state,
       core.shown(u.amount) AS amount, core.shown(e.exempt_import - e.exempt_sold) AS exempt_amount, k.unit,
       f.per_unit AS kgco2_per_unit, f.data_year, f.provisional, f.region, f.variant AS method, f.source,
       greatest(e.recorded_from, f.recorded_from) AS recorded_from,
       least(e.recorded_until, f.recorded_until) AS recorded_until
FROM core.caller_site_day_step e
CROSS JOIN LATERAL (SELECT core.emitting(e.import_amount, e.sold_amount, e.exempt_import, e.exempt_sold)) AS u (amount)
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier
JOIN core.conversion f ON f.district_code = e.district_code AND f.carrier = e.carrier AND f.kind = 'co2'
    AND core.year_of(e.day) >= f.year_from AND core.year_of(e.day) < f.year_until
    AND e.recorded_from < f.recorded_until AND f.recorded_from < e.recorded_until;

CREATE VIEW report.energy_site_1mo_history WITH (security_barrier) AS
SELECT e.month, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       s.code AS site, s.kind AS site_kind, s.name_zh AS site_zh, s.name_en AS site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       core.shown(core.used(e.import_amount, e.export_amount, e.sold_amount)) AS amount,
       core.shown(e.import_amount) AS import_amount, core.shown(e.export_amount) AS export_amount,
       core.shown(e.sold_amount) AS sold_amount, core.shown(e.produced_amount) AS produced_amount,
       core.shown(e.estimated_amount) AS estimated_amount, k.unit, e.covered_s, e.estimated_s,
       e.recorded_from, e.recorded_until
FROM core.caller_site_month_step e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier;

CREATE VIEW report.coal_1mo_history WITH (security_barrier) AS
SELECT e.month, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       s.code AS site, s.kind AS site_kind, s.name_zh AS site_zh, s.name_en AS site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en, f.kind AS basis,
       core.converted(u.amount, f.per_unit) * 0.001 AS coal_tce, core.coal_state(u.amount, f.per_unit) AS state,
       core.shown(u.amount) AS amount, k.unit, f.per_unit AS kgce_per_unit, f.variant AS coefficient_basis,
       f.data_year, f.provisional, f.region, f.source,
       greatest(e.recorded_from, f.recorded_from) AS recorded_from,
       least(e.recorded_until, f.recorded_until) AS recorded_until
FROM core.caller_site_month_step e
CROSS JOIN LATERAL (SELECT core.used(e.import_amount, e.export_amount, e.sold_amount)) AS u (amount)
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier
JOIN core.conversion f ON f.district_code = e.district_code AND f.carrier = e.carrier AND f.kind <> 'co2'
    AND core.year_of(e.month) >= f.year_from AND core.year_of(e.month) < f.year_until
    AND e.recorded_from < f.recorded_until AND f.recorded_from < e.recorded_until;

CREATE VIEW report.emissions_1mo_history WITH (security_barrier) AS
SELECT e.month, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       s.code AS site, s.kind AS site_kind, s.name_zh AS site_zh, s.name_en AS site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       core.emitted(u.amount, e.has_exempt, f.per_unit) AS emissions_kgco2,
       core.emission_state(u.amount, e.has_exempt, f.per_unit) AS state,
       core.shown(u.amount) AS amount, core.shown(e.exempt_import - e.exempt_sold) AS exempt_amount, k.unit,
       f.per_unit AS kgco2_per_unit, f.data_year, f.provisional, f.region, f.variant AS method, f.source,
       greatest(e.recorded_from, f.recorded_from) AS recorded_from,
       least(e.recorded_until, f.recorded_until) AS recorded_until
FROM core.caller_site_month_step e
CROSS JOIN LATERAL (SELECT core.emitting(e.import_amount, e.sold_amount, e.exempt_import, e.exempt_sold)) AS u (amount)
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier
JOIN core.conversion f ON f.district_code = e.district_code AND f.carrier = e.carrier AND f.kind = 'co2'
    AND core.year_of(e.month) >= f.year_from AND core.year_of(e.month) < f.year_until
    AND e.recorded_from < f.recorded_until AND f.recorded_from < e.recorded_until;

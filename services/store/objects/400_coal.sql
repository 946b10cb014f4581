-- Standard coal per site and carrier, in tonnes of coal equivalent, on either basis; never add figures of two bases.
-- calorific 当量值: every carrier at its heat content. primary 等价值: a carrier that has a primary value (electricity)
-- at that, the others at their heat content, which coefficient_basis shows. Process materials have none.
-- state: known, coefficient_missing, energy_missing; coal_tce is null but where known.

CREATE VIEW report.coal_1d WITH (security_barrier) AS
SELECT e.day, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.site, s.site_kind, s.site_zh, s.site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en, f.kind AS basis,
       core.converted(u.amount, f.per_unit) * 0.001 AS coal_tce, core.coal_state(u.amount, f.per_unit) AS state,
       core.shown(u.amount) AS amount, k.unit, f.per_unit AS kgce_per_unit, f.variant AS coefficient_basis,
       f.data_year, f.provisional, f.region, f.source
FROM core.caller_site_day e
CROSS JOIN LATERAL (SELECT core.used(e.import_amount, e.export_amount, e.sold_amount)) AS u (amount)
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site_name s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier
JOIN core.conversion_now f ON f.district_code = e.district_code AND f.carrier = e.carrier AND f.kind <> 'co2'
    AND core.year_of(e.day) >= f.year_from AND core.year_of(e.day) < f.year_until;

CREATE VIEW report.coal_1mo WITH (security_barrier) AS
SELECT e.month, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.site, s.site_kind, s.site_zh, s.site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en, f.kind AS basis,
       core.converted(u.amount, f.per_unit) * 0.001 AS coal_tce, core.coal_state(u.amount, f.per_unit) AS state,
       core.shown(u.amount) AS amount, k.unit, f.per_unit AS kgce_per_unit, f.variant AS coefficient_basis,
       f.data_year, f.provisional, f.region, f.source
FROM core.caller_site_month e
CROSS JOIN LATERAL (SELECT core.used(e.import_amount, e.export_amount, e.sold_amount)) AS u (amount)
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site_name s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier
JOIN core.conversion_now f ON f.district_code = e.district_code AND f.carrier = e.carrier AND f.kind <> 'co2'
    AND core.year_of(e.month) >= f.year_from AND core.year_of(e.month) < f.year_until;

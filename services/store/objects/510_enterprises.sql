-- Energy and CO2 per enterprise and carrier: the sums of its sites. What a silent site lacks is missing from
-- covered_s but not from expected_s. CO2 is unknown as soon as one site lacks a factor.

CREATE VIEW core.caller_enterprise_15m AS
SELECT enterprise_id, enterprise, carrier, starts_at,
       sum(core.used(import_amount, export_amount, sold_amount)) AS amount,
       sum(import_amount) AS import_amount, sum(export_amount) AS export_amount,
       sum(sold_amount) AS sold_amount, sum(produced_amount) AS produced_amount,
       sum(estimated_amount) AS estimated_amount,
       sum(covered_s)::bigint AS covered_s, sum(estimated_s)::bigint AS estimated_s
FROM core.caller_site_15m
GROUP BY enterprise_id, enterprise, carrier, starts_at;

CREATE VIEW report.energy_enterprise_15m WITH (security_barrier) AS
SELECT e.starts_at, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       core.shown(e.amount) AS amount, core.shown(e.import_amount) AS import_amount,
       core.shown(e.export_amount) AS export_amount,
       core.shown(e.sold_amount) AS sold_amount, core.shown(e.produced_amount) AS produced_amount,
       core.shown(e.estimated_amount) AS estimated_amount, k.unit, e.covered_s, e.estimated_s, w.expected_s,
       core.ratio(e.covered_s, w.expected_s) AS coverage_ratio,
       core.ratio(e.covered_s - e.estimated_s, w.expected_s) AS resolution_ratio
FROM core.caller_enterprise_15m e
LEFT JOIN core.enterprise_population p ON (p.enterprise_id, p.carrier) = (e.enterprise_id, e.carrier)
    AND (e.starts_at AT TIME ZONE p.zone)::date >= p.valid_from AND (e.starts_at AT TIME ZONE p.zone)::date < p.valid_until
CROSS JOIN LATERAL (SELECT 900 * p.registers) AS w (expected_s)
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.carrier k ON k.code = e.carrier;

CREATE VIEW report.emissions_enterprise_15m WITH (security_barrier) AS
SELECT e.starts_at, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       e.emissions_kgco2, e.state, e.amount, e.exempt_amount, k.unit,
       e.kgco2_per_unit, e.data_year, e.provisional, e.region, e.method, e.source
FROM (
    SELECT starts_at, enterprise_id, enterprise, carrier,
           CASE WHEN bool_and(state <> 'factor_missing') THEN trim_scale(sum(emissions_kgco2)) END AS emissions_kgco2,
           CASE WHEN bool_or(state = 'factor_missing') THEN 'factor_missing' WHEN bool_or(state = 'known') THEN 'known'
                ELSE min(state) END AS state,
           sum(amount) AS amount, sum(exempt_amount) AS exempt_amount,
           min(kgco2_per_unit) AS kgco2_per_unit, min(data_year) AS data_year, bool_or(provisional) AS provisional,
           min(region) AS region, min(method) AS method, min(source) AS source
    FROM core.caller_emission_15m
    GROUP BY starts_at, enterprise_id, enterprise, carrier, year
) AS e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.carrier k ON k.code = e.carrier;

CREATE VIEW core.caller_enterprise_1d AS
SELECT enterprise_id, enterprise, carrier, day,
       sum(core.used(import_amount, export_amount, sold_amount)) AS amount,
       sum(import_amount) AS import_amount, sum(export_amount) AS export_amount,
       sum(sold_amount) AS sold_amount, sum(produced_amount) AS produced_amount,
       sum(estimated_amount) AS estimated_amount,
       sum(covered_s)::bigint AS covered_s, sum(estimated_s)::bigint AS estimated_s
FROM core.caller_site_day
GROUP BY enterprise_id, enterprise, carrier, day;

CREATE VIEW report.energy_enterprise_1d WITH (security_barrier) AS
SELECT e.day, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       core.shown(e.amount) AS amount, core.shown(e.import_amount) AS import_amount,
       core.shown(e.export_amount) AS export_amount,
       core.shown(e.sold_amount) AS sold_amount, core.shown(e.produced_amount) AS produced_amount,
       core.shown(e.estimated_amount) AS estimated_amount, k.unit, e.covered_s, e.estimated_s, w.expected_s,
       core.ratio(e.covered_s, w.expected_s) AS coverage_ratio,
       core.ratio(e.covered_s - e.estimated_s, w.expected_s) AS resolution_ratio
FROM core.caller_enterprise_1d e
LEFT JOIN core.enterprise_population p ON (p.enterprise_id, p.carrier) = (e.enterprise_id, e.carrier)
    AND e.day >= p.valid_from AND e.day < p.valid_until
CROSS JOIN LATERAL (SELECT core.seconds(e.day, e.day + 1, p.zone) * p.registers) AS w (expected_s)
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.carrier k ON k.code = e.carrier;

CREATE VIEW report.emissions_enterprise_1d WITH (security_barrier) AS
SELECT e.day, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       e.emissions_kgco2, e.state, e.amount, e.exempt_amount, k.unit,
       e.kgco2_per_unit, e.data_year, e.provisional, e.region, e.method, e.source
FROM (
    SELECT day, enterprise_id, enterprise, carrier,
           CASE WHEN bool_and(state <> 'factor_missing') THEN trim_scale(sum(emissions_kgco2)) END AS emissions_kgco2,
           CASE WHEN bool_or(state = 'factor_missing') THEN 'factor_missing' WHEN bool_or(state = 'known') THEN 'known'
                ELSE min(state) END AS state,
           sum(amount) AS amount, sum(exempt_amount) AS exempt_amount,
           min(kgco2_per_unit) AS kgco2_per_unit, min(data_year) AS data_year, bool_or(provisional) AS provisional,
           min(region) AS region, min(method) AS method, min(source) AS source
    FROM core.caller_emission_1d
    GROUP BY day, enterprise_id, enterprise, carrier, year
) AS e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.carrier k ON k.code = e.carrier;

CREATE VIEW core.caller_enterprise_1mo AS
SELECT enterprise_id, enterprise, carrier, month,
       sum(core.used(import_amount, export_amount, sold_amount)) AS amount,
       sum(import_amount) AS import_amount, sum(export_amount) AS export_amount,
       sum(sold_amount) AS sold_amount, sum(produced_amount) AS produced_amount,
       sum(estimated_amount) AS estimated_amount,
       sum(covered_s)::bigint AS covered_s, sum(estimated_s)::bigint AS estimated_s
FROM core.caller_site_month
GROUP BY enterprise_id, enterprise, carrier, month;

CREATE VIEW report.energy_enterprise_1mo WITH (security_barrier) AS
SELECT e.month, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       core.shown(e.amount) AS amount, core.shown(e.import_amount) AS import_amount,
       core.shown(e.export_amount) AS export_amount,
       core.shown(e.sold_amount) AS sold_amount, core.shown(e.produced_amount) AS produced_amount,
       core.shown(e.estimated_amount) AS estimated_amount, k.unit, e.covered_s, e.estimated_s, e.expected_s,
       core.ratio(e.covered_s, e.expected_s) AS coverage_ratio,
       core.ratio(e.covered_s - e.estimated_s, e.expected_s) AS resolution_ratio
FROM (
    SELECT m.enterprise_id, m.enterprise, m.carrier, m.month, m.amount, m.import_amount, m.export_amount, m.sold_amount,
           m.produced_amount, m.estimated_amount, m.covered_s, m.estimated_s,
           sum(p.registers * core.seconds(greatest(m.month, p.valid_from),
                                          least(core.month_end(m.month), p.valid_until), p.zone))::bigint AS expected_s
    FROM core.caller_enterprise_1mo m
    LEFT JOIN core.enterprise_population p ON (p.enterprise_id, p.carrier) = (m.enterprise_id, m.carrier)
        AND p.valid_from < core.month_end(m.month) AND p.valid_until > m.month
    GROUP BY m.enterprise_id, m.enterprise, m.carrier, m.month, m.amount, m.import_amount, m.export_amount,
             m.sold_amount, m.produced_amount, m.estimated_amount, m.covered_s, m.estimated_s
) AS e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.carrier k ON k.code = e.carrier;

CREATE VIEW report.emissions_enterprise_1mo WITH (security_barrier) AS
SELECT e.month, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       e.emissions_kgco2, e.state, e.amount, e.exempt_amount, k.unit,
       e.kgco2_per_unit, e.data_year, e.provisional, e.region, e.method, e.source
FROM (
    SELECT month, enterprise_id, enterprise, carrier,
           CASE WHEN bool_and(state <> 'factor_missing') THEN trim_scale(sum(emissions_kgco2)) END AS emissions_kgco2,
           CASE WHEN bool_or(state = 'factor_missing') THEN 'factor_missing' WHEN bool_or(state = 'known') THEN 'known'
                ELSE min(state) END AS state,
           sum(amount) AS amount, sum(exempt_amount) AS exempt_amount,
           min(kgco2_per_unit) AS kgco2_per_unit, min(data_year) AS data_year, bool_or(provisional) AS provisional,
           min(region) AS region, min(method) AS method, min(source) AS source
    FROM core.caller_emission_1mo
    GROUP BY month, enterprise_id, enterprise, carrier, year
) AS e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.carrier k ON k.code = e.carrier;

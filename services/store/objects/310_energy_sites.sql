-- Energy per site and carrier, from its level-1 registers alone. An enterprise or the district is the sum of its sites.
-- amount = import - export - sold; null where import is metered but none was booked at all: missing is not zero.

CREATE VIEW core.site_name AS
SELECT s.site_id, s.kind AS site_kind, s.zone, s.name_zh AS site_zh, s.name_en AS site_en FROM core.site s;

-- The rows of the scope table, and again those of registers declared to need no emission factor, as exempt_amount.
CREATE VIEW core.caller_scope_day AS
SELECT c.enterprise_id, c.enterprise, c.district_code, d.site_id, s.code AS site, s.zone, d.carrier, d.direction, d.day,
       d.amount, d.estimated_amount, d.covered_s, d.estimated_s, d.rest, d.estimated_rest, d.exempt_amount, d.exempt_rest
FROM (
    SELECT enterprise_id, site_id, carrier, direction, day, amount, estimated_amount, covered_s, estimated_s, rest,
           estimated_rest, NULL::bigint AS exempt_amount, NULL::bigint AS exempt_rest
    FROM core.energy_scope_day
    UNION ALL
    SELECT p.enterprise_id, p.site_id, p.carrier, p.direction, e.day, NULL, NULL, NULL, NULL, NULL, NULL, e.amount, e.rest
    FROM core.place p
    JOIN core.energy_day e ON e.register_id = p.register_id AND e.day >= p.valid_from AND e.day < p.valid_until
    WHERE p.exempt AND p.level = 1
) AS d
JOIN core.caller_enterprise c ON c.enterprise_id = d.enterprise_id
JOIN core.site s ON s.site_id = d.site_id;

CREATE VIEW core.caller_site_day AS
SELECT enterprise_id, enterprise, district_code, site_id, site, zone, carrier, day,
       CASE WHEN count(*) FILTER (WHERE direction = 'import') > 0
            THEN core.exact(core.whole_sum(amount) FILTER (WHERE direction = 'import'),
                            core.whole_sum(rest) FILTER (WHERE direction = 'import'))
            WHEN EXISTS (SELECT FROM core.register_scope r
                         WHERE r.enterprise_id = d.enterprise_id AND r.site_id = d.site_id AND r.carrier = d.carrier
                           AND r.direction = 'import' AND d.day >= r.valid_from AND d.day < r.valid_until)
            THEN NULL ELSE 0 END AS import_amount,
       coalesce(core.exact(core.whole_sum(amount) FILTER (WHERE direction = 'export'),
                           core.whole_sum(rest) FILTER (WHERE direction = 'export')), 0) AS export_amount,
       coalesce(core.exact(core.whole_sum(amount) FILTER (WHERE direction = 'sold'),
                           core.whole_sum(rest) FILTER (WHERE direction = 'sold')), 0) AS sold_amount,
       coalesce(core.exact(core.whole_sum(amount) FILTER (WHERE direction = 'produced'),
                           core.whole_sum(rest) FILTER (WHERE direction = 'produced')), 0) AS produced_amount,
       coalesce(core.exact(core.whole_sum(estimated_amount) FILTER (WHERE direction <> 'produced'),
                           core.whole_sum(estimated_rest) FILTER (WHERE direction <> 'produced')), 0) AS estimated_amount,
       coalesce(sum(covered_s) FILTER (WHERE direction <> 'produced'), 0)::bigint AS covered_s,
       coalesce(sum(estimated_s) FILTER (WHERE direction <> 'produced'), 0)::bigint AS estimated_s,
       coalesce(core.exact(core.whole_sum(exempt_amount) FILTER (WHERE direction = 'import'),
                           core.whole_sum(exempt_rest) FILTER (WHERE direction = 'import')), 0) AS exempt_import,
       coalesce(core.exact(core.whole_sum(exempt_amount) FILTER (WHERE direction = 'sold'),
                           core.whole_sum(exempt_rest) FILTER (WHERE direction = 'sold')), 0) AS exempt_sold,
       bool_or(exempt_amount IS NOT NULL) AS has_exempt
FROM core.caller_scope_day AS d
GROUP BY enterprise_id, enterprise, district_code, site_id, site, zone, carrier, day;

CREATE VIEW core.caller_site_month AS
SELECT enterprise_id, enterprise, district_code, site_id, site, zone, carrier, month,
       CASE WHEN count(*) FILTER (WHERE direction = 'import') > 0
            THEN core.exact(core.whole_sum(amount) FILTER (WHERE direction = 'import'),
                            core.whole_sum(rest) FILTER (WHERE direction = 'import'))
            WHEN EXISTS (SELECT FROM core.register_scope r
                         WHERE r.enterprise_id = d.enterprise_id AND r.site_id = d.site_id AND r.carrier = d.carrier
                           AND r.direction = 'import' AND d.month < r.valid_until
                           AND core.month_end(d.month) > r.valid_from)
            THEN NULL ELSE 0 END AS import_amount,
       coalesce(core.exact(core.whole_sum(amount) FILTER (WHERE direction = 'export'),
                           core.whole_sum(rest) FILTER (WHERE direction = 'export')), 0) AS export_amount,
       coalesce(core.exact(core.whole_sum(amount) FILTER (WHERE direction = 'sold'),
                           core.whole_sum(rest) FILTER (WHERE direction = 'sold')), 0) AS sold_amount,
       coalesce(core.exact(core.whole_sum(amount) FILTER (WHERE direction = 'produced'),
                           core.whole_sum(rest) FILTER (WHERE direction = 'produced')), 0) AS produced_amount,
       coalesce(core.exact(core.whole_sum(estimated_amount) FILTER (WHERE direction <> 'produced'),
                           core.whole_sum(estimated_rest) FILTER (WHERE direction <> 'produced')), 0) AS estimated_amount,
       coalesce(sum(covered_s) FILTER (WHERE direction <> 'produced'), 0)::bigint AS covered_s,
       coalesce(sum(estimated_s) FILTER (WHERE direction <> 'produced'), 0)::bigint AS estimated_s,
       coalesce(core.exact(core.whole_sum(exempt_amount) FILTER (WHERE direction = 'import'),
                           core.whole_sum(exempt_rest) FILTER (WHERE direction = 'import')), 0) AS exempt_import,
       coalesce(core.exact(core.whole_sum(exempt_amount) FILTER (WHERE direction = 'sold'),
                           core.whole_sum(exempt_rest) FILTER (WHERE direction = 'sold')), 0) AS exempt_sold,
       bool_or(exempt_amount IS NOT NULL) AS has_exempt
FROM (
    SELECT c.enterprise_id, c.enterprise, c.district_code, p.site_id, s.code AS site, p.zone, p.carrier, p.direction,
           p.month, p.amount, p.estimated_amount, p.covered_s, p.estimated_s, p.rest, p.estimated_rest,
           CASE WHEN p.exempt THEN p.amount END AS exempt_amount, CASE WHEN p.exempt THEN p.rest END AS exempt_rest
    FROM core.place_month p
    JOIN core.caller_enterprise c ON c.enterprise_id = p.enterprise_id
    JOIN core.site s ON s.site_id = p.site_id
    WHERE p.level = 1
) AS d
GROUP BY enterprise_id, enterprise, district_code, site_id, site, zone, carrier, month;

CREATE VIEW core.caller_site_15m AS
SELECT p.enterprise_id, p.enterprise, p.district_code, p.site_id, p.site, p.zone, p.carrier, e.starts_at,
       CASE WHEN count(*) FILTER (WHERE p.direction = 'import') > 0
            THEN core.exact(core.whole_sum(e.amount) FILTER (WHERE p.direction = 'import'),
                            core.whole_sum(e.rest) FILTER (WHERE p.direction = 'import'))
            WHEN EXISTS (SELECT FROM core.place r
                         WHERE r.enterprise_id = p.enterprise_id AND r.site_id = p.site_id AND r.carrier = p.carrier
                           AND r.direction = 'import' AND r.level = 1
                           AND e.starts_at >= r.starts_from AND e.starts_at < r.starts_until)
            THEN NULL ELSE 0 END AS import_amount,
       coalesce(core.exact(core.whole_sum(e.amount) FILTER (WHERE p.direction = 'export'),
                           core.whole_sum(e.rest) FILTER (WHERE p.direction = 'export')), 0) AS export_amount,
       coalesce(core.exact(core.whole_sum(e.amount) FILTER (WHERE p.direction = 'sold'),
                           core.whole_sum(e.rest) FILTER (WHERE p.direction = 'sold')), 0) AS sold_amount,
       coalesce(core.exact(core.whole_sum(e.amount) FILTER (WHERE p.direction = 'produced'),
                           core.whole_sum(e.rest) FILTER (WHERE p.direction = 'produced')), 0) AS produced_amount,
       coalesce(core.exact(core.whole_sum(e.estimated_amount) FILTER (WHERE p.direction <> 'produced'),
                           core.whole_sum(e.estimated_rest) FILTER (WHERE p.direction <> 'produced')), 0) AS estimated_amount,
       coalesce(sum(e.covered_s) FILTER (WHERE p.direction <> 'produced'), 0)::bigint AS covered_s,
       coalesce(sum(e.estimated_s) FILTER (WHERE p.direction <> 'produced'), 0)::bigint AS estimated_s,
       coalesce(core.exact(core.whole_sum(e.amount) FILTER (WHERE p.exempt AND p.direction = 'import'),
                           core.whole_sum(e.rest) FILTER (WHERE p.exempt AND p.direction = 'import')), 0) AS exempt_import,
       coalesce(core.exact(core.whole_sum(e.amount) FILTER (WHERE p.exempt AND p.direction = 'sold'),
                           core.whole_sum(e.rest) FILTER (WHERE p.exempt AND p.direction = 'sold')), 0) AS exempt_sold,
       bool_or(p.exempt) AS has_exempt
FROM (
    SELECT p.*, c.enterprise, c.district_code, s.code AS site
    FROM core.caller_enterprise c
    JOIN core.place p ON p.enterprise_id = c.enterprise_id AND p.level = 1
    JOIN core.site s ON s.site_id = p.site_id
    OFFSET 0  -- the registers first: a filter on their names must not wait for the ledger rows of all others
) AS p
JOIN core.energy_15m e ON e.register_id = p.register_id
    AND e.starts_at >= p.starts_from AND e.starts_at < p.starts_until
GROUP BY p.enterprise_id, p.enterprise, p.district_code, p.site_id, p.site, p.zone, p.carrier, e.starts_at;

CREATE VIEW report.energy_site_15m WITH (security_barrier) AS
SELECT e.starts_at, e.starts_at + interval '15 minutes' AS ends_at,
       e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.site, s.site_kind, s.site_zh, s.site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       core.shown(core.used(e.import_amount, e.export_amount, e.sold_amount)) AS amount,
       core.shown(e.import_amount) AS import_amount, core.shown(e.export_amount) AS export_amount,
       core.shown(e.sold_amount) AS sold_amount, core.shown(e.produced_amount) AS produced_amount,
       core.shown(e.estimated_amount) AS estimated_amount, k.unit, e.covered_s, e.estimated_s, 900 * p.registers AS expected_s,
       core.ratio(e.covered_s, 900 * p.registers) AS coverage_ratio,
       core.ratio(e.covered_s - e.estimated_s, 900 * p.registers) AS resolution_ratio
FROM core.caller_site_15m e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site_name s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier
LEFT JOIN core.site_population p ON (p.enterprise_id, p.site_id, p.carrier) = (e.enterprise_id, e.site_id, e.carrier)
    AND (e.starts_at AT TIME ZONE e.zone)::date >= p.valid_from
    AND (e.starts_at AT TIME ZONE e.zone)::date < p.valid_until;

CREATE VIEW report.energy_site_1d WITH (security_barrier) AS
SELECT e.day, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.site, s.site_kind, s.site_zh, s.site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       core.shown(core.used(e.import_amount, e.export_amount, e.sold_amount)) AS amount,
       core.shown(e.import_amount) AS import_amount, core.shown(e.export_amount) AS export_amount,
       core.shown(e.sold_amount) AS sold_amount, core.shown(e.produced_amount) AS produced_amount,
       core.shown(e.estimated_amount) AS estimated_amount, k.unit, e.covered_s, e.estimated_s,
       core.seconds(e.day, e.day + 1, e.zone) * p.registers AS expected_s,
       core.ratio(e.covered_s, core.seconds(e.day, e.day + 1, e.zone) * p.registers) AS coverage_ratio,
       core.ratio(e.covered_s - e.estimated_s, core.seconds(e.day, e.day + 1, e.zone) * p.registers) AS resolution_ratio
FROM core.caller_site_day e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site_name s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier
LEFT JOIN core.site_population p ON (p.enterprise_id, p.site_id, p.carrier) = (e.enterprise_id, e.site_id, e.carrier)
    AND e.day >= p.valid_from AND e.day < p.valid_until;

CREATE VIEW report.energy_site_1mo WITH (security_barrier) AS
SELECT e.month, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.site, s.site_kind, s.site_zh, s.site_en, e.zone,
       e.carrier, k.national_code, k.name_zh AS carrier_zh, k.name_en AS carrier_en,
       core.shown(core.used(e.import_amount, e.export_amount, e.sold_amount)) AS amount,
       core.shown(e.import_amount) AS import_amount, core.shown(e.export_amount) AS export_amount,
       core.shown(e.sold_amount) AS sold_amount, core.shown(e.produced_amount) AS produced_amount,
       core.shown(e.estimated_amount) AS estimated_amount, k.unit, e.covered_s, e.estimated_s, e.expected_s,
       core.ratio(e.covered_s, e.expected_s) AS coverage_ratio,
       core.ratio(e.covered_s - e.estimated_s, e.expected_s) AS resolution_ratio
FROM (
    SELECT m.enterprise_id, m.enterprise, m.site_id, m.site, m.zone, m.carrier, m.month,
           m.import_amount, m.export_amount, m.sold_amount, m.produced_amount, m.estimated_amount,
           m.covered_s, m.estimated_s,
           sum(p.registers * core.seconds(greatest(m.month, p.valid_from),
                                          least(core.month_end(m.month), p.valid_until), m.zone))::bigint AS expected_s
    FROM core.caller_site_month m
    LEFT JOIN core.site_population p ON (p.enterprise_id, p.site_id, p.carrier) = (m.enterprise_id, m.site_id, m.carrier)
        AND p.valid_from < core.month_end(m.month) AND p.valid_until > m.month
    GROUP BY m.enterprise_id, m.enterprise, m.site_id, m.site, m.zone, m.carrier, m.month, m.import_amount,
             m.export_amount, m.sold_amount, m.produced_amount, m.estimated_amount, m.covered_s, m.estimated_s
) AS e
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id
LEFT JOIN core.site_name s ON s.site_id = e.site_id
LEFT JOIN core.carrier k ON k.code = e.carrier;

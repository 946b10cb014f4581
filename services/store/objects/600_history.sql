-- Figures as they stood at an earlier moment T: WHERE recorded_from <= T AND T < recorded_until. The present less later
-- revisions: of the ledger, of membership and level, of factors and of the district's choice of them.
-- A tenant sees a past figure only of a register and day that are also now its own: a membership that was wrong and has
-- been corrected shows nobody another's energy. The district reproduces all of it.

CREATE VIEW core.caller_version_15m AS
SELECT p.register_id, v.starts_at, v.amount, v.estimated_amount, v.covered_s, v.estimated_s,
       v.rest, v.estimated_rest, p.enterprise_id, p.site_id, p.meter_id, p.level, p.carrier, p.direction, p.exempt, p.zone,
       c.enterprise, c.district_code,
       greatest(v.recorded_from, p.recorded_from) AS recorded_from,
       least(v.recorded_until, p.recorded_until) AS recorded_until
FROM core.caller_enterprise c
JOIN core.place_version p ON p.enterprise_id = c.enterprise_id
JOIN (
    SELECT register_id, starts_at, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest,
           recorded_at AS recorded_from, 'infinity'::timestamptz AS recorded_until
    FROM core.energy_15m
    UNION ALL
    SELECT register_id, starts_at, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest,
           recorded_from, recorded_until
    FROM core.energy_revision WHERE width = '15m' AND recorded_from < recorded_until
) AS v ON v.register_id = p.register_id AND v.starts_at >= p.starts_from AND v.starts_at < p.starts_until
    AND v.recorded_from < p.recorded_until AND p.recorded_from < v.recorded_until
WHERE EXISTS (SELECT FROM core.place present JOIN core.caller_enterprise mine USING (enterprise_id)
              WHERE present.register_id = p.register_id
                AND v.starts_at >= present.starts_from AND v.starts_at < present.starts_until);

CREATE VIEW core.caller_version_1d AS
SELECT p.register_id, v.day, v.amount, v.estimated_amount, v.covered_s, v.estimated_s,
       v.rest, v.estimated_rest, p.enterprise_id, p.site_id, p.meter_id, p.level, p.carrier, p.direction, p.exempt, p.zone,
       c.enterprise, c.district_code,
       greatest(v.recorded_from, p.recorded_from) AS recorded_from,
       least(v.recorded_until, p.recorded_until) AS recorded_until
FROM core.caller_enterprise c
JOIN core.place_version p ON p.enterprise_id = c.enterprise_id
JOIN (
    SELECT register_id, day, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest,
           recorded_at AS recorded_from, 'infinity'::timestamptz AS recorded_until
    FROM core.energy_day
    UNION ALL
    SELECT register_id, day, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest,
           recorded_from, recorded_until
    FROM core.energy_revision WHERE width = '1d' AND recorded_from < recorded_until
) AS v ON v.register_id = p.register_id AND v.day >= p.valid_from AND v.day < p.valid_until
    AND v.recorded_from < p.recorded_until AND p.recorded_from < v.recorded_until
WHERE EXISTS (SELECT FROM core.place present JOIN core.caller_enterprise mine USING (enterprise_id)
              WHERE present.register_id = p.register_id
                AND v.day >= present.valid_from AND v.day < present.valid_until);

-- Sums of versions: each version adds its amount when it begins and takes it back when it ends.
CREATE VIEW core.caller_register_month_step AS
SELECT * FROM (
    SELECT register_id, enterprise_id, enterprise, site_id, meter_id, level, carrier, direction, zone, month,
           sum(amount) OVER step AS amount, sum(estimated_amount) OVER step AS estimated_amount,
           (sum(covered_s) OVER step)::bigint AS covered_s, (sum(estimated_s) OVER step)::bigint AS estimated_s,
           sum(days) OVER step AS days, at AS recorded_from, lead(at, 1, 'infinity') OVER step AS recorded_until
    FROM (
        SELECT register_id, enterprise_id, enterprise, site_id, meter_id, level, carrier, direction, zone,
               core.month_of(day) AS month, at, sum(sign) AS days,
               core.exact(sum(sign * amount), sum(sign * rest)) AS amount,
               core.exact(sum(sign * estimated_amount), sum(sign * estimated_rest)) AS estimated_amount,
               sum(sign * covered_s) AS covered_s, sum(sign * estimated_s) AS estimated_s
        FROM core.caller_version_1d
        CROSS JOIN LATERAL (VALUES (recorded_from, 1), (recorded_until, -1)) AS edge (at, sign)
        WHERE at < 'infinity'
        GROUP BY register_id, enterprise_id, enterprise, site_id, meter_id, level, carrier, direction, zone,
                 core.month_of(day), at
    ) AS change
    WINDOW step AS (PARTITION BY register_id, enterprise_id, enterprise, site_id, meter_id, level, carrier, direction,
                                 zone, month ORDER BY at)
) AS steps
WHERE days > 0;

CREATE VIEW core.caller_site_day_step AS
SELECT * FROM (
    SELECT enterprise_id, enterprise, district_code, site_id, zone, carrier, day,
           CASE WHEN sum(imports) OVER step > 0 THEN sum(import_amount) OVER step
             WHEN EXISTS (SELECT FROM core.register_scope r
                          WHERE r.enterprise_id = change.enterprise_id AND r.site_id = change.site_id
                            AND r.carrier = change.carrier AND r.direction = 'import' AND day >= r.valid_from AND day < r.valid_until)
             THEN NULL ELSE 0 END AS import_amount,
           sum(export_amount) OVER step AS export_amount,
           sum(sold_amount) OVER step AS sold_amount,
           sum(produced_amount) OVER step AS produced_amount,
           sum(estimated_amount) OVER step AS estimated_amount,
           (sum(covered_s) OVER step)::bigint AS covered_s, (sum(estimated_s) OVER step)::bigint AS estimated_s,
           sum(exempt_import) OVER step AS exempt_import,
           sum(exempt_sold) OVER step AS exempt_sold,
           sum(exempts) OVER step > 0 AS has_exempt,
           sum(versions) OVER step AS versions, at AS recorded_from, lead(at, 1, 'infinity') OVER step AS recorded_until
    FROM (
        SELECT enterprise_id, enterprise, district_code, site_id, zone, carrier, day AS day, at,
               sum(sign) AS versions,
               coalesce(sum(sign) FILTER (WHERE direction = 'import'), 0) AS imports,
               coalesce(sum(sign) FILTER (WHERE exempt), 0) AS exempts,
               coalesce(core.exact(sum(sign * amount) FILTER (WHERE direction = 'import'),
                                   sum(sign * rest) FILTER (WHERE direction = 'import')), 0) AS import_amount,
               coalesce(core.exact(sum(sign * amount) FILTER (WHERE direction = 'export'),
                                   sum(sign * rest) FILTER (WHERE direction = 'export')), 0) AS export_amount,
               coalesce(core.exact(sum(sign * amount) FILTER (WHERE direction = 'sold'),
                                   sum(sign * rest) FILTER (WHERE direction = 'sold')), 0) AS sold_amount,
               coalesce(core.exact(sum(sign * amount) FILTER (WHERE direction = 'produced'),
                                   sum(sign * rest) FILTER (WHERE direction = 'produced')), 0) AS produced_amount,
               coalesce(core.exact(sum(sign * estimated_amount) FILTER (WHERE direction <> 'produced'),
                                   sum(sign * estimated_rest) FILTER (WHERE direction <> 'produced')), 0) AS estimated_amount,
               coalesce(sum(sign * covered_s) FILTER (WHERE direction <> 'produced'), 0) AS covered_s,
               coalesce(sum(sign * estimated_s) FILTER (WHERE direction <> 'produced'), 0) AS estimated_s,
               coalesce(core.exact(sum(sign * amount) FILTER (WHERE exempt AND direction = 'import'),
                                   sum(sign * rest) FILTER (WHERE exempt AND direction = 'import')), 0) AS exempt_import,
               coalesce(core.exact(sum(sign * amount) FILTER (WHERE exempt AND direction = 'sold'),
                                   sum(sign * rest) FILTER (WHERE exempt AND direction = 'sold')), 0) AS exempt_sold
        FROM core.caller_version_1d
        CROSS JOIN LATERAL (VALUES (recorded_from, 1), (recorded_until, -1)) AS edge (at, sign)
        WHERE at < 'infinity' AND level = 1
        GROUP BY enterprise_id, enterprise, district_code, site_id, zone, carrier, day, at
    ) AS change
    WINDOW step AS (PARTITION BY enterprise_id, enterprise, district_code, site_id, zone, carrier, day ORDER BY at)
) AS steps
WHERE versions > 0;

CREATE VIEW core.caller_site_month_step AS
SELECT * FROM (
    SELECT enterprise_id, enterprise, district_code, site_id, zone, carrier, month,
           CASE WHEN sum(imports) OVER step > 0 THEN sum(import_amount) OVER step
             WHEN EXISTS (SELECT FROM core.register_scope r
                          WHERE r.enterprise_id = change.enterprise_id AND r.site_id = change.site_id
                            AND r.carrier = change.carrier AND r.direction = 'import' AND month < r.valid_until
                            AND core.month_end(month) > r.valid_from)
             THEN NULL ELSE 0 END AS import_amount,
           sum(export_amount) OVER step AS export_amount,
           sum(sold_amount) OVER step AS sold_amount,
           sum(produced_amount) OVER step AS produced_amount,
           sum(estimated_amount) OVER step AS estimated_amount,
           (sum(covered_s) OVER step)::bigint AS covered_s, (sum(estimated_s) OVER step)::bigint AS estimated_s,
           sum(exempt_import) OVER step AS exempt_import,
           sum(exempt_sold) OVER step AS exempt_sold,
           sum(exempts) OVER step > 0 AS has_exempt,
           sum(versions) OVER step AS versions, at AS recorded_from, lead(at, 1, 'infinity') OVER step AS recorded_until
    FROM (
        SELECT enterprise_id, enterprise, district_code, site_id, zone, carrier, core.month_of(day) AS month, at,
               sum(sign) AS versions,
               coalesce(sum(sign) FILTER (WHERE direction = 'import'), 0) AS imports,
               coalesce(sum(sign) FILTER (WHERE exempt), 0) AS exempts,
               coalesce(core.exact(sum(sign * amount) FILTER (WHERE direction = 'import'),
                                   sum(sign * rest) FILTER (WHERE direction = 'import')), 0) AS import_amount,
               coalesce(core.exact(sum(sign * amount) FILTER (WHERE direction = 'export'),
                                   sum(sign * rest) FILTER (WHERE direction = 'export')), 0) AS export_amount,
               coalesce(core.exact(sum(sign * amount) FILTER (WHERE direction = 'sold'),
                                   sum(sign * rest) FILTER (WHERE direction = 'sold')), 0) AS sold_amount,
               coalesce(core.exact(sum(sign * amount) FILTER (WHERE direction = 'produced'),
                                   sum(sign * rest) FILTER (WHERE direction = 'produced')), 0) AS produced_amount,
               coalesce(core.exact(sum(sign * estimated_amount) FILTER (WHERE direction <> 'produced'),
                                   sum(sign * estimated_rest) FILTER (WHERE direction <> 'produced')), 0) AS estimated_amount,
               coalesce(sum(sign * covered_s) FILTER (WHERE direction <> 'produced'), 0) AS covered_s,
               coalesce(sum(sign * estimated_s) FILTER (WHERE direction <> 'produced'), 0) AS estimated_s,
               coalesce(core.exact(sum(sign * amount) FILTER (WHERE exempt AND direction = 'import'),
                                   sum(sign * rest) FILTER (WHERE exempt AND direction = 'import')), 0) AS exempt_import,
               coalesce(core.exact(sum(sign * amount) FILTER (WHERE exempt AND direction = 'sold'),
                                   sum(sign * rest) FILTER (WHERE exempt AND direction = 'sold')), 0) AS exempt_sold
        FROM core.caller_version_1d
        CROSS JOIN LATERAL (VALUES (recorded_from, 1), (recorded_until, -1)) AS edge (at, sign)
        WHERE at < 'infinity' AND level = 1
        GROUP BY enterprise_id, enterprise, district_code, site_id, zone, carrier, core.month_of(day), at
    ) AS change
    WINDOW step AS (PARTITION BY enterprise_id, enterprise, district_code, site_id, zone, carrier, month ORDER BY at)
) AS steps
WHERE versions > 0;

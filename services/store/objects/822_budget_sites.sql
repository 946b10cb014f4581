-- What each site in a budget's scope used in its measure, and how well that is known.

-- Energy of registers by month up to the moment, as known then: whole days, then the quarter-hours of the day that runs.
CREATE VIEW core.asked_register_month AS
WITH place AS MATERIALIZED (
    SELECT register_id, valid_from, valid_until, zone, (core.asked_at() AT TIME ZONE zone)::date AS today,
           (SELECT min(starts_on) FROM core.asked_period) AS first_day
    FROM core.asked_place
)
SELECT register_id, valid_from, core.month_of(day) AS month, sum(amount)::bigint AS amount, sum(covered_s)::bigint AS covered_s
FROM (
    SELECT r.register_id, r.valid_from, e.day, e.amount, e.covered_s
    FROM place r
    JOIN core.energy_day e ON e.register_id = r.register_id AND e.day >= greatest(r.first_day, r.valid_from)
        AND e.day < least(r.valid_until, r.today)
        AND (core.asked_as_of() IS NULL OR e.recorded_at <= core.asked_as_of())
    UNION ALL
    SELECT r.register_id, r.valid_from, e.day, e.amount, e.covered_s
    FROM place r
    JOIN core.energy_revision e ON e.register_id = r.register_id AND e.day >= greatest(r.first_day, r.valid_from)
        AND e.day < least(r.valid_until, r.today)
        AND e.recorded_until > core.asked_as_of() AND e.recorded_from <= core.asked_as_of()
    UNION ALL
    SELECT r.register_id, r.valid_from, r.today, e.amount, e.covered_s
    FROM place r
    JOIN core.energy_15m e ON e.register_id = r.register_id AND r.today >= r.valid_from AND r.today < r.valid_until
        AND e.starts_at >= core.asked_at() - interval '2 days' AND e.starts_at < core.asked_at()
        AND e.starts_at >= r.today::timestamp AT TIME ZONE r.zone
        AND (core.asked_as_of() IS NULL OR e.recorded_at <= core.asked_as_of())
    UNION ALL
    SELECT r.register_id, r.valid_from, r.today, e.amount, e.covered_s
    FROM place r
    JOIN core.energy_revision e ON e.register_id = r.register_id AND r.today >= r.valid_from AND r.today < r.valid_until
        AND e.starts_at >= r.today::timestamp AT TIME ZONE r.zone AND e.starts_at < core.asked_at()
        AND e.recorded_until > core.asked_as_of() AND e.recorded_from <= core.asked_as_of()
) AS d
GROUP BY register_id, valid_from, core.month_of(day);

-- The factor of each measure and year, as known at the moment asked about.
CREATE VIEW core.asked_conversion AS
SELECT kind, district_code, carrier, year_from, year_until, per_unit FROM core.conversion
WHERE recorded_from <= coalesce(core.asked_as_of(), now()) AND coalesce(core.asked_as_of(), now()) < recorded_until;

-- One row for each site of a period, those without data too. months, month_values: what counts of each month in base
-- units, null where a factor is missing. coverage_ratio: of the worst register, not the mean, so that many good ones
-- hide no silent one. A manual figure counts where no register of its carrier stands at the site in that month, else it
-- is `beside`. missing_months: for each carrier ever reported and not metered, the months that are over without a
-- figure; one at least is due, so that a period without any figure is not taken for known.
-- can_fall: something is exported or sold on, so that missing data may also make the sum too large.
-- state: known; coverage_low, figure_missing and no_data make the budget unknown, just_begun and factor_missing too;
-- not_expected: neither metered nor reported, and not named as a plant of the budget.
CREATE VIEW core.budget_site AS
WITH period AS MATERIALIZED (SELECT * FROM core.asked_period),
scope AS MATERIALIZED (SELECT * FROM core.asked_scope),
place AS MATERIALIZED (SELECT * FROM core.asked_place),
register AS MATERIALIZED (
    SELECT p.version_id, p.starts_on, p.ends_on, p.measure, r.*
    FROM period p
    JOIN scope s ON s.version_id = p.version_id AND s.starts_on = p.starts_on
    JOIN place r ON r.site_id = s.site_id AND r.enterprise_id = s.enterprise_id
        AND (p.carriers IS NULL OR r.carrier = ANY(p.carriers))
        AND r.valid_from < s.valid_until AND r.valid_until > s.valid_from
    JOIN core.carrier k ON k.code = r.carrier AND (p.measure <> 'coal' OR k.counts_as <> 'material')
),
energy AS MATERIALIZED (SELECT * FROM core.asked_register_month),
booked AS MATERIALIZED (
    SELECT r.*, e.month, e.amount, e.covered_s
    FROM register r
    LEFT JOIN energy e ON e.register_id = r.register_id AND e.valid_from = r.valid_from
        AND e.month >= core.month_of(r.starts_on) AND e.month < r.ends_on
),
coverage AS MATERIALIZED (
    SELECT version_id, starts_on, enterprise_id, site_id, count(*) AS registers,
           bool_or(direction <> 'import') AS can_fall,
           min(core.ratio(covered_s, core.elapsed(greatest(starts_on, valid_from), least(ends_on, valid_until), zone,
                                                  core.due_at()))) AS coverage_ratio
    FROM (SELECT version_id, starts_on, ends_on, enterprise_id, site_id, register_id, direction, valid_from, valid_until,
                 zone, coalesce(sum(covered_s), 0) AS covered_s
          FROM booked
          GROUP BY version_id, starts_on, ends_on, enterprise_id, site_id, register_id, direction, valid_from,
                   valid_until, zone) AS r
    GROUP BY version_id, starts_on, enterprise_id, site_id
),
figure AS MATERIALIZED (
    SELECT p.version_id, p.starts_on, p.ends_on, p.at, p.zone, s.enterprise_id, s.site_id, f.carrier, f.month, f.amount,
           f.month >= greatest(p.starts_on, s.valid_from) AND f.month < s.valid_until
               AND f.month::timestamp AT TIME ZONE p.zone <= p.at AS is_within,
           NOT EXISTS (SELECT FROM place r WHERE r.site_id = f.site_id AND r.carrier = f.carrier
                       AND r.valid_from < core.month_end(f.month) AND r.valid_until > f.month) AS counts,
           NOT EXISTS (SELECT FROM place r WHERE r.site_id = f.site_id AND r.carrier = f.carrier
                       AND r.valid_from < p.ends_on AND r.valid_until > p.starts_on) AS is_unmetered
    FROM period p
    JOIN scope s ON s.version_id = p.version_id AND s.starts_on = p.starts_on
    JOIN core.manual_figure f ON f.site_id = s.site_id AND core.is_asked(f.recorded_at, f.recorded_until)
        AND (p.carriers IS NULL OR f.carrier = ANY(p.carriers))
    JOIN core.carrier k ON k.code = f.carrier AND (p.measure <> 'coal' OR k.counts_as <> 'material')
),
due AS MATERIALIZED (
    SELECT version_id, starts_on, enterprise_id, site_id, sum(greatest(0, due_months - given_months)) AS missing_months
    FROM (SELECT version_id, starts_on, enterprise_id, site_id, carrier, count(*) FILTER (WHERE is_within) AS given_months,
                 greatest(1, (SELECT count(*) FROM generate_series(starts_on::timestamp, ends_on - 1, interval '1 month') AS m
                              WHERE m + interval '1 month' <= at AT TIME ZONE zone)) AS due_months
          FROM figure WHERE is_unmetered
          GROUP BY version_id, starts_on, ends_on, at, zone, enterprise_id, site_id, carrier) AS f
    GROUP BY version_id, starts_on, enterprise_id, site_id
),
used AS (
    SELECT version_id, starts_on, enterprise_id, site_id, carrier, month, true AS is_metered, true AS counts,
           coalesce(sum(amount) FILTER (WHERE direction = 'import'), 0)::bigint AS imported,
           coalesce(sum(amount) FILTER (WHERE direction = 'export'), 0)::bigint AS exported,
           coalesce(sum(amount) FILTER (WHERE direction = 'sold'), 0)::bigint AS sold,
           coalesce(sum(amount) FILTER (WHERE direction = 'import' AND exempt), 0)::bigint AS exempt_imported,
           coalesce(sum(amount) FILTER (WHERE direction = 'sold' AND exempt), 0)::bigint AS exempt_sold,
           bool_or(exempt) AS has_exempt
    FROM booked WHERE month IS NOT NULL
    GROUP BY version_id, starts_on, enterprise_id, site_id, carrier, month
    UNION ALL
    SELECT version_id, starts_on, enterprise_id, site_id, carrier, month, false, counts, amount, 0, 0, 0, 0, false
    FROM figure WHERE is_within
),
factor AS MATERIALIZED (SELECT * FROM core.asked_conversion),
valued AS MATERIALIZED (
    SELECT u.version_id, u.starts_on, u.enterprise_id, u.site_id, u.month, u.is_metered, u.counts,
           core.budget_value(p.measure, core.used(u.imported, u.exported, u.sold),
                             core.emitting(u.imported, u.sold, u.exempt_imported, u.exempt_sold), u.has_exempt, f.per_unit)
               AS value
    FROM used u
    JOIN period p ON p.version_id = u.version_id AND p.starts_on = u.starts_on
    LEFT JOIN factor f ON p.measure <> 'energy' AND f.kind = coalesce(p.basis, 'co2')
        AND f.district_code = p.district_code AND f.carrier = u.carrier
        AND p.year >= f.year_from AND p.year < f.year_until
),
total AS MATERIALIZED (
    SELECT version_id, starts_on, enterprise_id, site_id, sum(value) FILTER (WHERE is_metered) AS metered,
           sum(value) FILTER (WHERE NOT is_metered AND counts) AS manual, sum(value) FILTER (WHERE NOT counts) AS beside,
           bool_or(value IS NULL AND counts) AS has_unknown
    FROM valued
    GROUP BY version_id, starts_on, enterprise_id, site_id
),
monthly AS MATERIALIZED (
    SELECT version_id, starts_on, enterprise_id, site_id, array_agg(month ORDER BY month) AS months,
           array_agg(value ORDER BY month) AS month_values
    FROM (SELECT version_id, starts_on, enterprise_id, site_id, month,
                 CASE WHEN bool_and(value IS NOT NULL) THEN sum(value) END AS value
          FROM valued WHERE counts
          GROUP BY version_id, starts_on, enterprise_id, site_id, month) AS m
    GROUP BY version_id, starts_on, enterprise_id, site_id
)
SELECT q.*,
       CASE WHEN has_unknown THEN 'factor_missing'
            WHEN registers > 0 AND coverage_ratio < threshold THEN 'coverage_low'
            WHEN missing_months > 0 THEN 'figure_missing'
            WHEN registers > 0 AND coverage_ratio IS NULL THEN 'just_begun'
            WHEN registers > 0 OR missing_months = 0 THEN 'known'
            WHEN is_plant THEN 'no_data'
            ELSE 'not_expected' END AS state
FROM (
    SELECT version_id, starts_on, s.threshold, enterprise_id, site_id,
           EXISTS (SELECT FROM core.budget_plant o
                   WHERE o.version_id = s.version_id AND o.site_id = s.site_id) AS is_plant,
           coalesce(c.registers, 0) AS registers, coalesce(c.can_fall, false) AS can_fall, c.coverage_ratio,
           d.missing_months, t.metered, t.manual, t.beside,
           coalesce(t.has_unknown, false) AS has_unknown, m.months, m.month_values
    FROM (SELECT DISTINCT p.version_id, p.starts_on, p.coverage_ratio AS threshold, o.enterprise_id, o.site_id
          FROM period p JOIN scope o ON o.version_id = p.version_id AND o.starts_on = p.starts_on) AS s
    LEFT JOIN coverage c USING (version_id, starts_on, enterprise_id, site_id)
    LEFT JOIN due d USING (version_id, starts_on, enterprise_id, site_id)
    LEFT JOIN total t USING (version_id, starts_on, enterprise_id, site_id)
    LEFT JOIN monthly m USING (version_id, starts_on, enterprise_id, site_id)
) AS q;

-- What each site in a budget's scope used in its measure, and how well that is known.

-- Energy of registers by month up to the moment: whole months, the running one (`runs`) less what is booked from the
-- moment on, which is little; days where a register stands for a part of a month. As of an earlier moment, as it was known
-- then: days and the quarter-hours of the day that runs, since months have no history of their own.
CREATE VIEW core.asked_register_month AS
WITH moment AS MATERIALIZED (
    SELECT core.asked_as_of() AS as_of, core.asked_at() AS at,
           greatest(make_date(min(year), 1, 1), date_trunc('year', core.asked_since()::timestamp)::date) AS first_day
    FROM core.budget_version
),
place AS MATERIALIZED (
    SELECT r.*, CASE WHEN r.runs THEN core.month_end(core.month_of(r.today)) WHEN r.as_of IS NOT NULL THEN r.until_day
                     ELSE core.month_of(r.until_day) END AS whole_until
    FROM (SELECT q.*, q.as_of IS NULL AND q.is_here AND q.whole_from <= q.today AS runs
          FROM (SELECT p.register_id, p.valid_from, m.as_of, t.today, w.from_day, w.until_day,
                       t.today >= p.valid_from AND t.today < p.valid_until AS is_here,
                       CASE WHEN m.as_of IS NOT NULL THEN w.until_day
                            WHEN w.from_day = core.month_of(w.from_day) THEN w.from_day
                            ELSE core.month_end(w.from_day) END AS whole_from,
                       t.today::timestamp AT TIME ZONE p.zone AS today_starts_at,
                       (t.today + 1)::timestamp AT TIME ZONE p.zone AS today_ends_at
                FROM core.asked_place p
                CROSS JOIN moment m
                CROSS JOIN LATERAL (SELECT (m.at AT TIME ZONE p.zone)::date) AS t (today)
                CROSS JOIN LATERAL (SELECT greatest(p.valid_from, m.first_day), least(p.valid_until, t.today))
                    AS w (from_day, until_day)
                OFFSET 0) AS q  -- keeps the planner from copying these expressions into every use
         ) AS r
)
SELECT register_id, valid_from, month, core.exact(sum(amount), sum(rest)) AS amount, sum(covered_s)::bigint AS covered_s
FROM (
    SELECT r.register_id, r.valid_from, e.month, e.amount, e.rest, e.covered_s
    FROM place r
    JOIN core.energy_month e ON e.register_id = r.register_id AND e.month >= r.whole_from AND e.month < r.whole_until
    UNION ALL
    SELECT r.register_id, r.valid_from, core.month_of(e.day), part.sign * e.amount, part.sign * e.rest,
           part.sign * e.covered_s
    FROM place r
    CROSS JOIN LATERAL (
        VALUES (1, r.from_day, least(r.whole_from, r.until_day)), (1, greatest(r.whole_from, r.whole_until), r.until_day),
               (1, CASE WHEN r.is_here AND r.as_of IS NULL AND NOT r.runs THEN r.today END, r.today + 1),
               (-1, CASE WHEN r.runs THEN r.today + 1 END, r.whole_until)
    ) AS part (sign, from_day, until_day)
    JOIN core.energy_day e ON e.register_id = r.register_id AND e.day >= part.from_day AND e.day < part.until_day
        AND (r.as_of IS NULL OR e.recorded_at <= r.as_of)
    WHERE part.from_day < part.until_day
    UNION ALL
    SELECT r.register_id, r.valid_from, core.month_of(r.today), s.sign * e.amount, s.sign * e.rest, s.sign * e.covered_s
    FROM place r
    JOIN core.energy_15m e ON e.register_id = r.register_id
        AND e.starts_at >= CASE WHEN core.asked_as_of() IS NULL THEN core.asked_at()
                                ELSE core.asked_at() - interval '2 days' END
        AND e.starts_at < CASE WHEN core.asked_as_of() IS NULL THEN core.asked_at() + interval '2 days'
                               ELSE core.asked_at() END
        AND e.starts_at >= r.today_starts_at AND e.starts_at < r.today_ends_at
        AND (r.as_of IS NULL OR e.recorded_at <= r.as_of)
    CROSS JOIN LATERAL (SELECT CASE WHEN r.as_of IS NULL THEN -1 ELSE 1 END) AS s (sign)
    WHERE r.is_here
    UNION ALL
    SELECT r.register_id, r.valid_from, core.month_of(coalesce(e.day, r.today)), e.amount, e.rest, e.covered_s
    FROM place r
    JOIN core.energy_revision e ON e.register_id = r.register_id AND e.recorded_until > r.as_of AND e.recorded_from <= r.as_of
        AND (e.day >= r.from_day AND e.day < r.until_day
             OR r.is_here AND e.starts_at >= r.today_starts_at AND e.starts_at < core.asked_at())
    WHERE r.as_of IS NOT NULL
) AS d
GROUP BY register_id, valid_from, month;

-- The factor of each measure and year, as known at the moment asked about.
CREATE VIEW core.asked_conversion AS
SELECT kind, district_code, carrier, year_from, year_until, per_unit FROM core.conversion
WHERE recorded_from <= coalesce(core.asked_as_of(), now()) AND coalesce(core.asked_as_of(), now()) < recorded_until;

-- One row for each site of a period, those without data too. months, month_values: what counts of each month in base
-- units, null where a factor is missing. coverage_ratio: of the worst register, not the mean, so that many good ones
-- hide no silent one. A manual figure counts where no register of its carrier stands at the site in that month, else it
-- is `beside`. missing_months: for each carrier ever reported and not metered, the months that are over without a
-- figure; one at least is due, so that a period without any figure is not taken for known.
-- can_fall: what is exported or sold on is not covered well enough, so that missing data may also make the sum too large.
-- state: known; coverage_low, figure_missing and no_data make the budget unknown, just_begun and factor_missing too;
-- not_expected: neither metered nor reported, and not named as a plant of the budget.
-- Each step carries what the next one needs, periods as arrays until they are needed, and results are put side by side
-- and grouped rather than joined: joins of what is computed have no statistics, and were planned badly.
CREATE VIEW core.budget_site AS
WITH budget AS MATERIALIZED (
    SELECT version_id, district_code, enterprise_id, site_id, zone, year, measure, basis, carriers, coverage_ratio,
           array_agg(starts_on) AS starts, array_agg(ends_on) AS ends, array_agg(at) AS moments
    FROM core.asked_period p
    GROUP BY version_id, district_code, enterprise_id, site_id, zone, year, measure, basis, carriers, coverage_ratio
),
site AS MATERIALIZED (
    SELECT b.version_id, b.district_code, b.zone, b.year, b.measure, b.basis, b.carriers, b.coverage_ratio, b.starts,
           b.ends, b.moments, m.enterprise_id, m.site_id, m.valid_from, m.valid_until
    FROM budget b
    JOIN core.asked_membership m ON m.district_code = b.district_code
        AND (b.enterprise_id IS NULL OR m.enterprise_id = b.enterprise_id) AND (b.site_id IS NULL OR m.site_id = b.site_id)
),
scope AS MATERIALIZED (
    SELECT s.version_id, t.starts_on, t.ends_on, t.at, s.zone, s.year, s.measure, s.basis, s.carriers, s.district_code,
           s.coverage_ratio AS threshold, s.enterprise_id, s.site_id, greatest(t.starts_on, s.valid_from) AS valid_from,
           least(t.ends_on, s.valid_until) AS valid_until
    FROM site s CROSS JOIN LATERAL unnest(s.starts, s.ends, s.moments) AS t (starts_on, ends_on, at)
    WHERE s.valid_from < t.ends_on AND s.valid_until > t.starts_on
),
place AS MATERIALIZED (
    SELECT r.*, k.counts_as, e.months, e.amounts, e.covered
    FROM core.asked_place r
    JOIN core.carrier k ON k.code = r.carrier
    LEFT JOIN (SELECT register_id, valid_from, array_agg(month) AS months, array_agg(amount) AS amounts,
                      array_agg(covered_s) AS covered
               FROM core.asked_register_month GROUP BY register_id, valid_from) AS e
        ON e.register_id = r.register_id AND e.valid_from = r.valid_from
),
register AS MATERIALIZED (
    SELECT s.version_id, t.starts_on, t.ends_on, s.year, s.measure, s.basis, s.district_code, s.enterprise_id, s.site_id,
           s.coverage_ratio AS threshold, r.carrier, r.direction, r.exempt, r.zone, r.valid_from, r.valid_until, r.months,
           r.amounts, r.covered
    FROM site s
    JOIN place r ON r.site_id = s.site_id AND r.enterprise_id = s.enterprise_id
        AND (s.carriers IS NULL OR r.carrier = ANY(s.carriers)) AND (s.measure <> 'coal' OR r.counts_as <> 'material')
    CROSS JOIN LATERAL unnest(s.starts, s.ends) AS t (starts_on, ends_on)
    WHERE s.valid_from < t.ends_on AND s.valid_until > t.starts_on
      AND r.valid_from < least(t.ends_on, s.valid_until) AND r.valid_until > greatest(t.starts_on, s.valid_from)
),
figure AS MATERIALIZED (
    SELECT s.version_id, s.starts_on, s.ends_on, s.at, s.zone, s.year, s.measure, s.basis, s.district_code,
           s.enterprise_id, s.site_id, f.carrier, f.month, f.amount,
           f.month >= s.valid_from AND f.month < s.valid_until
               AND f.month::timestamp AT TIME ZONE s.zone <= s.at AS is_within,
           NOT EXISTS (SELECT FROM place r WHERE r.site_id = f.site_id AND r.carrier = f.carrier
                       AND r.valid_from < core.month_end(f.month) AND r.valid_until > f.month) AS counts,
           NOT EXISTS (SELECT FROM place r WHERE r.site_id = f.site_id AND r.carrier = f.carrier
                       AND r.valid_from < s.ends_on AND r.valid_until > s.starts_on) AS is_unmetered
    FROM scope s
    JOIN core.manual_figure f ON f.site_id = s.site_id AND core.is_asked(f.recorded_at, f.recorded_until)
        AND (s.carriers IS NULL OR f.carrier = ANY(s.carriers))
    JOIN core.carrier k ON k.code = f.carrier AND (s.measure <> 'coal' OR k.counts_as <> 'material')
),
used AS MATERIALIZED (
    SELECT version_id, starts_on, enterprise_id, site_id, year, measure, basis, district_code, carrier, e.month,
           true AS is_metered, true AS counts,
           coalesce(sum(e.amount) FILTER (WHERE direction = 'import'), 0) AS imported,
           coalesce(sum(e.amount) FILTER (WHERE direction = 'export'), 0) AS exported,
           coalesce(sum(e.amount) FILTER (WHERE direction = 'sold'), 0) AS sold,
           coalesce(sum(e.amount) FILTER (WHERE direction = 'import' AND exempt), 0) AS exempt_imported,
           coalesce(sum(e.amount) FILTER (WHERE direction = 'sold' AND exempt), 0) AS exempt_sold,
           bool_or(exempt) AS has_exempt
    FROM register CROSS JOIN LATERAL unnest(months, amounts) AS e (month, amount)
    WHERE e.month >= core.month_of(starts_on) AND e.month < ends_on
    GROUP BY version_id, starts_on, enterprise_id, site_id, year, measure, basis, district_code, carrier, e.month
    UNION ALL
    SELECT version_id, starts_on, enterprise_id, site_id, year, measure, basis, district_code, carrier, month,
           false, counts, amount, 0, 0, 0, 0, false
    FROM figure WHERE is_within
),
factor AS MATERIALIZED (SELECT * FROM core.asked_conversion),
valued AS MATERIALIZED (
    SELECT u.version_id, u.starts_on, u.enterprise_id, u.site_id, u.month, u.is_metered, u.counts,
           core.budget_value(u.measure, core.used(u.imported, u.exported, u.sold),
                             core.emitting(u.imported, u.sold, u.exempt_imported, u.exempt_sold), u.has_exempt, f.per_unit)
               AS value
    FROM used u
    LEFT JOIN factor f ON u.measure <> 'energy' AND f.kind = coalesce(u.basis, 'co2')
        AND f.district_code = u.district_code AND f.carrier = u.carrier AND u.year >= f.year_from AND u.year < f.year_until
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
    SELECT version_id, starts_on, max(threshold) AS threshold, enterprise_id, site_id,
           EXISTS (SELECT FROM core.budget_plant o WHERE o.version_id = s.version_id AND o.site_id = s.site_id) AS is_plant,
           coalesce(max(registers), 0) AS registers, coalesce(bool_or(can_fall), false) AS can_fall,
           max(coverage_ratio) AS coverage_ratio, max(missing_months) AS missing_months,
           max(metered) AS metered, max(manual) AS manual, max(beside) AS beside,
           coalesce(bool_or(has_unknown), false) AS has_unknown, max(months) AS months, max(month_values) AS month_values
    FROM (
        SELECT version_id, starts_on, enterprise_id, site_id, threshold, NULL::bigint AS registers,
               NULL::boolean AS can_fall, NULL::numeric AS coverage_ratio, NULL::numeric AS missing_months,
               NULL::numeric AS metered, NULL::numeric AS manual, NULL::numeric AS beside, NULL::boolean AS has_unknown,
               NULL::date[] AS months, NULL::numeric[] AS month_values
        FROM scope
        UNION ALL
        SELECT version_id, starts_on, enterprise_id, site_id, NULL, count(*),
               bool_or(direction <> 'import' AND coalesce(t.coverage_ratio, 0) < threshold), min(t.coverage_ratio),
               NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM register
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(e.covered_s), 0) AS covered_s FROM unnest(months, covered) AS e (month, covered_s)
            WHERE e.month >= core.month_of(starts_on) AND e.month < ends_on
        ) AS c
        CROSS JOIN LATERAL (
            SELECT core.ratio(c.covered_s, core.elapsed(greatest(starts_on, valid_from), least(ends_on, valid_until), zone,
                                                        core.due_at())) AS coverage_ratio
        ) AS t
        GROUP BY version_id, starts_on, enterprise_id, site_id
        UNION ALL
        SELECT version_id, starts_on, enterprise_id, site_id, NULL, NULL, NULL, NULL,
               sum(greatest(0, due_months - given_months)), NULL, NULL, NULL, NULL, NULL, NULL
        FROM (SELECT version_id, starts_on, enterprise_id, site_id, carrier,
                     count(*) FILTER (WHERE is_within) AS given_months,
                     greatest(1, (SELECT count(*)
                                  FROM generate_series(starts_on::timestamp, ends_on - 1, interval '1 month') AS m
                                  WHERE m + interval '1 month' <= at AT TIME ZONE zone)) AS due_months
              FROM figure WHERE is_unmetered
              GROUP BY version_id, starts_on, ends_on, at, zone, enterprise_id, site_id, carrier) AS f
        GROUP BY version_id, starts_on, enterprise_id, site_id
        UNION ALL
        SELECT version_id, starts_on, enterprise_id, site_id, NULL, NULL, NULL, NULL, NULL,
               sum(value) FILTER (WHERE is_metered), sum(value) FILTER (WHERE NOT is_metered AND counts),
               sum(value) FILTER (WHERE NOT counts), bool_or(value IS NULL AND counts), NULL, NULL
        FROM valued
        GROUP BY version_id, starts_on, enterprise_id, site_id
        UNION ALL
        SELECT version_id, starts_on, enterprise_id, site_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
               array_agg(month ORDER BY month), array_agg(value ORDER BY month)
        FROM (SELECT version_id, starts_on, enterprise_id, site_id, month,
                     CASE WHEN bool_and(value IS NOT NULL) THEN sum(value) END AS value
              FROM valued WHERE counts
              GROUP BY version_id, starts_on, enterprise_id, site_id, month) AS m
        GROUP BY version_id, starts_on, enterprise_id, site_id
    ) AS s
    GROUP BY version_id, starts_on, enterprise_id, site_id
) AS q;

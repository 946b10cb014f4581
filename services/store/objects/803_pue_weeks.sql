-- The energies of all hours and all 24 hours of a site, a week at a time, so that years of them are read once.
-- Columns and figures are those of core.caller_pue_looked_up.

-- What views of former releases carried a day's quarter-hours in.
DROP TYPE IF EXISTS core.pue_quarter;

-- A week's quarter-hours are read at once and summed in frames that slide over slots, of which each register has all,
-- booked or not; those of 24 hours slide over whole hours. A week depends on nothing but itself and the site, so that the
-- plan keeps the last ones (Memoize) for their other days. That asks for a LEFT JOIN and a condition that lets no row
-- without a window through yet is not strict: one that is would be moved into the week, which then is made for each day.
DO $do$
DECLARE
    span record;
BEGIN
    FOR span IN SELECT * FROM (VALUES
        ('1h', interval '1 hour', interval '15 minutes', 3600, 3,
         'x.starts_at, x.amount, x.rest, x.covered_s::bigint, x.estimated_s::bigint', ''),
        ('24h', interval '24 hours', interval '1 hour', 86400, 23,
         'date_bin(''1 hour'', x.starts_at, t.from_at), core.whole_sum(x.amount), core.whole_sum(x.rest),
          sum(x.covered_s), sum(x.estimated_s)', 'GROUP BY 1, 2'))
        AS v (name, width, step, width_s, following, columns, grouping)
    LOOP
        EXECUTE format($view$
CREATE VIEW core.%1$I AS
SELECT s.*, %2$L AS span, d.day, q.starts_at, q.starts_at + %3$L::interval AS ends_at, NULL::date AS until_day,
       %5$s::bigint AS width_s, q.starts_at + %3$L::interval <= s.settled_at
       AND q.starts_at + %3$L::interval + %4$L::interval > s.settled_at AS is_newest,
       q.starts_at >= s.owned_from AS is_one_owner, date_bin('1 hour', q.starts_at, 'epoch') = q.starts_at AS on_the_hour,
       CASE WHEN q.starts_at >= s.owned_from THEN q.total_kwh END AS total_kwh,
       CASE WHEN q.starts_at >= s.owned_from THEN q.it_kwh END AS it_kwh,
       CASE WHEN q.starts_at >= s.owned_from THEN q.total_is_spanned END AS total_is_spanned,
       CASE WHEN q.starts_at >= s.owned_from THEN q.it_is_spanned END AS it_is_spanned,
       CASE WHEN q.starts_at >= s.owned_from THEN q.total_coverage END AS total_coverage,
       CASE WHEN q.starts_at >= s.owned_from THEN q.it_coverage END AS it_coverage,
       CASE WHEN q.starts_at >= s.owned_from THEN q.total_resolution END AS total_resolution,
       CASE WHEN q.starts_at >= s.owned_from THEN q.it_resolution END AS it_resolution,
       CASE WHEN q.starts_at >= s.owned_from THEN q.estimated END AS estimated
FROM core.caller_pue_site s
JOIN core.calendar d ON d.day >= s.first_day AND d.day <= s.today
LEFT JOIN LATERAL (
    SELECT w.*
    FROM (
        SELECT z.zone, d.week::timestamp AT TIME ZONE z.zone AS from_at, (d.week + 7)::timestamp AT TIME ZONE z.zone AS until_at,
               (d.week + 7)::timestamp AT TIME ZONE z.zone + %3$L::interval AS read_until
        FROM core.site z WHERE z.site_id = s.site_id
        OFFSET 0  -- instants and not how to find them: each chunk of the ledger is compared with them
    ) AS t
    CROSS JOIN LATERAL (
        WITH member AS MATERIALIZED (
            SELECT m.*, m.starts_from <= t.from_at AND m.starts_until >= t.read_until AS is_throughout
            FROM core.pue_member m
            WHERE m.site_id = s.site_id AND m.starts_from < t.read_until AND m.starts_until > t.from_at
        ),
        slot AS (
            SELECT m.register_id, m.is_it, m.kwh_per_amount, m.starts_from, g.at, x.amount, x.rest, x.covered_s, x.estimated_s,
                   CASE WHEN m.is_throughout THEN %5$s
                        ELSE greatest(extract(epoch FROM least(g.at + %3$L::interval, m.starts_until)
                                                         - greatest(g.at, m.starts_from))::bigint, 0) END AS width_s
            FROM member m
            CROSS JOIN generate_series(t.from_at, t.read_until - %4$L::interval, %4$L::interval) AS g (at)
            LEFT JOIN (
                SELECT x.register_id, %7$s
                FROM core.energy_15m x
                WHERE x.register_id = ANY (ARRAY(SELECT m.register_id FROM member m))
                  AND x.starts_at >= t.from_at AND x.starts_at < t.read_until
                %8$s
            ) AS x (register_id, at, amount, rest, covered_s, estimated_s)
                ON x.register_id = m.register_id AND x.at = g.at
                AND (m.is_throughout OR g.at >= m.starts_from AND g.at < m.starts_until)
        ),
        summed AS (
            SELECT z.register_id, z.is_it, z.kwh_per_amount, z.at, z.width_s, core.whole_sum(z.amount) OVER w AS amount,
                   core.whole_sum(z.rest) OVER w AS rest, coalesce(core.whole_sum(z.covered_s) OVER w, 0) AS covered_s,
                   coalesce(core.whole_sum(z.estimated_s) OVER w, 0) AS estimated_s
            FROM slot z
            WINDOW w AS (PARTITION BY z.register_id, z.is_it, z.starts_from ORDER BY z.at
                         ROWS BETWEEN CURRENT ROW AND %6$s FOLLOWING)
        ),
        found AS (
            SELECT z.at, z.register_id, z.is_it, z.covered_s >= z.width_s AS is_spanned, z.estimated_s > 0 AS is_estimated,
                   CASE WHEN z.rest = 0 THEN z.amount * z.kwh_per_amount
                        ELSE core.exact(z.amount, z.rest) * z.kwh_per_amount END AS kwh,
                   CASE WHEN z.covered_s = z.width_s THEN 1.000000 ELSE core.ratio(z.covered_s, z.width_s) END AS coverage,
                   CASE WHEN z.covered_s = z.width_s AND z.estimated_s = 0 THEN 1.000000
                        ELSE core.ratio(z.covered_s - z.estimated_s, z.width_s) END AS resolution
            FROM summed z
            WHERE z.width_s > 0 AND z.at < t.until_at
        )
        SELECT g.day, g.starts_at, e.*
        FROM (
            SELECT n.day, h.at
            FROM (SELECT d.week + n, (d.week + n)::timestamp AT TIME ZONE t.zone, (d.week + n + 1)::timestamp AT TIME ZONE t.zone
                  FROM generate_series(0, 6) AS n) AS n (day, from_at, until_at)
            CROSS JOIN generate_series(n.from_at, n.until_at - %4$L::interval, %4$L::interval) AS h (at)
            OFFSET 0  -- all days first: the energies are not found again for each
        ) AS g (day, starts_at)
        LEFT JOIN (
            SELECT e.at, CASE WHEN bool_and(e.kwh IS NOT NULL) FILTER (WHERE NOT e.is_it)
                              THEN sum(e.kwh) FILTER (WHERE NOT e.is_it) END AS total_kwh,
                   CASE WHEN bool_and(e.kwh IS NOT NULL) FILTER (WHERE e.is_it)
                        THEN sum(e.kwh) FILTER (WHERE e.is_it) END AS it_kwh,
                   bool_and(e.is_spanned) FILTER (WHERE NOT e.is_it) AS total_is_spanned,
                   bool_and(e.is_spanned) FILTER (WHERE e.is_it) AS it_is_spanned,
                   min(e.coverage) FILTER (WHERE NOT e.is_it) AS total_coverage,
                   min(e.coverage) FILTER (WHERE e.is_it) AS it_coverage,
                   min(e.resolution) FILTER (WHERE NOT e.is_it) AS total_resolution,
                   min(e.resolution) FILTER (WHERE e.is_it) AS it_resolution,
                   array_agg(e.register_id) FILTER (WHERE e.is_estimated) AS estimated
            FROM found e
            GROUP BY e.at
        ) AS e ON e.at = g.starts_at
    ) AS w
    LIMIT 1000  -- no week has as many: so few are worth keeping, whatever else is thought of the tables
) AS q ON true
WHERE coalesce(q.day = d.day AND q.starts_at + %3$L::interval <= s.until_at AND q.starts_at + %3$L::interval > s.owned_from
               AND q.starts_at + %3$L::interval <= s.owned_until, false);
$view$, 'caller_pue_energy_' || span.name, span.name, span.width, span.step, span.width_s, span.following, span.columns,
                       span.grouping);
    END LOOP;
END $do$;

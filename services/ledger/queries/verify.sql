-- Rebuilding and comparing.

-- name: all_readings
SELECT read_at, value, value_text FROM core.reading WHERE register_id = $1 ORDER BY read_at;

-- name: ledger_of
SELECT starts_at, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest FROM core.energy_15m WHERE register_id = $1;

-- name: days_of
SELECT day, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest FROM core.energy_day WHERE register_id = $1;

-- name: doubts_of
SELECT read_at, outcome, high FROM core.doubt WHERE register_id = $1;

-- name: events_of
SELECT kind, read_at, shift, suspect, flat_at, judged_at FROM core.event WHERE register_id = $1;

-- name: standstills_of
SELECT started_at, ended_at FROM core.standstill WHERE register_id = $1;

-- name: wrong_scope_days
SELECT enterprise_id, site_id, carrier, direction, day, core.exact(t.amount, t.rest) AS stored,
       core.exact(s.amount, s.rest) AS rebuilt, t.covered_s AS stored_s, s.covered_s AS rebuilt_s
FROM core.energy_scope_day t
FULL JOIN (
    SELECT s.enterprise_id, s.site_id, s.carrier, s.direction, d.day,
           sum(d.amount)::bigint + core.carried(sum(d.rest)::bigint) AS amount,
           sum(d.estimated_amount)::bigint + core.carried(sum(d.estimated_rest)::bigint) AS estimated_amount,
           sum(d.covered_s)::bigint AS covered_s, sum(d.estimated_s)::bigint AS estimated_s,
           core.left_over(sum(d.rest)::bigint) AS rest, core.left_over(sum(d.estimated_rest)::bigint) AS estimated_rest
    FROM core.energy_day d
    JOIN core.register_scope s ON s.register_id = d.register_id AND d.day >= s.valid_from AND d.day < s.valid_until
    GROUP BY s.enterprise_id, s.site_id, s.carrier, s.direction, d.day
    HAVING (sum(d.amount), sum(d.estimated_amount), sum(d.covered_s), sum(d.estimated_s), sum(d.rest),
            sum(d.estimated_rest)) <> (0, 0, 0, 0, 0, 0)
) s USING (enterprise_id, site_id, carrier, direction, day)
WHERE (t.amount, t.estimated_amount, t.covered_s, t.estimated_s, t.rest, t.estimated_rest)
      IS DISTINCT FROM (s.amount, s.estimated_amount, s.covered_s, s.estimated_s, s.rest, s.estimated_rest)
ORDER BY day, enterprise_id, site_id, carrier, direction;

-- name: wrong_months
SELECT register_id, month, core.exact(t.amount, t.rest) AS stored, core.exact(s.amount, s.rest) AS rebuilt,
       t.covered_s AS stored_s, s.covered_s AS rebuilt_s
FROM (SELECT * FROM core.energy_month
      WHERE (amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest) <> (0, 0, 0, 0, 0, 0)) t
FULL JOIN (
    SELECT register_id, date_trunc('month', day::timestamp)::date AS month,
           sum(amount)::bigint + core.carried(sum(rest)::bigint) AS amount,
           sum(estimated_amount)::bigint + core.carried(sum(estimated_rest)::bigint) AS estimated_amount,
           sum(covered_s)::bigint AS covered_s, sum(estimated_s)::bigint AS estimated_s,
           core.left_over(sum(rest)::bigint) AS rest, core.left_over(sum(estimated_rest)::bigint) AS estimated_rest
    FROM core.energy_day GROUP BY 1, 2
) s USING (register_id, month)
WHERE (t.amount, t.estimated_amount, t.covered_s, t.estimated_s, t.rest, t.estimated_rest)
      IS DISTINCT FROM (s.amount, s.estimated_amount, s.covered_s, s.estimated_s, s.rest, s.estimated_rest)
ORDER BY register_id, month;

-- name: wrong_reading_days
-- Counts of completeness that the stored readings do not bear out; $1: the zone of the register's days. Days of which
-- old raw readings were dropped are left alone.
SELECT day, t.received AS stored, s.received AS rebuilt
FROM (SELECT day, received FROM core.reading_day WHERE register_id = $2 AND day > ($3::timestamptz AT TIME ZONE $1)::date) t
FULL JOIN (
    SELECT (read_at AT TIME ZONE $1)::date AS day, count(*)::int AS received FROM core.reading
    WHERE register_id = $2 AND (read_at AT TIME ZONE $1)::date > ($3::timestamptz AT TIME ZONE $1)::date GROUP BY 1
) s USING (day)
WHERE t.received IS DISTINCT FROM s.received
ORDER BY day;

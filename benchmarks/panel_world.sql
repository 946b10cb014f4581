-- Used by benchmarks/panel_world.py: the rows of copies, and what is made up beside them.

-- name: twins
-- Every register of a copy, and every further sub-meter, with the register of the first copy whose rows it takes.
CREATE TEMP TABLE twin AS
SELECT r.register_id AS clone, o.register_id AS origin
FROM core.register r
JOIN core.meter m ON m.meter_id = r.meter_id
JOIN core.enterprise e ON e.enterprise_id = m.enterprise_id
JOIN core.enterprise f ON f.code = regexp_replace(e.code, '-[0-9]{2}$', '-00')
JOIN core.meter n ON n.enterprise_id = f.enterprise_id AND n.code = split_part(m.code, '--', 1)
JOIN core.register o ON o.meter_id = n.meter_id AND o.code = r.code
WHERE r.register_id <> o.register_id AND r.code <> 'power'

-- name: copy_week
INSERT INTO core.energy_15m
SELECT t.clone, e.starts_at, e.amount, e.estimated_amount, e.covered_s, e.estimated_s, e.recorded_at
FROM core.energy_15m e JOIN twin t ON t.origin = e.register_id
WHERE e.starts_at >= $1::timestamptz AND e.starts_at < $1::timestamptz + interval '7 days'
ORDER BY e.starts_at, t.clone

-- name: copy_energy_day
INSERT INTO core.energy_day
SELECT t.clone, e.day, e.amount, e.estimated_amount, e.covered_s, e.estimated_s, e.recorded_at
FROM core.energy_day e JOIN twin t ON t.origin = e.register_id ORDER BY e.day, t.clone

-- name: copy_reading_day
INSERT INTO core.reading_day
SELECT t.clone, e.day, e.received
FROM core.reading_day e JOIN twin t ON t.origin = e.register_id ORDER BY e.day, t.clone

-- name: copy_reported_15m
INSERT INTO core.reported_15m
SELECT t.clone, e.starts_at, e.weighted, e.covered_us
FROM core.reported_15m e JOIN twin t ON t.origin = e.register_id ORDER BY e.starts_at, t.clone

-- name: copy_reported_day
INSERT INTO core.reported_day
SELECT t.clone, e.day, e.weighted, e.covered_us
FROM core.reported_day e JOIN twin t ON t.origin = e.register_id ORDER BY e.day, t.clone

-- name: copy_reading
INSERT INTO core.reading
SELECT t.clone, e.read_at, e.value, e.lag_s, e.value_text
FROM core.reading e JOIN twin t ON t.origin = e.register_id
WHERE e.read_at >= now() - interval '35 days' ORDER BY e.read_at, t.clone

-- name: copy_register_state
UPDATE core.register_state s SET
    baseline_at = o.baseline_at, baseline_value = o.baseline_value, baseline_origin = o.baseline_origin,
    previous_at = o.previous_at, previous_value = o.previous_value, previous_origin = o.previous_origin,
    newest_at = o.newest_at, newest_value = o.newest_value
FROM twin t JOIN core.register_state o ON o.register_id = t.origin WHERE s.register_id = t.clone

-- name: copy_scope_day
INSERT INTO core.energy_scope_day
SELECT s.enterprise_id, s.site_id, s.carrier, s.direction, d.day, sum(d.amount), sum(d.estimated_amount),
       sum(d.covered_s), sum(d.estimated_s)
FROM core.energy_day d
JOIN core.register_scope s ON s.register_id = d.register_id AND d.day >= s.valid_from AND d.day < s.valid_until
GROUP BY 1, 2, 3, 4, 5 ORDER BY d.day
ON CONFLICT (day, enterprise_id, site_id, carrier, direction) DO UPDATE SET
    amount = excluded.amount, estimated_amount = excluded.estimated_amount, covered_s = excluded.covered_s,
    estimated_s = excluded.estimated_s

-- name: make_alerts
-- Three warnings a day, the newest forty open.
INSERT INTO core.alert (rule, subject, enterprise_id, site_id, severity, state, occurred_at, fired_at, raised_at,
                        resolved_at, ended_at, outcome, value, limit_value, unit, summary_zh, summary_en)
SELECT (ARRAY['PueHigh', 'MeterSilent', 'BudgetPaceHigh', 'ReadingHeld', 'CompletenessLow'])[1 + n % 5],
       s.code || '/' || n, m.enterprise_id, s.site_id, (ARRAY['warning', 'notice', 'critical'])[1 + n % 3],
       CASE WHEN n < 40 THEN 'firing' ELSE 'resolved' END, a.at, a.at, a.at + interval '1 minute',
       CASE WHEN n >= 40 THEN a.at + interval '5 hours' END, CASE WHEN n >= 40 THEN a.at + interval '4 hours' END,
       CASE WHEN n >= 40 THEN 'cleared' END, 1.6, 1.5, '', '示例说明', 'example'
FROM generate_series(0, 3 * $1::int) AS n
CROSS JOIN LATERAL (SELECT now() - n * interval '8 hours') AS a (at)
JOIN core.site s ON s.site_id = 1 + n % (SELECT count(*) FROM core.site)
JOIN core.site_membership m ON m.site_id = s.site_id

-- name: make_events
INSERT INTO core.event
SELECT register_id, 'break', now() - (n + 1) * interval '9 hours', 5, now() - n * interval '9 hours',
       CASE WHEN n > 100 THEN now() - n * interval '8 hours' END
FROM generate_series(0, 2 * $1::int) AS n
JOIN core.register ON register_id = 1 + n % (SELECT count(*) FROM core.register)

-- name: make_rejections
INSERT INTO core.rejection (code, detail, enterprise, topic, payload, payload_bytes, payload_sha256, first_at, last_at)
SELECT (ARRAY['bad_json', 'unknown_register', 'conflict'])[1 + n % 3], 'x', e.code, 'keu/v1/x', ''::bytea, 1,
       sha256(n::text::bytea), a.at, a.at
FROM generate_series(0, 30 * $1::int) AS n
CROSS JOIN LATERAL (SELECT now() - n * interval '48 minutes') AS a (at)
JOIN core.enterprise e ON e.enterprise_id = 1 + n % (SELECT count(*) FROM core.enterprise)

-- name: make_minutes
INSERT INTO core.ingest_minute
SELECT m, slot, 600, 590, 5, 3, 2, 6
FROM generate_series(date_trunc('minute', now()) - $1::int * interval '1 day', now(), interval '1 minute') AS m,
     generate_series(0, 1) AS slot

-- name: make_evaluations
INSERT INTO core.evaluation SELECT 'rule' || n, now(), 0.1, $1::int, NULL FROM generate_series(1, 18) AS n

-- Alerts, their history, the versions of rules, and how evaluation goes. Evaluators take turns, rule by rule.

-- name: alert_clock
SELECT clock_timestamp();

-- name: alert_open
SELECT a.*, e.code AS enterprise, s.code AS site
FROM core.alert a LEFT JOIN core.enterprise e USING (enterprise_id) LEFT JOIN core.site s USING (site_id)
WHERE a.rule = $1 AND a.state <> 'resolved';

-- name: alert_closed
-- Resolved alerts of these very occurrences, should they be seen again.
SELECT a.*, e.code AS enterprise, s.code AS site
FROM unnest($2::text[], $3::timestamptz[]) AS w (subject, occurred_at)
JOIN core.alert a ON a.rule = $1 AND a.subject = w.subject AND a.occurred_at = w.occurred_at
    AND a.state = 'resolved' AND a.outcome <> 'withdrawn'
LEFT JOIN core.enterprise e USING (enterprise_id) LEFT JOIN core.site s USING (site_id);

-- name: alert_newest
-- The newest alert of each subject, open or not.
SELECT DISTINCT ON (a.subject) a.*, e.code AS enterprise, s.code AS site
FROM core.alert a LEFT JOIN core.enterprise e USING (enterprise_id) LEFT JOIN core.site s USING (site_id)
WHERE a.rule = $1 AND a.subject = ANY($2::text[])
ORDER BY a.subject, a.state = 'resolved', a.outcome = 'withdrawn', a.alert_id DESC;

-- name: alert_since
-- Alerts that go on, or ended, later than an instant of the data.
SELECT a.*, e.code AS enterprise, s.code AS site
FROM core.alert a LEFT JOIN core.enterprise e USING (enterprise_id) LEFT JOIN core.site s USING (site_id)
WHERE a.rule = $1 AND a.subject = $2 AND a.outcome IS DISTINCT FROM 'withdrawn'
  AND (a.ended_at IS NULL OR a.ended_at > $3);

-- name: alert_insert
INSERT INTO core.alert AS a
    (rule, subject, enterprise_id, site_id, severity, state, occurred_at, fired_at, ended_at, raised_at, resolved_at,
     acknowledged_at, acknowledged_by, historical, outcome, raised_count, value, limit_value, unit, evidence, latest,
     members, rule_version, summary_zh, summary_en)
VALUES ($1, $2, (SELECT enterprise_id FROM core.enterprise WHERE code = $3),
        (SELECT site_id FROM core.site WHERE code = $4), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
        $18, $19, $20, $21, $22, $23, $24, $25)
ON CONFLICT DO NOTHING
RETURNING a.alert_id;

-- name: alert_update
UPDATE core.alert SET
    severity = $2, state = $3, occurred_at = $4, fired_at = $5, ended_at = $6, raised_at = $7, resolved_at = $8,
    acknowledged_at = $9, acknowledged_by = $10, historical = $11, outcome = $12, raised_count = $13, value = $14,
    limit_value = $15, unit = $16, evidence = $17, latest = $18, members = $19, rule_version = $20, summary_zh = $21,
    summary_en = $22
WHERE alert_id = $1;

-- name: alert_latest
UPDATE core.alert SET latest = $2 WHERE alert_id = $1;

-- name: alert_drop
DELETE FROM core.alert WHERE alert_id = $1 AND state = 'pending';

-- name: alert_step
INSERT INTO core.alert_step (alert_id, step, at, author, comment, detail) VALUES ($1, $2, $3, $4, $5, $6);

-- name: alert_get
SELECT a.*, e.code AS enterprise, s.code AS site
FROM core.alert a LEFT JOIN core.enterprise e USING (enterprise_id) LEFT JOIN core.site s USING (site_id)
WHERE a.alert_id = $1
FOR UPDATE OF a;

-- name: alert_list
SELECT alert_id, rule, subject, enterprise, severity, colour, state, summary_zh, summary_en, occurred_at, raised_at,
       ended_at, acknowledged_by, historical, outcome, silenced
FROM report.alerts
WHERE ($1 OR state <> 'resolved') AND ($2::text IS NULL OR enterprise = $2) AND ($3::text IS NULL OR rule = $3)
ORDER BY state = 'resolved', historical, array_position(ARRAY['critical', 'warning', 'notice'], severity),
         occurred_at DESC, alert_id DESC
LIMIT $4;

-- name: alert_show
SELECT * FROM report.alerts WHERE alert_id = $1;

-- name: alert_history
SELECT step_id, alert_id, rule, subject, step, at, author, comment, detail
FROM report.alert_history
WHERE ($1::bigint IS NULL OR alert_id = $1)
ORDER BY step_id DESC LIMIT $2;

-- name: alert_settle_events
-- The events inside an acknowledged alert are acknowledged with it: 'kind/read_at in µs' of one register.
UPDATE core.event v SET acknowledged_at = clock_timestamp(), acknowledged_by = $3
FROM unnest($1::text[], $2::timestamptz[]) AS w (kind, read_at)
WHERE v.kind = w.kind AND v.read_at = w.read_at AND v.acknowledged_at IS NULL
  AND v.register_id = (SELECT r.register_id FROM core.register r JOIN core.meter m USING (meter_id)
                       JOIN core.enterprise e USING (enterprise_id)
                       WHERE e.code || '/' || m.code || '/' || r.code = $4);

-- name: rule_versions
SELECT rule, version, settings, author, recorded_at FROM core.rule_version WHERE recorded_until = 'infinity';

-- name: rule_history
SELECT rule, version, settings, author, recorded_at, recorded_until FROM core.rule_version
WHERE ($1::text IS NULL OR rule = $1)
ORDER BY rule, version;

-- name: rule_end
UPDATE core.rule_version SET recorded_until = clock_timestamp() WHERE rule = $1 AND recorded_until = 'infinity';

-- name: rule_add
INSERT INTO core.rule_version (rule, version, settings, author, recorded_at)
SELECT $1, coalesce(max(version), 0) + 1, $2, $3, clock_timestamp() FROM core.rule_version WHERE rule = $1
ON CONFLICT DO NOTHING;

-- name: evaluation_now
-- The database's time, and the oldest transaction that is not over.
SELECT clock_timestamp() AS at, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xid;

-- name: evaluation_mark
-- When the rule was looked at last, and how many transactions ago, as age() counts; null where that is not known, as
-- after a restore into another server, whose transactions are counted anew.
SELECT evaluated_at AS at, CASE WHEN evaluated_at > clock_timestamp() - interval '1 day' AND x.age >= 0 THEN x.age END AS age
FROM core.evaluation e
CROSS JOIN LATERAL (SELECT age((e.seen_xid % 4294967296)::text::xid) AS age) AS x
WHERE e.rule = $1 AND e.evaluated_at > '-infinity';

-- name: evaluation_newest
SELECT max(evaluated_at) FROM report.evaluations;

-- name: evaluation_save
-- A look that failed keeps the mark of the last one that did not.
INSERT INTO core.evaluation (rule, evaluated_at, seconds, observed, problem, seen_xid)
VALUES ($1, CASE WHEN $5::text IS NULL THEN $2::timestamptz ELSE '-infinity' END, $3, $4, $5, $6)
ON CONFLICT (rule) DO UPDATE SET
    evaluated_at = CASE WHEN excluded.problem IS NULL THEN excluded.evaluated_at ELSE evaluation.evaluated_at END,
    seen_xid = CASE WHEN excluded.problem IS NULL THEN excluded.seen_xid ELSE evaluation.seen_xid END,
    seconds = excluded.seconds, observed = excluded.observed, problem = excluded.problem;

-- name: window_backlog
SELECT subject, since_at FROM core.window_backlog WHERE rule = $1;

-- name: window_backlog_done
DELETE FROM core.window_backlog WHERE rule = $1 AND subject = ANY($2::text[]);

-- name: window_backlog_save
INSERT INTO core.window_backlog AS b (rule, subject, since_at)
SELECT $1, * FROM unnest($2::text[], $3::timestamptz[])
ON CONFLICT (rule, subject) DO UPDATE SET since_at = excluded.since_at WHERE b.since_at <> excluded.since_at;

-- name: maintenance_add
INSERT INTO core.maintenance (site_id, starts_at, ends_at, reason, author)
SELECT site_id, $2, $3, $4, $5 FROM core.site WHERE code = $1
RETURNING maintenance_id;

-- name: maintenance_cancel
UPDATE core.maintenance SET cancelled_at = clock_timestamp(), cancelled_by = $2
WHERE maintenance_id = $1 AND cancelled_at IS NULL AND ends_at > clock_timestamp()
RETURNING maintenance_id;

-- name: maintenance_list
SELECT * FROM report.maintenance
WHERE $1 OR state IN ('planned', 'active')
ORDER BY starts_at DESC, maintenance_id DESC;

-- name: maintenance_sites
SELECT DISTINCT s.code
FROM core.maintenance m JOIN core.site s USING (site_id)
WHERE m.cancelled_at IS NULL AND m.starts_at <= $1 AND $1 < m.ends_at;

-- name: alert_acknowledge
UPDATE core.alert SET state = 'acknowledged', acknowledged_at = $2, acknowledged_by = $3 WHERE alert_id = $1;

-- Warnings as the caller may see them: those of its enterprises; the district's own only for a login of the district.

CREATE VIEW core.caller_alert AS
SELECT a.*, c.enterprise, c.enterprise_zh, c.enterprise_en, s.code AS site, s.name_zh AS site_zh, s.name_en AS site_en
FROM core.alert a
LEFT JOIN core.caller_enterprise c ON c.enterprise_id = a.enterprise_id
LEFT JOIN core.site s ON s.site_id = a.site_id
WHERE c.enterprise_id IS NOT NULL OR a.enterprise_id IS NULL AND (SELECT d.is_district FROM core.caller_is_district d);

-- Colours are those of the district's barometer 晴雨表: red is the worst, yellow between, green no alert.
CREATE VIEW report.alerts WITH (security_barrier) AS
SELECT a.alert_id, a.rule, a.subject, a.enterprise, a.enterprise_zh, a.enterprise_en, a.site, a.site_zh, a.site_en,
       a.severity, CASE a.severity WHEN 'critical' THEN 'red' WHEN 'warning' THEN 'yellow' ELSE 'blue' END AS colour,
       a.state, a.summary_zh, a.summary_en, a.value, a.limit_value, a.unit,
       a.occurred_at, a.fired_at, a.ended_at, a.raised_at, a.resolved_at, a.acknowledged_at, a.acknowledged_by,
       a.historical, a.outcome,
       EXISTS (SELECT FROM core.maintenance m
               WHERE m.site_id = a.site_id AND m.starts_at <= now() AND now() < m.ends_at AND m.cancelled_at IS NULL
              ) AS silenced,
       a.evidence, a.latest, a.rule_version, v.recorded_at AS rule_since, v.settings AS rule_settings,
       'docs/runbooks/' || a.rule || '.md' AS runbook
FROM core.caller_alert a
LEFT JOIN core.rule_version v ON v.rule = a.rule AND v.version = a.rule_version
WHERE a.state <> 'pending';

CREATE VIEW report.alert_history WITH (security_barrier) AS
SELECT s.step_id, s.alert_id, a.rule, a.subject, a.enterprise, a.site, s.step, s.at, s.author, s.comment, s.detail
FROM core.caller_alert a
JOIN core.alert_step s USING (alert_id);

CREATE VIEW report.maintenance WITH (security_barrier) AS
SELECT m.maintenance_id, c.enterprise, s.code AS site, s.name_zh AS site_zh, s.name_en AS site_en,
       m.starts_at, m.ends_at, m.reason, m.author, m.recorded_at, m.cancelled_at, m.cancelled_by,
       CASE WHEN m.cancelled_at IS NOT NULL THEN 'cancelled' WHEN now() < m.starts_at THEN 'planned'
            WHEN now() < m.ends_at THEN 'active' ELSE 'over' END AS state
FROM core.maintenance m
JOIN core.site s ON s.site_id = m.site_id
JOIN core.site_membership o ON o.site_id = m.site_id AND o.recorded_until = 'infinity'
    AND (m.starts_at AT TIME ZONE s.zone)::date >= o.valid_from
    AND (m.starts_at AT TIME ZONE s.zone)::date < o.valid_until
JOIN core.caller_enterprise c ON c.enterprise_id = o.enterprise_id;

-- Facts about the product, no one's data.
CREATE VIEW report.rules WITH (security_barrier) AS
SELECT rule, version, settings, author, recorded_at, recorded_until
FROM core.rule_version;

-- How evaluation does: the district's to see.
CREATE VIEW report.evaluations WITH (security_barrier) AS
SELECT e.rule, e.evaluated_at, e.seconds, e.observed, e.problem
FROM core.evaluation e
WHERE (SELECT d.is_district FROM core.caller_is_district d);

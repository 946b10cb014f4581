-- What the broker tells of itself: the district's to see.
CREATE VIEW report.broker_minute WITH (security_barrier) AS
SELECT b.minute, b.kind, b.subject, b.seen
FROM core.broker_minute b
WHERE (SELECT d.is_district FROM core.caller_is_district d);

-- How maintenance does: the district's to see.
CREATE VIEW report.maintenance_runs WITH (security_barrier) AS
SELECT m.task, m.started_at, m.ended_at, m.result, m.detail
FROM core.maintenance_run m
WHERE (SELECT d.is_district FROM core.caller_is_district d);

-- What booking and the evaluator need of the tables behind PUE, completeness and production.
GRANT SELECT, INSERT, UPDATE ON core.reading_day TO tanfeng_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON core.reported_15m, core.reported_day TO tanfeng_ingest;
GRANT SELECT ON core.calendar TO tanfeng_ingest;
GRANT SELECT, INSERT, UPDATE ON core.clock_doubt TO tanfeng_ingest;

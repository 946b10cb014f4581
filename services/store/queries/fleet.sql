-- What a simulated fleet asks of the books.

-- name: open_events_of
SELECT kind, read_at FROM core.event WHERE register_id = $1 AND acknowledged_at IS NULL ORDER BY read_at;

-- name: progress_messages
-- Messages that ingest has committed or rejected so far.
SELECT coalesce(sum(messages), 0)::bigint FROM core.ingest_minute;

-- name: progress_registers
SELECT r.register_id, m.code AS meter
FROM core.register r
JOIN core.meter m USING (meter_id)
WHERE m.code = ANY($1::text[]) AND r.code = $2;

-- name: progress_newest
SELECT register_id, newest_at FROM core.register_state WHERE register_id = ANY($1::int[]) AND newest_at IS NOT NULL;

-- name: known_figures
-- What the views say for sure of each enterprise, carrier and day, and of each data centre and day.
SELECT 'kgco2' AS kind, enterprise AS place, carrier, day, emissions_kgco2 AS value
FROM report.emissions_enterprise_1d WHERE state = 'known' AND day BETWEEN $1 AND $2
UNION ALL
SELECT 'pue_ratio', site, '', day, pue_ratio FROM report.pue_1d WHERE state IN ('ok', 'high') AND day BETWEEN $1 AND $2;

-- What `tanfeng doctor` asks; used by services/upkeep/diagnosis.py.

-- name: doctor_server
-- `data_directory` is null for a login that may not know it.
SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version,
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescale,
       (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb') AS timescale_offered,
       current_setting('timescaledb.license', true) AS license,
       current_setting('shared_preload_libraries', true) ~ 'timescaledb' AS is_preloaded,
       CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END AS data_directory,
       current_setting('synchronous_commit') AS synchronous_commit, current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes;

-- name: doctor_clock
SELECT clock_timestamp();

-- name: doctor_schema_there
SELECT to_regclass('public.schema_migration') IS NOT NULL;

-- name: doctor_books
-- Registers whose books an older rule than $1 made, those of a newer one, and those whose old days an older one made.
SELECT count(*) FILTER (WHERE books_version < $1) AS older, count(*) FILTER (WHERE books_version > $1) AS newer,
       count(*) FILTER (WHERE rule_from > '-infinity') AS partly, max(rule_from) AS rule_from
FROM core.register_state WHERE newest_at IS NOT NULL;

-- name: doctor_growth
-- Bytes of readings and books, the readings ever stored, and what was stored in the last $1 days.
SELECT (SELECT coalesce(sum(pg_table_size(c.oid) + pg_indexes_size(c.oid)), 0)::bigint FROM pg_class c
        WHERE c.relkind = 'r'
          AND c.relnamespace IN (to_regnamespace('core'), to_regnamespace('_timescaledb_internal'))) AS bytes,
       (SELECT coalesce(sum(received), 0)::bigint FROM core.reading_day) AS readings,
       (SELECT coalesce(sum(accepted), 0)::bigint FROM core.ingest_hour
        WHERE hour >= now() - make_interval(days => $1)) AS recent,
       (SELECT extract(epoch FROM now() - greatest(min(hour), now() - make_interval(days => $1)))::int
        FROM core.ingest_hour) AS recent_s;

-- name: doctor_slots
-- Every slot ever used, whether a worker holds it now, and for how long it has not been used.
SELECT s.slot, extract(epoch FROM now() - s.last_used_at)::int AS idle_s,
       EXISTS (SELECT FROM core.lease AS l WHERE l.name = 'ingest ' || s.slot
               AND core.lease_holds(l.pid, l.connected_at, l.held_until)) AS is_held
FROM core.ingest_slot AS s
ORDER BY s.slot;

-- name: doctor_ahead
-- Registers that reported within a day, how many came from the future by more than $1 seconds, and the worst of them. An
-- amount that comes before its interval is over is from the future too, by what is missing.
SELECT count(*) AS live, count(*) FILTER (WHERE lag_s < -$1::int) AS ahead, coalesce(-min(lag_s), 0) AS most_s,
       (array_agg(name ORDER BY lag_s) FILTER (WHERE lag_s < -$1::int))[:3] AS worst
FROM (
    SELECT r.lag_s - extract(epoch FROM x.reaches_at - r.read_at)::int AS lag_s, e.code || '/' || m.code || '/' || g.code AS name
    FROM core.register_state b
    JOIN core.reading r ON r.register_id = b.register_id AND r.read_at = b.newest_at
    JOIN core.register g ON g.register_id = b.register_id
    JOIN core.meter m ON m.meter_id = g.meter_id
    JOIN core.enterprise e ON e.enterprise_id = m.enterprise_id
    JOIN core.register_reach x ON x.register_id = b.register_id
    WHERE b.newest_at > now() - interval '1 day'
      AND b.newest_at + make_interval(secs => r.lag_s) > now() - interval '1 day'
) AS newest;

-- name: doctor_refused_ahead
-- Topics whose readings were refused within a day because they came from the future.
SELECT DISTINCT topic FROM core.rejection WHERE code = 'time_ahead' AND last_at > now() - interval '1 day' ORDER BY 1 LIMIT 4;

-- name: doctor_policies
-- Policies of TimescaleDB on our tables, which we maintain ourselves.
SELECT proc_name AS proc, hypertable_schema || '.' || hypertable_name AS relation
FROM timescaledb_information.jobs
WHERE hypertable_schema = 'core' AND proc_name IN ('policy_retention', 'policy_compression', 'policy_refresh_continuous_aggregate')
ORDER BY 1, 2;

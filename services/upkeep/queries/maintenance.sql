-- Our own maintenance: what was done, the columnstore, retention, and TimescaleDB's jobs.

-- name: maintenance_now
SELECT clock_timestamp();

-- name: maintenance_record
INSERT INTO core.maintenance_run (task, started_at, result, detail) VALUES ($1, $2, $3, $4);

-- name: maintenance_last
SELECT DISTINCT ON (task) task, started_at, ended_at, result, detail FROM core.maintenance_run
ORDER BY task, ended_at DESC;

-- name: maintenance_forget
DELETE FROM core.maintenance_run WHERE ended_at < now() - interval '90 days';

-- name: columnstore_offered
-- Only the community edition compresses; null where there is no TimescaleDB, or the table is plain.
SELECT current_setting('timescaledb.license', true) = 'timescale'
   AND EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
   AND EXISTS (SELECT FROM pg_proc WHERE proname = 'convert_to_columnstore');

-- name: hypertable_offered
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb');

-- name: columnstore_enabled
SELECT compression_enabled FROM timescaledb_information.hypertables
WHERE hypertable_schema = 'core' AND hypertable_name = 'reading';

-- name: columnstore_enable
-- By register, in order of time: measured in docs/adr/0008.
ALTER TABLE core.reading SET (timescaledb.enable_columnstore, timescaledb.segmentby = 'register_id',
                              timescaledb.orderby = 'read_at');

-- name: raw_chunks
-- Chunks of raw readings that end by $1, the oldest first. Bits of status: 1 compressed, 8 has newer rows beside. By the
-- function, for the catalog's columns change between versions: up to 2.28 it knew a chunk by name, from 2.29 on by relid.
SELECT c.name, i.range_start, i.range_end, c.status & 1 = 1 AS is_compressed, c.status & 10 > 0 AS has_more
FROM timescaledb_information.chunks i
CROSS JOIN LATERAL (SELECT format('%I.%I', i.chunk_schema, i.chunk_name) AS name) AS n
CROSS JOIN LATERAL (SELECT n.name, _timescaledb_functions.chunk_status(n.name::regclass) AS status) AS c
WHERE i.hypertable_schema = 'core' AND i.hypertable_name = 'reading' AND i.range_end <= $1
ORDER BY i.range_start;

-- name: columnstore_merge
CALL merge_chunks({chunks}::regclass[]);

-- name: columnstore_convert
CALL convert_to_columnstore({chunk}::regclass);

-- name: oldest_held
-- The first reading of the oldest open held run, as JSON keeps it: [[first_at, …], …].
SELECT min((run ->> 0)::bigint) AS first_us
FROM core.register_state s CROSS JOIN LATERAL json_array_elements(s.runs::json) AS run
WHERE s.runs IS NOT NULL;

-- name: retention_registers
SELECT register_id FROM core.register_state WHERE newest_at IS NOT NULL ORDER BY register_id;

-- name: retention_keep
-- A late reading is folded from the sound reading before it, and the baseline before that one: two sound readings stay
-- of every register, the first two since $2, or its last two where there are fewer. Readings older than the second are
-- refused from now on. Called with the state rows locked.
UPDATE core.register_state s SET needed_from = k.first_at, kept_from = greatest(s.kept_from, k.second_at)
FROM (
    SELECT w.register_id, min(two.read_at) AS first_at, max(two.read_at) AS second_at
    FROM unnest($1::int[]) AS w (register_id)
    CROSS JOIN LATERAL (
        (SELECT r.read_at, true AS is_later FROM core.reading r
         WHERE r.register_id = w.register_id AND r.read_at >= $2
           AND NOT EXISTS (SELECT FROM core.doubt d WHERE d.register_id = r.register_id AND d.read_at = r.read_at)
         ORDER BY r.read_at LIMIT 2)
        UNION ALL
        (SELECT r.read_at, false FROM core.reading r
         WHERE r.register_id = w.register_id AND r.read_at < $2
           AND NOT EXISTS (SELECT FROM core.doubt d WHERE d.register_id = r.register_id AND d.read_at = r.read_at)
         ORDER BY r.read_at DESC LIMIT 2)
        ORDER BY is_later DESC, read_at DESC LIMIT 2
    ) AS two
    GROUP BY w.register_id
) AS k
WHERE s.register_id = k.register_id AND k.first_at < k.second_at AND k.first_at > s.needed_from;

-- name: retention_lock
-- Registers that need readings older than $1.
SELECT register_id FROM core.register_state WHERE newest_at IS NOT NULL AND needed_from < $1
ORDER BY register_id FOR UPDATE;

-- name: retention_stage
CREATE TEMPORARY TABLE IF NOT EXISTS carried_reading (LIKE core.reading) ON COMMIT DROP;

-- name: retention_carry
INSERT INTO carried_reading
SELECT r.* FROM core.register_state s
JOIN core.reading r ON r.register_id = s.register_id AND r.read_at >= s.needed_from AND r.read_at < $1
WHERE s.newest_at IS NOT NULL AND s.needed_from < $1;

-- name: retention_droppable
SELECT (SELECT count(*) FROM core.reading WHERE read_at < $1) - (SELECT count(*) FROM carried_reading);

-- name: retention_drop
SELECT drop_chunks('core.reading', older_than => $1::timestamptz);

-- name: retention_restore
INSERT INTO core.reading SELECT * FROM carried_reading;

-- name: retention_delete
-- On plain PostgreSQL: at most $3 readings of these registers.
DELETE FROM core.reading WHERE ctid = ANY (ARRAY(
    SELECT r.ctid FROM core.register_state s
    JOIN core.reading r ON r.register_id = s.register_id AND r.read_at < least($2::timestamptz, s.needed_from)
    WHERE s.register_id = ANY ($1::int[])
    LIMIT $3));

-- name: retention_doubts
-- Outcomes of readings that are gone.
DELETE FROM core.doubt d WHERE d.read_at < $1
AND NOT EXISTS (SELECT FROM core.reading r WHERE r.register_id = d.register_id AND r.read_at = d.read_at);

-- name: forget_bodies
-- The bytes go, what was wrong with them and their hash stay.
UPDATE core.rejection SET payload = '' WHERE rejection_id = ANY (ARRAY(
    SELECT rejection_id FROM core.rejection WHERE last_at < $1 AND payload <> '' LIMIT $2));

-- name: forget_rejections
DELETE FROM core.rejection WHERE rejection_id = ANY (ARRAY(
    SELECT rejection_id FROM core.rejection WHERE last_at < $1 LIMIT $2));

-- name: forget_floods
DELETE FROM core.rejection_flood WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM core.rejection_flood WHERE minute < $1 LIMIT $2));

-- name: forget_minutes
DELETE FROM core.ingest_minute WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM core.ingest_minute WHERE minute < $1 LIMIT $2));

-- name: jobs_due
-- Jobs of TimescaleDB's scheduler that it should have run $1 seconds ago, and that nobody ran since.
SELECT j.job_id, j.application_name AS name
FROM timescaledb_information.jobs j
LEFT JOIN timescaledb_information.job_stats s ON s.job_id = j.job_id
WHERE j.scheduled AND j.job_id >= 1000
  AND coalesce(nullif(j.next_start, '-infinity'), j.initial_start, '-infinity') < now() - make_interval(secs => $1)
  AND coalesce(nullif(s.last_successful_finish, '-infinity'), '-infinity') < now() - j.schedule_interval
  AND NOT EXISTS (SELECT FROM core.maintenance_run m WHERE m.task = 'job ' || j.job_id AND m.result = 'done'
                  AND m.ended_at > now() - j.schedule_interval)
ORDER BY j.job_id;

-- name: job_run
CALL run_job({job});

-- name: job_errors
-- Failures of jobs since $1 that no later success settled.
SELECT e.job_id, coalesce(e.proc_name, '') AS proc, e.sqlerrcode AS code, e.err_message AS problem, count(*) AS times
FROM timescaledb_information.job_errors e
WHERE e.finish_time > $1
  AND NOT EXISTS (SELECT FROM timescaledb_information.job_stats s
                  WHERE s.job_id = e.job_id AND s.last_successful_finish > e.finish_time)
  AND NOT EXISTS (SELECT FROM core.maintenance_run m WHERE m.task = 'job ' || e.job_id AND m.result = 'done'
                  AND m.ended_at > e.finish_time)
GROUP BY 1, 2, 3, 4 ORDER BY 1;

-- name: watch_maintenance
-- The newest run of each task, and since when it fails in a row.
SELECT t.task, t.ended_at, t.result, t.detail,
       (SELECT min(f.ended_at) FROM core.maintenance_run f WHERE f.task = t.task AND f.result = 'failed'
          AND f.ended_at > coalesce((SELECT max(g.ended_at) FROM core.maintenance_run g
                                     WHERE g.task = t.task AND g.result <> 'failed'), '-infinity')) AS failing_since
FROM (SELECT DISTINCT ON (task) * FROM core.maintenance_run ORDER BY task, ended_at DESC) AS t
ORDER BY t.task;

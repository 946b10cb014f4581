-- What bounds a tenant's SQL; used by services/store/limits.py and watchdog.py. The lists are in objects/920.

-- name: limits_functions
-- Again at every migration: a restore, a new major release or an update of TimescaleDB brings the defaults back. Only what
-- is not as it should be is touched. A login that may not do this leaves it to one that may; `tanfeng doctor` tells.
DO $$
DECLARE
    owner name := (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'core');
    one record;
BEGIN
    FOR one IN SELECT signature, is_ours FROM core.forbidden_function WHERE is_open LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', one.signature, owner);
        EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', one.signature);
        IF one.is_ours THEN
            EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO tanfeng_ingest, tanfeng_evaluate', one.signature);
        END IF;
    END LOOP;
    IF has_language_privilege('public', 'plpgsql', 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON LANGUAGE plpgsql TO %I', owner);
        REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;  -- DO blocks; calling functions needs no right to their language
    END IF;
    -- In another database nothing of the above holds.
    FOR one IN SELECT datname FROM pg_database WHERE datname IN ('postgres', 'template1')
                AND datname <> current_database() AND has_database_privilege('public', oid, 'CONNECT') LOOP
        EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', one.datname);
    END LOOP;
    FOR one IN SELECT r.rolname FROM pg_roles r WHERE r.rolcanlogin AND core.is_tenant(r.oid)
                AND NOT EXISTS (SELECT FROM pg_db_role_setting s WHERE s.setrole = r.oid AND s.setdatabase = 0
                                AND s.setconfig::text ~ 'temp_file_limit=') LOOP
        EXECUTE format('ALTER ROLE %I SET temp_file_limit = ''1GB''', one.rolname);
    END LOOP;
EXCEPTION WHEN insufficient_privilege OR internal_error THEN
    NULL;  -- not ours to change, or another database of this server was migrated at the same moment
END $$;

-- name: limits_roles
DO $$
DECLARE
    one record;
BEGIN
    IF to_regrole('pg_use_reserved_connections') IS NOT NULL THEN
        FOR one IN SELECT r.rolname FROM pg_roles r WHERE r.rolname IN ('tanfeng_ingest', 'tanfeng_evaluate', 'tanfeng_api')
                   AND NOT pg_has_role(r.oid, to_regrole('pg_use_reserved_connections'), 'MEMBER') LOOP
            -- with inheritance, for tanfeng_api inherits nothing by itself
            EXECUTE format('GRANT pg_use_reserved_connections TO %I WITH INHERIT TRUE', one.rolname);
        END LOOP;
    END IF;
    FOR one IN SELECT r.rolname FROM pg_roles r WHERE r.rolcanlogin AND r.rolconnlimit < 0 AND core.is_tenant(r.oid) LOOP
        EXECUTE format('ALTER ROLE %I CONNECTION LIMIT 25', one.rolname);
    END LOOP;
EXCEPTION WHEN insufficient_privilege OR internal_error THEN
    NULL;
END $$;

-- name: limits_found
SELECT ARRAY(SELECT signature FROM core.forbidden_function WHERE is_open ORDER BY 1) AS open_functions,
       has_language_privilege('public', 'plpgsql', 'USAGE') AS may_program,
       ARRAY(SELECT datname::text FROM pg_database WHERE datallowconn AND datname <> current_database()
             AND has_database_privilege('public', oid, 'CONNECT') ORDER BY 1) AS other_databases,
       ARRAY(SELECT rolname::text FROM pg_roles WHERE rolcanlogin AND rolconnlimit < 0 AND core.is_tenant(oid)
             ORDER BY 1) AS unlimited,
       ARRAY(SELECT DISTINCT s.role_name::text FROM core.login_scope s JOIN core.enterprise e USING (enterprise_id)
             WHERE strpos(replace(s.role_name::text, '_', '-'), e.code) > 0 ORDER BY 1) AS telling,
       current_setting('reserved_connections', true)::int AS reserved,
       current_setting('temp_file_limit') AS temp_file_limit,
       (SELECT coalesce(sum(sessions), 0)::int FROM core.ended_session WHERE minute > now() - interval '1 day') AS ended,
       ARRAY(SELECT DISTINCT role_name::text FROM core.ended_session WHERE minute > now() - interval '1 day'
             ORDER BY 1) AS ended_roles,
       pg_has_role('pg_signal_backend', 'USAGE') AND pg_has_role('pg_read_all_stats', 'USAGE') AS may_watch;

-- name: watchdog_may
SELECT pg_has_role('pg_signal_backend', 'USAGE') AND pg_has_role('pg_read_all_stats', 'USAGE') AS may_watch,
       EXISTS (SELECT FROM pg_proc WHERE proname = 'is_tenant' AND pronamespace = to_regnamespace('core')) AS has_tenants;

-- name: watchdog_end
-- End tenants' sessions that somebody who is no tenant waits for, and those whose transaction is older than $1 seconds.
WITH tenant AS MATERIALIZED (
    SELECT pid, usename, extract(epoch FROM clock_timestamp() - xact_start) AS age_s, left(query, 200) AS query
    FROM pg_stat_activity WHERE backend_type = 'client backend' AND core.is_tenant(usesysid)
), blocking AS (
    SELECT DISTINCT unnest(pg_blocking_pids(a.pid)) AS pid FROM pg_stat_activity a
    WHERE a.wait_event_type = 'Lock' AND a.pid NOT IN (SELECT pid FROM tenant)
)
SELECT t.usename::text AS role, CASE WHEN b.pid IS NULL THEN 'old' ELSE 'blocks' END AS reason,
       coalesce(t.age_s, 0)::int AS age_s, t.query, pg_terminate_backend(t.pid) AS is_ended
FROM tenant t LEFT JOIN blocking b USING (pid)
WHERE b.pid IS NOT NULL OR t.age_s > $1;

-- name: watchdog_count
INSERT INTO core.ended_session AS held (minute, role_name, reason, sessions, longest_s)
VALUES (date_trunc('minute', now()), $1, $2, 1, $3)
ON CONFLICT (minute, role_name, reason)
DO UPDATE SET sessions = held.sessions + 1, longest_s = greatest(held.longest_s, excluded.longest_s);

-- name: watchdog_forget
DELETE FROM core.ended_session WHERE minute < now() - interval '90 days';

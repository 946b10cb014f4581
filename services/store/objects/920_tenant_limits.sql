-- What bounds a tenant's SQL. docs/adr/0016 says why each, docs/security.md what is left.

-- A login or role that only reads: neither the owner, nor a superuser, nor a program.
CREATE OR REPLACE FUNCTION core.is_tenant(role oid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT r.rolsuper AND pg_has_role(r.oid, 'tanfeng_reader', 'MEMBER')
       AND r.oid <> (SELECT nspowner FROM pg_namespace WHERE nspname = 'core')
       AND r.rolname NOT IN ('tanfeng_reader', 'tanfeng_district')
       AND NOT pg_has_role(r.oid, 'tanfeng_ingest', 'MEMBER') AND NOT pg_has_role(r.oid, 'tanfeng_evaluate', 'MEMBER')
       AND NOT pg_has_role(r.oid, 'tanfeng_api', 'MEMBER')
    FROM pg_roles r WHERE r.oid = role
$$;
REVOKE ALL ON FUNCTION core.is_tenant(oid) FROM PUBLIC;

-- Functions that no dashboard needs, because they wait, lock, wake, write, or use up what belongs to everybody.
-- is_ours: a program of ours may need it. Unlocking harms nobody, and drivers call it.
CREATE VIEW core.forbidden_function AS
SELECT p.oid, format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS signature,
       e.oid IS NOT NULL OR p.proname ~ '^pg_(try_)?advisory_|^pg_notify$|^pg_lock_status$|_blocking_pids$' AS is_ours,
       EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
               WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE') AS is_open
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
LEFT JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'timescaledb'
WHERE (n.nspname = 'pg_catalog' AND (
        p.proname ~ '^pg_(try_)?advisory_(xact_)?lock'                      -- a key space without rights
        OR p.proname ~ '^(lo_|loread$|lowrite$)'                            -- files of any size in the database
        OR p.proname ~ '^pg_sleep'                                          -- connections held for nothing
        OR p.proname IN ('pg_notify',                                       -- the queue that all share
            'pg_logical_emit_message',                                      -- WAL at will, to every standby
            'pg_current_xact_id', 'txid_current',                           -- transaction ids, until they wrap around
            'pg_export_snapshot',                                           -- a snapshot that outlives its transaction
            'pg_blocking_pids', 'pg_safe_snapshot_blocking_pids',           -- they stop the lock manager
            'pg_isolation_test_session_is_blocked', 'pg_lock_status')))
   OR (e.oid IS NOT NULL AND p.provolatile = 'v'                            -- jobs; the rest wants a table's owner
       AND p.proname ~ '(_job|_policy|policies|_workers|_restore)$|^policy_|^alter_job');

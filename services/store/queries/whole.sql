-- Whether the schema is whole; used by services/store/whole.py.

-- name: schema_present
-- All that our scripts make: what works, not what is merely there. `grant`: a right of one of our roles; `closed`: a
-- function that not everybody may call. Rights of the owner go without saying, and triggers of TimescaleDB are its own.
WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname IN ('core', 'report')),
acl AS (
    SELECT c.oid::regclass::text AS object, a.grantee, a.privilege_type
    FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace IN (TABLE ours)
    UNION ALL
    SELECT p.oid::regprocedure::text, a.grantee, a.privilege_type
    FROM pg_proc p, aclexplode(p.proacl) a WHERE p.pronamespace IN (TABLE ours)
    UNION ALL
    SELECT 'schema ' || n.nspname, a.grantee, a.privilege_type
    FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.oid IN (TABLE ours)
)
SELECT CASE relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind, oid::regclass::text AS name
FROM pg_class WHERE relnamespace IN (TABLE ours) AND relkind IN ('r', 'p', 'v')
UNION ALL
SELECT 'function', oid::regprocedure::text FROM pg_proc WHERE pronamespace IN (TABLE ours)
UNION ALL
SELECT 'closed', oid::regprocedure::text FROM pg_proc
WHERE pronamespace IN (TABLE ours)
  AND NOT EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) a WHERE a.grantee = 0)
UNION ALL
SELECT 'constraint', conrelid::regclass || ' ' || conname FROM pg_constraint
WHERE connamespace IN (TABLE ours) AND conrelid <> 0 AND contype IN ('p', 'u', 'f', 'c', 'x') AND convalidated
UNION ALL
SELECT 'index', i.indexrelid::regclass::text
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace IN (TABLE ours) AND i.indisvalid
UNION ALL
SELECT 'trigger', t.tgrelid::regclass || ' ' || t.tgname
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace IN (TABLE ours) AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgname NOT LIKE 'ts\_%'
UNION ALL
SELECT 'grant', object || ' ' || privilege_type || ' to ' || r.rolname
FROM acl JOIN pg_roles r ON r.oid = acl.grantee WHERE r.rolname LIKE 'tanfeng\_%';

-- name: schema_recorded_there
SELECT to_regclass('core.schema_object') IS NOT NULL;

-- name: schema_recorded
SELECT kind, name FROM core.schema_object;

-- name: schema_forget
DELETE FROM core.schema_object;

-- name: schema_record
INSERT INTO core.schema_object (kind, name) SELECT * FROM unnest($1::text[], $2::text[]);

-- name: schema_restoring
-- Settings of the database that say that a restore has begun and not ended.
SELECT name FROM unnest(ARRAY['tanfeng.restoring', 'timescaledb.restoring']) AS name
WHERE current_setting(name, true) = 'on';

-- name: schema_without_record
-- Tables, and no migration that made them.
SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('core') AND relkind = 'r')
   AND NOT EXISTS (SELECT FROM public.schema_migration);

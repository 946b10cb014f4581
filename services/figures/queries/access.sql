-- Used by services/figures/access.py. An enterprise of null is the whole district.

-- name: access_enterprise
SELECT EXISTS (SELECT FROM core.enterprise WHERE code = $1)

-- name: access_enterprises
SELECT code FROM core.enterprise ORDER BY code;

-- name: access_grant
INSERT INTO core.login_scope (role_name, enterprise_id, author)
VALUES ($1, (SELECT enterprise_id FROM core.enterprise WHERE code = $2), $3)
ON CONFLICT DO NOTHING

-- name: access_revoke
DELETE FROM core.login_scope
WHERE role_name = $1
  AND enterprise_id IS NOT DISTINCT FROM (SELECT enterprise_id FROM core.enterprise WHERE code = $2)
  AND ($2::text IS NULL OR enterprise_id IS NOT NULL)
RETURNING true

-- name: access_list
SELECT s.role_name::text AS role, e.code AS enterprise, r.rolcanlogin AS login, s.author, s.recorded_at,
       (SELECT array_agg(t.label ORDER BY t.label) FROM core.api_token t
        WHERE t.role_name = s.role_name AND t.revoked_at IS NULL) AS tokens
FROM core.login_scope s
LEFT JOIN core.enterprise e USING (enterprise_id)
LEFT JOIN pg_roles r ON r.rolname = s.role_name
ORDER BY 1, 2

-- name: access_has_scope
SELECT EXISTS (SELECT FROM core.login_scope WHERE role_name = $1)

-- name: access_rename_scope
UPDATE core.login_scope SET role_name = $2 WHERE role_name = $1

-- name: access_rename_tokens
UPDATE core.api_token SET role_name = $2 WHERE role_name = $1

-- name: access_role_is_mighty
SELECT EXISTS (
    SELECT FROM pg_roles r
    WHERE r.rolname = $1
      AND (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication
           OR pg_has_role(r.oid, 'tanfeng_ingest', 'MEMBER') OR pg_has_role(r.oid, 'tanfeng_api', 'MEMBER')
           OR pg_has_role(r.oid, 'pg_read_all_data', 'MEMBER')
           OR pg_has_role(r.oid, (SELECT nspowner FROM pg_namespace WHERE nspname = 'core'), 'MEMBER'))
)

-- name: access_token_add
INSERT INTO core.api_token (sha256, role_name, label, author) VALUES ($1, $2, $3, $4)

-- name: access_token_revoke
UPDATE core.api_token SET revoked_at = now() WHERE label = $1 AND revoked_at IS NULL RETURNING true

-- name: access_token_role
SELECT role_name::text FROM core.api_token WHERE sha256 = $1 AND revoked_at IS NULL

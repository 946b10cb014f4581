-- Declared acts: entered and withdrawn, never changed.

-- name: insert_act
INSERT INTO core.act (register_id, kind, at, until, final, start, value, reading, author, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
RETURNING act_id;

-- name: register_kind
SELECT kind FROM core.register WHERE register_id = $1;

-- name: find_act
SELECT act_id, register_id, kind, at, until FROM core.act WHERE act_id = $1 AND recorded_until = 'infinity';

-- name: withdraw_act
UPDATE core.act SET recorded_until = now(), withdrawn_by = $2 WHERE act_id = $1;

-- name: write_audit
INSERT INTO core.audit (author, action, detail) VALUES ($1, $2, $3::jsonb);

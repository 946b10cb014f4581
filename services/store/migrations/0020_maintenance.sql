-- What our own maintenance did, one row a task and run: report.maintenance_runs shows it, a rule warns of failures.
CREATE TABLE core.maintenance_run (
    run_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    result text NOT NULL CHECK (result IN ('done', 'nothing', 'failed')),
    detail text NOT NULL DEFAULT ''     -- what was done, why nothing was to do, or the problem
);
CREATE INDEX maintenance_run_task ON core.maintenance_run (task, ended_at);

-- The sound reading before kept_from: readings since then are kept, however old, for a late one is folded from there.
ALTER TABLE core.register_state ADD COLUMN needed_from timestamptz NOT NULL DEFAULT '-infinity';

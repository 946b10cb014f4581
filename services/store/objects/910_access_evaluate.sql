-- tanfeng_evaluate: reads the figures of the whole district, raises alerts and sends notifications; books nothing.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tanfeng_evaluate') THEN
        CREATE ROLE tanfeng_evaluate NOLOGIN INHERIT;
    END IF;
    IF NOT pg_has_role('tanfeng_evaluate', 'tanfeng_reader', 'MEMBER') THEN
        GRANT tanfeng_reader TO tanfeng_evaluate;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another database of this server was migrated at the same moment
END $$;

INSERT INTO core.login_scope (role_name, enterprise_id) VALUES ('tanfeng_evaluate', NULL) ON CONFLICT DO NOTHING;
GRANT USAGE ON SCHEMA core TO tanfeng_evaluate;
GRANT SELECT ON ALL TABLES IN SCHEMA core TO tanfeng_evaluate;
REVOKE ALL ON core.api_token, core.ingest_session, core.lease FROM tanfeng_evaluate;
GRANT INSERT, UPDATE, DELETE ON core.alert TO tanfeng_evaluate;
GRANT INSERT ON core.alert_step, core.budget_forecast TO tanfeng_evaluate;
GRANT INSERT, UPDATE ON core.turn, core.evaluation, core.notification, core.rule_version, core.clock_doubt
    TO tanfeng_evaluate;
GRANT INSERT, UPDATE, DELETE ON core.window_backlog TO tanfeng_evaluate;

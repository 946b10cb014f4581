-- Who may do what. Only the owner and ingest have a right on a table; everybody else reads report, and of it only the
-- rows of the enterprises that core.login_scope gives to the role in force.
-- tanfeng_reader: reads report (every tenant's login is a member). tanfeng_district: a reader of the whole district.
-- tanfeng_api: finds the role behind a token and acts as it. tanfeng_ingest: books. Roles belong to the whole server.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['tanfeng_reader', 'tanfeng_district', 'tanfeng_api', 'tanfeng_ingest'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN %s', role,
                               CASE WHEN role = 'tanfeng_api' THEN 'NOINHERIT' ELSE 'INHERIT' END);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another database of this server was migrated at the same moment
        END;
    END LOOP;
    IF NOT pg_has_role('tanfeng_district', 'tanfeng_reader', 'MEMBER') THEN
        GRANT tanfeng_reader TO tanfeng_district;
    END IF;
    IF NOT pg_has_role('tanfeng_api', 'tanfeng_district', 'MEMBER') THEN
        GRANT tanfeng_district TO tanfeng_api;
    END IF;
END $$;

REVOKE ALL ON SCHEMA core, report FROM PUBLIC;
REVOKE ALL ON FUNCTION core.keep_factor_policy() FROM PUBLIC;

GRANT USAGE ON SCHEMA report TO tanfeng_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA report TO tanfeng_reader;
INSERT INTO core.login_scope (role_name, enterprise_id) VALUES ('tanfeng_district', NULL) ON CONFLICT DO NOTHING;

GRANT USAGE ON SCHEMA core TO tanfeng_api;
GRANT SELECT ON core.api_token, core.ingest_minute, public.schema_migration TO tanfeng_api;

GRANT USAGE ON SCHEMA core TO tanfeng_ingest;
GRANT SELECT ON core.registry_version, core.district, core.carrier, core.enterprise, core.site, core.site_membership,
    core.meter, core.meter_membership, core.register, core.register_policy, core.act, core.register_scope
    TO tanfeng_ingest;
GRANT SELECT, INSERT ON core.reading, core.energy_revision TO tanfeng_ingest;
GRANT SELECT, UPDATE ON core.register_state TO tanfeng_ingest;
GRANT SELECT, INSERT, UPDATE ON core.rejection, core.rejection_flood, core.ingest_minute, core.booked
    TO tanfeng_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON core.lease, core.ingest_slot, core.ingest_session, core.doubt, core.event,
    core.standstill, core.energy_15m, core.energy_day, core.energy_scope_day TO tanfeng_ingest;
GRANT EXECUTE ON FUNCTION core.lease_holds(int, timestamptz, timestamptz) TO tanfeng_ingest;
GRANT SELECT, INSERT, UPDATE ON core.broker_minute, core.broker_counter TO tanfeng_ingest;

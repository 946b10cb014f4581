-- The periods that run, alone: what a board shows of budgets, without the cost of all periods there ever were. These are
-- the very views of all periods over fewer of them, made from their text (in which each
-- of them has an alias), so that each formula keeps its one home.
CREATE VIEW core.running_period AS SELECT * FROM core.asked_period WHERE at < ends_at;
DO $$
DECLARE
    renamed CONSTANT text[][] := ARRAY[
        ['core.asked_period', 'core.running_period'], ['core.budget_site', 'core.running_site'],
        ['core.budget_sum', 'core.running_sum'], ['core.budget_verdict', 'core.running_verdict'],
        ['report.budget_status', 'report.budget_running'], ['report.budget_sites', 'report.budget_running_sites']];
    definition text;
    pair text[];
    name text[];
BEGIN
    FOREACH name SLICE 1 IN ARRAY renamed[2:] LOOP
        definition := pg_get_viewdef(name[1]::regclass);
        FOREACH pair SLICE 1 IN ARRAY renamed LOOP
            definition := regexp_replace(definition, '\m' || replace(pair[1], '.', '\.') || '\M', pair[2], 'g');
        END LOOP;
        EXECUTE format('CREATE VIEW %s WITH (security_barrier = %s) AS %s', name[2], name[2] LIKE 'report.%', definition);
    END LOOP;
END $$;

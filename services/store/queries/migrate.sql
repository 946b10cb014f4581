-- Used by services/store/migrate.py and factors.py.

-- name: migrate_ledger
CREATE TABLE IF NOT EXISTS public.schema_migration (
    name text PRIMARY KEY,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: migrate_turn
LOCK TABLE public.schema_migration IN SHARE ROW EXCLUSIVE MODE

-- name: migrate_applied
SELECT name, sha256 FROM public.schema_migration WHERE name <> 'objects' ORDER BY name

-- name: migrate_record
INSERT INTO public.schema_migration (name, sha256) VALUES ($1, $2)

-- name: migrate_objects_digest
SELECT sha256 FROM public.schema_migration WHERE name = 'objects'

-- name: migrate_record_objects
INSERT INTO public.schema_migration (name, sha256) VALUES ('objects', $1)
ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256, applied_at = now()

-- name: migrate_wait_briefly
SET LOCAL lock_timeout = '2s'

-- name: migrate_timescale_available
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
   AND current_setting('shared_preload_libraries') ~ 'timescaledb'

-- name: migrate_hypertable
SELECT create_hypertable('{table}', by_range('{column}', interval '{days} days'),
    create_default_indexes => false, if_not_exists => true, migrate_data => true)

-- name: migrate_drop_views
SELECT format('DROP VIEW %s', string_agg(c.oid::regclass::text, ', ')) AS drop
FROM pg_class c
WHERE c.relnamespace IN (to_regnamespace('report'), to_regnamespace('core')) AND c.relkind = 'v'
HAVING count(*) > 0

-- What belongs to the owner and to the database itself, which a clone or a restore does not bring along.
-- name: migrate_finish
INSERT INTO core.login_scope (role_name, enterprise_id) VALUES (current_user, NULL) ON CONFLICT DO NOTHING;
DO $$
BEGIN
    -- Scratch tables of tenants would live beside our data.
    IF pg_has_role((SELECT datdba FROM pg_database WHERE datname = current_database()), 'USAGE')
       AND has_database_privilege('public', current_database(), 'TEMPORARY') THEN
        EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    END IF;
END $$;

-- name: facts_stage
CREATE TEMPORARY TABLE IF NOT EXISTS fact_carrier (
    code text, unit text, national_code text, counts_as text, factor_method text, primary_differs boolean,
    name_zh text, name_en text, source text, confidence text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE IF NOT EXISTS fact_factor (
    carrier text, unit text, region text, method text, data_year int, published_at date, kgco2_per_unit numeric,
    scope smallint, source text, confidence text
) ON COMMIT DROP;
CREATE TEMPORARY TABLE IF NOT EXISTS fact_coefficient (
    carrier text, unit text, basis text, region text, data_year int, kgce_per_unit numeric, source text,
    confidence text
) ON COMMIT DROP;

-- name: facts_carriers
INSERT INTO core.carrier AS held
    (code, unit, national_code, counts_as, factor_method, primary_differs, name_zh, name_en, source, confidence)
SELECT code, unit, national_code, counts_as, factor_method, primary_differs, name_zh, name_en, source, confidence
FROM fact_carrier
ON CONFLICT (code) DO UPDATE SET
    national_code = excluded.national_code, counts_as = excluded.counts_as,
    factor_method = excluded.factor_method, primary_differs = excluded.primary_differs,
    name_zh = excluded.name_zh, name_en = excluded.name_en, source = excluded.source,
    confidence = excluded.confidence
WHERE (held.national_code, held.counts_as, held.factor_method, held.primary_differs, held.name_zh,
       held.name_en, held.source, held.confidence)
    IS DISTINCT FROM
      (excluded.national_code, excluded.counts_as, excluded.factor_method, excluded.primary_differs,
       excluded.name_zh, excluded.name_en, excluded.source, excluded.confidence)

-- name: facts_wrong_unit
SELECT DISTINCT carrier, fact.unit
FROM (SELECT carrier, unit FROM fact_factor UNION ALL SELECT carrier, unit FROM fact_coefficient) AS fact
LEFT JOIN core.carrier ON code = carrier
WHERE carrier.unit IS DISTINCT FROM fact.unit

-- A shipped row that a later release changed is superseded; what an operator recorded is left alone.
-- name: facts_supersede_factors
UPDATE core.emission_factor AS held SET recorded_until = now()
FROM fact_factor AS fact
WHERE held.recorded_until = 'infinity' AND held.author = 'shipped'
  AND (held.carrier, held.region, held.method) = (fact.carrier, fact.region, fact.method)
  AND held.data_year IS NOT DISTINCT FROM fact.data_year
  AND (held.kgco2_per_unit, held.published_at, held.scope, held.source, held.confidence)
      IS DISTINCT FROM (fact.kgco2_per_unit, fact.published_at, fact.scope, fact.source, fact.confidence)

-- On the first load each row counts as recorded on the day it was published (China's day), or as always known
-- where no day is; what a later release brings is recorded when it comes.
-- name: facts_add_factors
INSERT INTO core.emission_factor
    (carrier, region, method, data_year, published_at, kgco2_per_unit, scope, source, confidence, enabled,
     author, recorded_at)
SELECT carrier, region, method, data_year, published_at, kgco2_per_unit, scope, source, confidence,
       confidence NOT IN ('unverified', 'low'), 'shipped',
       CASE WHEN EXISTS (SELECT FROM core.emission_factor) THEN now()
            ELSE coalesce(published_at::timestamp AT TIME ZONE 'Asia/Shanghai', '-infinity') END
FROM fact_factor AS fact
WHERE NOT EXISTS (SELECT FROM core.emission_factor AS held
                  WHERE held.recorded_until = 'infinity'
                    AND (held.carrier, held.region, held.method) = (fact.carrier, fact.region, fact.method)
                    AND held.data_year IS NOT DISTINCT FROM fact.data_year)

-- name: facts_supersede_coefficients
UPDATE core.coal_coefficient AS held SET recorded_until = now()
FROM fact_coefficient AS fact
WHERE held.recorded_until = 'infinity' AND held.author = 'shipped'
  AND (held.carrier, held.region, held.basis) = (fact.carrier, fact.region, fact.basis)
  AND held.data_year IS NOT DISTINCT FROM fact.data_year
  AND (held.kgce_per_unit, held.source, held.confidence)
      IS DISTINCT FROM (fact.kgce_per_unit, fact.source, fact.confidence)

-- name: facts_add_coefficients
INSERT INTO core.coal_coefficient
    (carrier, region, basis, data_year, kgce_per_unit, source, confidence, enabled, author, recorded_at)
SELECT carrier, region, basis, data_year, kgce_per_unit, source, confidence,
       confidence NOT IN ('unverified', 'low'), 'shipped',
       CASE WHEN EXISTS (SELECT FROM core.coal_coefficient) THEN now() ELSE '-infinity'::timestamptz END
FROM fact_coefficient AS fact
WHERE NOT EXISTS (SELECT FROM core.coal_coefficient AS held
                  WHERE held.recorded_until = 'infinity'
                    AND (held.carrier, held.region, held.basis) = (fact.carrier, fact.region, fact.basis)
                    AND held.data_year IS NOT DISTINCT FROM fact.data_year)

-- name: facts_fill_carriers
INSERT INTO fact_carrier SELECT * FROM json_populate_recordset(NULL::fact_carrier, $1::json)

-- name: facts_fill_factors
INSERT INTO fact_factor SELECT * FROM json_populate_recordset(NULL::fact_factor, $1::json)

-- name: facts_fill_coefficients
INSERT INTO fact_coefficient SELECT * FROM json_populate_recordset(NULL::fact_coefficient, $1::json)

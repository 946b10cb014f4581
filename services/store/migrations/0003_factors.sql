-- What turns energy into standard coal and CO2, who may read what, and the tokens of the API.

-- counts_as: material has CO2 but no coal equivalent. factor_method: null is the district's (grid electricity).
-- primary_differs: its primary value (等价值) is another number than its calorific value.
ALTER TABLE core.carrier
    ADD COLUMN counts_as text NOT NULL DEFAULT 'energy' CHECK (counts_as IN ('energy', 'medium', 'material')),
    ADD COLUMN factor_method text,
    ADD COLUMN primary_differs boolean NOT NULL DEFAULT false,
    ADD COLUMN source text NOT NULL DEFAULT '',
    ADD COLUMN confidence text NOT NULL DEFAULT 'unverified';

-- A version is in force from recorded_at until recorded_until; only recorded_until is ever updated, once.
-- The unit is kgCO2 per unit of the carrier and nothing else: the column can hold no coal coefficient.
CREATE TABLE core.emission_factor (
    factor_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    carrier text NOT NULL REFERENCES core.carrier,
    region text NOT NULL CHECK (region ~ '^CN(-[A-Z]+)?$'),
    method text NOT NULL,
    data_year int CHECK (data_year BETWEEN 1990 AND 2200),  -- null: holds for all dates
    published_at date,
    kgco2_per_unit numeric NOT NULL CHECK (kgco2_per_unit >= 0 AND kgco2_per_unit < 'infinity'),
    scope smallint NOT NULL CHECK (scope IN (1, 2, 3)),
    source text NOT NULL CHECK (source <> ''),
    confidence text NOT NULL CHECK (confidence IN ('high', 'medium', 'low', 'unverified', 'declared')),
    enabled boolean NOT NULL,
    author text NOT NULL,                                   -- 'shipped', or who added it
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_until timestamptz NOT NULL DEFAULT 'infinity' CHECK (recorded_until >= recorded_at)
);
CREATE UNIQUE INDEX emission_factor_current ON core.emission_factor (carrier, region, method, data_year)
    NULLS NOT DISTINCT WHERE recorded_until = 'infinity';

CREATE TABLE core.coal_coefficient (
    coefficient_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    carrier text NOT NULL REFERENCES core.carrier,
    region text NOT NULL CHECK (region ~ '^CN(-[A-Z]+)?$'),
    basis text NOT NULL CHECK (basis IN ('calorific', 'primary')),  -- 当量值, 等价值
    data_year int CHECK (data_year BETWEEN 1990 AND 2200),
    kgce_per_unit numeric NOT NULL CHECK (kgce_per_unit >= 0 AND kgce_per_unit < 'infinity'),
    source text NOT NULL CHECK (source <> ''),
    confidence text NOT NULL CHECK (confidence IN ('high', 'medium', 'low', 'unverified', 'declared')),
    enabled boolean NOT NULL,
    author text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_until timestamptz NOT NULL DEFAULT 'infinity' CHECK (recorded_until >= recorded_at)
);
CREATE UNIQUE INDEX coal_coefficient_current ON core.coal_coefficient (carrier, region, basis, data_year)
    NULLS NOT DISTINCT WHERE recorded_until = 'infinity';

-- Which rows a login reads: one enterprise, or the whole district where enterprise_id is null.
CREATE TABLE core.login_scope (
    role_name name NOT NULL,
    enterprise_id int REFERENCES core.enterprise,
    author text NOT NULL DEFAULT current_user,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (role_name, enterprise_id)
);

-- A bearer token of the API acts as a role; only its hash is kept.
CREATE TABLE core.api_token (
    sha256 bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    role_name name NOT NULL,
    label text NOT NULL,
    author text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);

-- Views of a whole year read few scopes of it.
CREATE INDEX energy_scope_day_enterprise ON core.energy_scope_day (enterprise_id, day);

-- The district's choice of factors with its versions. The first one counts as always known, so that a figure can be
-- asked as of a moment before this database; a change is in force from the moment it is made.
CREATE TABLE core.factor_policy (
    district_code text NOT NULL REFERENCES core.district,
    factor_region text NOT NULL,
    factor_method text NOT NULL,
    factor_policy text NOT NULL,
    recorded_at timestamptz NOT NULL,
    recorded_until timestamptz NOT NULL DEFAULT 'infinity'
);
CREATE UNIQUE INDEX factor_policy_current ON core.factor_policy (district_code) WHERE recorded_until = 'infinity';

CREATE FUNCTION core.keep_factor_policy() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    UPDATE core.factor_policy SET recorded_until = clock_timestamp()
    WHERE district_code = NEW.code AND recorded_until = 'infinity'
      AND (factor_region, factor_method, factor_policy)
          IS DISTINCT FROM (NEW.factor_region, NEW.factor_method, NEW.factor_policy);
    IF FOUND OR NOT EXISTS (SELECT FROM core.factor_policy WHERE district_code = NEW.code) THEN
        INSERT INTO core.factor_policy (district_code, factor_region, factor_method, factor_policy, recorded_at)
        SELECT NEW.code, NEW.factor_region, NEW.factor_method, NEW.factor_policy,
               coalesce(max(recorded_until), '-infinity')
        FROM core.factor_policy WHERE district_code = NEW.code;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER district_factor_policy AFTER INSERT OR UPDATE ON core.district
    FOR EACH ROW EXECUTE FUNCTION core.keep_factor_policy();
INSERT INTO core.factor_policy (district_code, factor_region, factor_method, factor_policy, recorded_at)
SELECT code, factor_region, factor_method, factor_policy, '-infinity' FROM core.district;

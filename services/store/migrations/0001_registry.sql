-- Who is watched: district, enterprises, sites, meters, registers, their dated versions and declared acts.
-- Schema core belongs to the owner; nobody but owner and ingest has a right in it. Schema report is the contract.
CREATE SCHEMA core;
CREATE SCHEMA report;

CREATE TABLE core.carrier (
    code text PRIMARY KEY,
    unit text NOT NULL,
    national_code text,
    name_zh text NOT NULL,
    name_en text NOT NULL
);

CREATE TABLE core.district (
    code text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    zone text NOT NULL DEFAULT 'Asia/Shanghai',
    factor_region text NOT NULL DEFAULT 'CN-CQ',
    factor_method text NOT NULL DEFAULT 'grid_average',
    -- 'own_year_else_latest', or a pinned data year such as '2023', or an offset such as 'Y-2'
    factor_policy text NOT NULL DEFAULT 'own_year_else_latest'
        CHECK (factor_policy ~ '^(own_year_else_latest|[0-9]{4}|Y-[1-9])$')
);

CREATE TABLE core.enterprise (
    enterprise_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (code ~ '^[a-z0-9-]{1,40}$'),
    district_code text NOT NULL REFERENCES core.district,
    industry text NOT NULL,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE core.site (
    site_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE CHECK (code ~ '^[a-z0-9-]{1,40}$'),
    kind text NOT NULL CHECK (kind IN ('plant', 'data_centre', 'public_building', 'base_station')),
    zone text NOT NULL,
    floor_area_m2 numeric CHECK (floor_area_m2 > 0),
    name_zh text NOT NULL,
    name_en text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);

-- Versions are half-open in days of the site's zone; recorded_until is set when a version is superseded, never deleted.
CREATE TABLE core.site_membership (
    site_id int NOT NULL REFERENCES core.site,
    enterprise_id int NOT NULL REFERENCES core.enterprise,
    valid_from date NOT NULL DEFAULT '-infinity',
    valid_until date NOT NULL DEFAULT 'infinity' CHECK (valid_until > valid_from),
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_until timestamptz NOT NULL DEFAULT 'infinity'
);
CREATE UNIQUE INDEX site_membership_current ON core.site_membership (site_id, valid_from)
    WHERE recorded_until = 'infinity';

CREATE TABLE core.meter (
    meter_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    enterprise_id int NOT NULL REFERENCES core.enterprise,  -- whose credentials publish it: the topic's enterprise
    code text NOT NULL CHECK (code ~ '^[a-z0-9-]{1,40}$'),
    naive_zone text,                                        -- the zone of its times without zone, where declared
    name_zh text NOT NULL,
    name_en text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (enterprise_id, code)
);

CREATE TABLE core.meter_membership (
    meter_id int NOT NULL REFERENCES core.meter,
    site_id int NOT NULL REFERENCES core.site,
    level smallint NOT NULL CHECK (level IN (1, 2, 3)),
    valid_from date NOT NULL DEFAULT '-infinity',
    valid_until date NOT NULL DEFAULT 'infinity' CHECK (valid_until > valid_from),
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_until timestamptz NOT NULL DEFAULT 'infinity'
);
CREATE UNIQUE INDEX meter_membership_current ON core.meter_membership (meter_id, valid_from)
    WHERE recorded_until = 'infinity';

CREATE TABLE core.register (
    register_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    meter_id int NOT NULL REFERENCES core.meter,
    code text NOT NULL CHECK (code ~ '^[a-z0-9-]{1,40}$'),  -- its key in the payload
    quantity text NOT NULL,                                 -- energy, volume, mass, heat, power, pue_reported, …
    direction text NOT NULL CHECK (direction IN ('import', 'export', 'sold', 'produced')),
    carrier text REFERENCES core.carrier,                   -- null for a measurement that is never booked
    unit text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('total_increasing', 'total', 'interval', 'measurement')),
    integrate boolean NOT NULL DEFAULT false,
    multiplier numeric NOT NULL DEFAULT 1 CHECK (multiplier > 0),
    emission_exempt text,                                   -- why no factor is needed, where none is
    recorded_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (meter_id, code),
    CHECK (carrier IS NOT NULL OR (kind = 'measurement' AND NOT integrate))
);

-- Amounts in the declared unit, exact decimals; null max_rate is 'unknown', null modulus none.
CREATE TABLE core.register_policy (
    register_id int NOT NULL REFERENCES core.register,
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    max_rate numeric CHECK (max_rate > 0),                  -- unit per hour, primary side
    resolution numeric NOT NULL CHECK (resolution > 0),     -- as displayed, before the multiplier
    modulus numeric CHECK (modulus > 0),                    -- as displayed, before the multiplier
    interval_s int NOT NULL CHECK (interval_s > 0),
    gap_s int NOT NULL CHECK (gap_s > 0),
    slack_s int NOT NULL CHECK (slack_s >= 0),
    noise numeric NOT NULL CHECK (noise >= 0),              -- as displayed, before the multiplier
    on_fall text NOT NULL CHECK (on_fall IN ('confirm', 'reset', 'hold')),
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_until timestamptz NOT NULL DEFAULT 'infinity'
);
CREATE UNIQUE INDEX register_policy_current ON core.register_policy (register_id, valid_from)
    WHERE recorded_until = 'infinity';

-- Declared acts. An act is withdrawn, never deleted. Values are as displayed, in the declared unit.
CREATE TABLE core.act (
    act_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    register_id int NOT NULL REFERENCES core.register,
    kind text NOT NULL CHECK (kind IN ('replacement', 'reset', 'multiplier', 'ignore', 'correction')),
    at timestamptz NOT NULL,                                -- ignore: from; correction: read_at
    until timestamptz,                                      -- ignore only
    final numeric,                                          -- replacement: last value of the old meter
    start numeric,                                          -- replacement: first value of the new one
    value numeric,                                          -- multiplier: the new one; correction: the right value
    reading numeric,                                        -- multiplier: the display when it changed
    author text NOT NULL,
    reason text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_until timestamptz NOT NULL DEFAULT 'infinity', -- withdrawn then
    withdrawn_by text,
    CHECK ((kind = 'ignore') = (until IS NOT NULL)),
    CHECK (kind <> 'replacement' OR start IS NOT NULL),
    CHECK ((kind IN ('multiplier', 'correction')) = (value IS NOT NULL))
);
CREATE INDEX act_register ON core.act (register_id, at) WHERE recorded_until = 'infinity';

CREATE TABLE core.audit (
    audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    author text NOT NULL,
    action text NOT NULL,
    detail jsonb NOT NULL
);

-- One row; its version rises with every registry change that the decoder must see.
CREATE TABLE core.registry_version (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    version bigint NOT NULL
);
INSERT INTO core.registry_version (version) VALUES (1);

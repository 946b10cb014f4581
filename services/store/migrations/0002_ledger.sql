-- Readings, the fold's books, the ledger and its rollups, revisions, rejections.
-- Amounts are integer thousandths of the carrier's unit.
CREATE TABLE core.reading (
    register_id int NOT NULL,
    read_at timestamptz NOT NULL,
    value bigint NOT NULL,              -- thousandths before the multiplier, half-even
    lag_s int NOT NULL,                 -- received_at - read_at
    value_text text,                    -- the received decimal where `value` is not exactly it
    PRIMARY KEY (register_id, read_at)
);

-- The fold's state after the newest stored reading. Levels are thousandths after the multiplier.
CREATE TABLE core.register_state (
    register_id int PRIMARY KEY REFERENCES core.register,
    policy_version int NOT NULL DEFAULT 1,
    baseline_at timestamptz,
    baseline_value bigint,
    baseline_origin smallint NOT NULL DEFAULT 0,    -- services.accounting.state.Origin
    previous_at timestamptz,
    previous_value bigint,
    previous_origin smallint NOT NULL DEFAULT 0,
    runs text,                                     -- held runs as JSON, null when there are none
    newest_at timestamptz,
    newest_value bigint,                           -- as stored in core.reading
    kept_from timestamptz NOT NULL DEFAULT '-infinity'  -- raw readings before it were dropped
) WITH (fillfactor = 50);

-- Every outcome other than accepted on its own. A reading without a row here is sound.
CREATE TABLE core.doubt (
    register_id int NOT NULL,
    read_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN
        ('held', 'out_of_range', 'noise', 'confirmed', 'overruled', 'restart', 'closing', 'ignored')),
    high bigint,                        -- noise: the higher level that the baseline keeps
    PRIMARY KEY (register_id, read_at)
);

-- What the fold implies and a person should know. Comes and goes with the fold; open until acknowledged.
CREATE TABLE core.event (
    register_id int NOT NULL,
    kind text NOT NULL,
    read_at timestamptz NOT NULL,
    shift bigint NOT NULL DEFAULT 0,    -- new level - old level - booked
    recorded_at timestamptz NOT NULL DEFAULT now(),
    acknowledged_at timestamptz,
    acknowledged_by text,
    PRIMARY KEY (register_id, kind, read_at)
);
CREATE INDEX event_open ON core.event (recorded_at) WHERE acknowledged_at IS NULL;

CREATE TABLE core.energy_15m (
    register_id int NOT NULL,
    starts_at timestamptz NOT NULL,
    amount bigint NOT NULL,
    estimated_amount bigint NOT NULL,
    covered_s int NOT NULL,
    estimated_s int NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (register_id, starts_at)
) WITH (fillfactor = 80);

-- Days of the register's site's zone.
CREATE TABLE core.energy_day (
    register_id int NOT NULL,
    day date NOT NULL,
    amount bigint NOT NULL,
    estimated_amount bigint NOT NULL,
    covered_s int NOT NULL,
    estimated_s int NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (register_id, day)
) WITH (fillfactor = 50);

-- Level-1 registers only, summed; the membership in force on that day decides the scope.
CREATE TABLE core.energy_scope_day (
    enterprise_id int NOT NULL,
    site_id int NOT NULL,
    carrier text NOT NULL,
    direction text NOT NULL,
    day date NOT NULL,
    amount bigint NOT NULL,
    estimated_amount bigint NOT NULL,
    covered_s bigint NOT NULL,          -- register-seconds
    estimated_s bigint NOT NULL,
    PRIMARY KEY (day, enterprise_id, site_id, carrier, direction)
) WITH (fillfactor = 50);

-- The value a closed row had before it was changed: as of T is the present minus later revisions.
CREATE TABLE core.energy_revision (
    register_id int NOT NULL,
    width text NOT NULL CHECK (width IN ('15m', '1d')),
    starts_at timestamptz,              -- of a 15-minute row
    day date,                           -- of a day row
    amount bigint NOT NULL,
    estimated_amount bigint NOT NULL,
    covered_s int NOT NULL,
    estimated_s int NOT NULL,
    recorded_from timestamptz NOT NULL,
    recorded_until timestamptz NOT NULL DEFAULT now(),
    cause text NOT NULL,                -- late, act, policy
    CHECK ((width = '15m') = (starts_at IS NOT NULL) AND (width = '1d') = (day IS NOT NULL))
);
CREATE INDEX energy_revision_row ON core.energy_revision (register_id, recorded_until);

-- Messages, or single readings of them, that could not be booked; identical ones are counted, not stored again.
CREATE TABLE core.rejection (
    rejection_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL,                 -- a row of the table of rejection codes
    detail text NOT NULL,               -- what was wrong, naming the value
    enterprise text,                    -- as the topic names it, null where the topic is not ours
    topic text NOT NULL,
    payload bytea NOT NULL,             -- the first 8 KiB
    payload_bytes bigint NOT NULL,
    payload_sha256 bytea NOT NULL,
    pointer text NOT NULL DEFAULT '',   -- which reading of the message, e.g. '3/registers/import'
    seen_count bigint NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    replayed_at timestamptz,
    UNIQUE (payload_sha256, topic, code, pointer)
);
CREATE INDEX rejection_last ON core.rejection (last_at);

-- Rejections counted but not stored, where a flood emptied the enterprise's bucket.
CREATE TABLE core.rejection_flood (
    minute timestamptz NOT NULL,
    enterprise text NOT NULL DEFAULT '',
    code text NOT NULL,
    seen_count bigint NOT NULL,
    PRIMARY KEY (minute, enterprise, code)
);

CREATE TABLE core.ingest_minute (
    minute timestamptz NOT NULL,
    slot int NOT NULL,
    messages bigint NOT NULL,
    accepted bigint NOT NULL,           -- readings newly stored
    duplicates bigint NOT NULL,
    rejected bigint NOT NULL,
    held bigint NOT NULL,
    batches bigint NOT NULL,
    PRIMARY KEY (minute, slot)
);

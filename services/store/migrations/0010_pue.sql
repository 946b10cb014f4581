-- What is measured of a data centre, which days there are, and how many readings each day brought.

-- Versions are half-open in days of the site's zone; recorded_until is set when a version is superseded.
CREATE TABLE core.pue_boundary (
    boundary_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id int NOT NULL REFERENCES core.site,
    category smallint NOT NULL CHECK (category IN (1, 2, 3)),   -- IT energy at: UPS output, PDU output, equipment input
    minimum_it_kw numeric NOT NULL CHECK (minimum_it_kw >= 0),  -- below this mean IT load there is no PUE
    limit_ratio numeric NOT NULL CHECK (limit_ratio > 0),       -- above it the PUE is high
    reported_id int REFERENCES core.register,                   -- publishes a ratio; never mixed with energy
    valid_from date NOT NULL DEFAULT '-infinity',
    valid_until date NOT NULL DEFAULT 'infinity' CHECK (valid_until > valid_from),
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_until timestamptz NOT NULL DEFAULT 'infinity'
);
CREATE UNIQUE INDEX pue_boundary_current ON core.pue_boundary (site_id, valid_from) WHERE recorded_until = 'infinity';

-- All sides but it add to the total. kwh_per_unit: per unit of the register's carrier, 1 where that is the kWh.
CREATE TABLE core.pue_part (
    boundary_id int NOT NULL REFERENCES core.pue_boundary,
    side text NOT NULL CHECK (side IN ('total', 'it', 'fuel', 'chilled_water')),
    register_id int NOT NULL REFERENCES core.register,
    kwh_per_unit numeric NOT NULL CHECK (kwh_per_unit > 0),
    PRIMARY KEY (boundary_id, side, register_id)
);

-- Days that a report can list although nothing was booked on them. Public holidays and shifted working days are
-- entered by operators; it ships with Monday to Friday.
CREATE TABLE core.calendar (
    day date PRIMARY KEY,
    is_working boolean NOT NULL
);
INSERT INTO core.calendar
SELECT d::date, extract(isodow FROM d) < 6 FROM generate_series('2000-01-01'::timestamp, '2069-12-31', '1 day') AS d;

-- Readings stored per register and day of its site's zone, held and false ones included; kept by booking.
CREATE TABLE core.reading_day (
    register_id int NOT NULL,
    day date NOT NULL,
    received int NOT NULL,
    PRIMARY KEY (register_id, day)
) WITH (fillfactor = 50);
INSERT INTO core.reading_day
SELECT r.register_id, (r.read_at AT TIME ZONE coalesce(z.zone, 'UTC'))::date, count(*)
FROM core.reading r
JOIN core.register g ON g.register_id = r.register_id
LEFT JOIN LATERAL (
    SELECT s.zone FROM core.meter_membership m JOIN core.site s USING (site_id)
    WHERE m.meter_id = g.meter_id AND m.recorded_until = 'infinity'
    ORDER BY m.valid_from DESC LIMIT 1
) AS z ON true
GROUP BY 1, 2;

-- A ratio that an operator publishes, time-weighted: sum of value × µs, and those µs. Rebuilt around each new reading.
CREATE TABLE core.reported_15m (
    register_id int NOT NULL,
    starts_at timestamptz NOT NULL,
    weighted numeric NOT NULL,
    covered_us bigint NOT NULL,
    PRIMARY KEY (register_id, starts_at)
);
CREATE TABLE core.reported_day (
    register_id int NOT NULL,
    day date NOT NULL,
    weighted numeric NOT NULL,
    covered_us bigint NOT NULL,
    PRIMARY KEY (register_id, day)
);

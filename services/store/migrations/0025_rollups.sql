-- Energy by register and month of its site's zone, so that a year of a district is read from thousands of rows, not
-- hundreds of thousands. It follows from core.energy_day by integer differences in the transaction that changes that,
-- whoever does: the sums of the days at any moment, on every edition.
CREATE TABLE core.energy_month (
    register_id int NOT NULL,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    amount bigint NOT NULL,
    estimated_amount bigint NOT NULL,
    covered_s bigint NOT NULL,
    estimated_s bigint NOT NULL,
    PRIMARY KEY (register_id, month)
) WITH (fillfactor = 50);
INSERT INTO core.energy_month
SELECT register_id, date_trunc('month', day::timestamp)::date, sum(amount), sum(estimated_amount), sum(covered_s),
       sum(estimated_s)
FROM core.energy_day
GROUP BY 1, 2;

-- A statement's differences, in order of register, as its states are locked: writers wait for one another, but never in
-- a circle. What changes nothing (a day row that only gets a new date) leaves no trace.
CREATE FUNCTION core.keep_months_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO core.energy_month AS t (register_id, month, amount, estimated_amount, covered_s, estimated_s)
    SELECT register_id, date_trunc('month', day::timestamp)::date, sum(amount), sum(estimated_amount), sum(covered_s),
           sum(estimated_s)
    FROM (TABLE added) AS d
    GROUP BY 1, 2
    HAVING (sum(amount), sum(estimated_amount), sum(covered_s), sum(estimated_s)) <> (0, 0, 0, 0)
    ORDER BY 1, 2
    ON CONFLICT (register_id, month) DO UPDATE SET
        amount = t.amount + excluded.amount,
        estimated_amount = t.estimated_amount + excluded.estimated_amount,
        covered_s = t.covered_s + excluded.covered_s,
        estimated_s = t.estimated_s + excluded.estimated_s;
    RETURN NULL;
END $$;
CREATE FUNCTION core.keep_months_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO core.energy_month AS t (register_id, month, amount, estimated_amount, covered_s, estimated_s)
    SELECT register_id, date_trunc('month', day::timestamp)::date, sum(amount), sum(estimated_amount), sum(covered_s),
           sum(estimated_s)
    FROM (SELECT register_id, day, amount, estimated_amount, covered_s, estimated_s FROM added
          UNION ALL
          SELECT register_id, day, -amount, -estimated_amount, -covered_s, -estimated_s FROM removed) AS d
    GROUP BY 1, 2
    HAVING (sum(amount), sum(estimated_amount), sum(covered_s), sum(estimated_s)) <> (0, 0, 0, 0)
    ORDER BY 1, 2
    ON CONFLICT (register_id, month) DO UPDATE SET
        amount = t.amount + excluded.amount,
        estimated_amount = t.estimated_amount + excluded.estimated_amount,
        covered_s = t.covered_s + excluded.covered_s,
        estimated_s = t.estimated_s + excluded.estimated_s;
    RETURN NULL;
END $$;
CREATE FUNCTION core.keep_months_removed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO core.energy_month AS t (register_id, month, amount, estimated_amount, covered_s, estimated_s)
    SELECT register_id, date_trunc('month', day::timestamp)::date, sum(amount), sum(estimated_amount), sum(covered_s),
           sum(estimated_s)
    FROM (SELECT register_id, day, -amount AS amount, -estimated_amount AS estimated_amount,
                 -covered_s AS covered_s, -estimated_s AS estimated_s FROM removed) AS d
    GROUP BY 1, 2
    HAVING (sum(amount), sum(estimated_amount), sum(covered_s), sum(estimated_s)) <> (0, 0, 0, 0)
    ORDER BY 1, 2
    ON CONFLICT (register_id, month) DO UPDATE SET
        amount = t.amount + excluded.amount,
        estimated_amount = t.estimated_amount + excluded.estimated_amount,
        covered_s = t.covered_s + excluded.covered_s,
        estimated_s = t.estimated_s + excluded.estimated_s;
    RETURN NULL;
END $$;
CREATE TRIGGER energy_day_added AFTER INSERT ON core.energy_day
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION core.keep_months_added();
CREATE TRIGGER energy_day_changed AFTER UPDATE ON core.energy_day
    REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION core.keep_months_changed();
CREATE TRIGGER energy_day_removed AFTER DELETE ON core.energy_day
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION core.keep_months_removed();
REVOKE ALL ON FUNCTION core.keep_months_added(), core.keep_months_changed(), core.keep_months_removed() FROM PUBLIC;

-- A ledger row of a data centre's register, as the views of PUE carry those of a day along.
CREATE TYPE core.pue_quarter AS (register_id int, starts_at timestamptz, amount bigint, covered_s int, estimated_s int);

-- The minutes of ingest by hour: a year of a panel is read from thousands of rows, not a million. It follows from
-- core.ingest_minute by integer differences in the transaction that adds to that, and stays when old minutes are dropped.
CREATE TABLE core.ingest_hour (
    hour timestamptz NOT NULL,
    slot int NOT NULL,
    messages bigint NOT NULL,
    accepted bigint NOT NULL,
    duplicates bigint NOT NULL,
    rejected bigint NOT NULL,
    held bigint NOT NULL,
    batches bigint NOT NULL,
    PRIMARY KEY (hour, slot)
) WITH (fillfactor = 50);
INSERT INTO core.ingest_hour
SELECT date_trunc('hour', minute, 'UTC'), slot, sum(messages), sum(accepted), sum(duplicates), sum(rejected),
       sum(held), sum(batches)
FROM core.ingest_minute GROUP BY 1, 2;

CREATE FUNCTION core.keep_ingest_hours() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO core.ingest_hour AS t (hour, slot, messages, accepted, duplicates, rejected, held, batches)
    VALUES (date_trunc('hour', NEW.minute, 'UTC'), NEW.slot, NEW.messages - coalesce(OLD.messages, 0),
            NEW.accepted - coalesce(OLD.accepted, 0), NEW.duplicates - coalesce(OLD.duplicates, 0),
            NEW.rejected - coalesce(OLD.rejected, 0), NEW.held - coalesce(OLD.held, 0),
            NEW.batches - coalesce(OLD.batches, 0))
    ON CONFLICT (hour, slot) DO UPDATE SET
        messages = t.messages + excluded.messages, accepted = t.accepted + excluded.accepted,
        duplicates = t.duplicates + excluded.duplicates, rejected = t.rejected + excluded.rejected,
        held = t.held + excluded.held, batches = t.batches + excluded.batches;
    RETURN NULL;
END $$;
CREATE TRIGGER ingest_minute_added AFTER INSERT OR UPDATE ON core.ingest_minute
    FOR EACH ROW EXECUTE FUNCTION core.keep_ingest_hours();
REVOKE ALL ON FUNCTION core.keep_ingest_hours() FROM PUBLIC;

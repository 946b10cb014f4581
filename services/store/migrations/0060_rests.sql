-- Amounts finer than a thousandth. Integrated power and interval amounts are booked in parts of a thousandth: a row's
-- exact amount is amount + rest / core.parts() thousandths, with 0 <= rest < core.parts(), so that amount is its floor.
-- Nothing is rounded before it is summed. The rests of registers that count are 0. Columns with a constant default are
-- added to the catalog alone: no row is written anew.

-- services.units.PARTS.
CREATE FUNCTION core.parts() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 7200000000000;

-- A sum of rests, of either sign, as whole thousandths and what is left of one: carried × parts + left.
CREATE FUNCTION core.left_over(rests bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (rests % core.parts() + core.parts()) % core.parts();
CREATE FUNCTION core.carried(rests bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (rests - core.left_over(rests)) / core.parts();

ALTER TABLE core.energy_15m ADD COLUMN rest bigint NOT NULL DEFAULT 0, ADD COLUMN estimated_rest bigint NOT NULL DEFAULT 0;
ALTER TABLE core.energy_day ADD COLUMN rest bigint NOT NULL DEFAULT 0, ADD COLUMN estimated_rest bigint NOT NULL DEFAULT 0;
ALTER TABLE core.energy_month ADD COLUMN rest bigint NOT NULL DEFAULT 0, ADD COLUMN estimated_rest bigint NOT NULL DEFAULT 0;
ALTER TABLE core.energy_scope_day ADD COLUMN rest bigint NOT NULL DEFAULT 0, ADD COLUMN estimated_rest bigint NOT NULL DEFAULT 0;
ALTER TABLE core.energy_revision ADD COLUMN rest bigint NOT NULL DEFAULT 0, ADD COLUMN estimated_rest bigint NOT NULL DEFAULT 0;
ALTER TYPE core.pue_quarter ADD ATTRIBUTE rest bigint;

-- The months again, with the rests of their days. See 0025_rollups.sql.
CREATE OR REPLACE FUNCTION core.keep_months_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO core.energy_month AS t
        (register_id, month, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest)
    SELECT register_id, month, amount + core.carried(rest), estimated_amount + core.carried(estimated_rest), covered_s,
           estimated_s, core.left_over(rest), core.left_over(estimated_rest)
    FROM (SELECT register_id, date_trunc('month', day::timestamp)::date AS month, sum(amount)::bigint AS amount,
                 sum(estimated_amount)::bigint AS estimated_amount, sum(covered_s) AS covered_s,
                 sum(estimated_s) AS estimated_s, sum(rest)::bigint AS rest, sum(estimated_rest)::bigint AS estimated_rest
          FROM (TABLE added) AS d
          GROUP BY 1, 2) AS m
    WHERE (amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest) <> (0, 0, 0, 0, 0, 0)
    ORDER BY 1, 2
    ON CONFLICT (register_id, month) DO UPDATE SET
        amount = t.amount + excluded.amount + (t.rest + excluded.rest) / core.parts(),
        estimated_amount = t.estimated_amount + excluded.estimated_amount
                           + (t.estimated_rest + excluded.estimated_rest) / core.parts(),
        covered_s = t.covered_s + excluded.covered_s,
        estimated_s = t.estimated_s + excluded.estimated_s,
        rest = (t.rest + excluded.rest) % core.parts(),
        estimated_rest = (t.estimated_rest + excluded.estimated_rest) % core.parts();
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION core.keep_months_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO core.energy_month AS t
        (register_id, month, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest)
    SELECT register_id, month, amount + core.carried(rest), estimated_amount + core.carried(estimated_rest), covered_s,
           estimated_s, core.left_over(rest), core.left_over(estimated_rest)
    FROM (SELECT register_id, date_trunc('month', day::timestamp)::date AS month, sum(amount)::bigint AS amount,
                 sum(estimated_amount)::bigint AS estimated_amount, sum(covered_s) AS covered_s,
                 sum(estimated_s) AS estimated_s, sum(rest)::bigint AS rest, sum(estimated_rest)::bigint AS estimated_rest
          FROM (SELECT register_id, day, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest FROM added
                UNION ALL
                SELECT register_id, day, -amount, -estimated_amount, -covered_s, -estimated_s, -rest, -estimated_rest
                FROM removed) AS d
          GROUP BY 1, 2) AS m
    WHERE (amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest) <> (0, 0, 0, 0, 0, 0)
    ORDER BY 1, 2
    ON CONFLICT (register_id, month) DO UPDATE SET
        amount = t.amount + excluded.amount + (t.rest + excluded.rest) / core.parts(),
        estimated_amount = t.estimated_amount + excluded.estimated_amount
                           + (t.estimated_rest + excluded.estimated_rest) / core.parts(),
        covered_s = t.covered_s + excluded.covered_s,
        estimated_s = t.estimated_s + excluded.estimated_s,
        rest = (t.rest + excluded.rest) % core.parts(),
        estimated_rest = (t.estimated_rest + excluded.estimated_rest) % core.parts();
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION core.keep_months_removed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO core.energy_month AS t
        (register_id, month, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest)
    SELECT register_id, month, amount + core.carried(rest), estimated_amount + core.carried(estimated_rest), covered_s,
           estimated_s, core.left_over(rest), core.left_over(estimated_rest)
    FROM (SELECT register_id, date_trunc('month', day::timestamp)::date AS month, -sum(amount)::bigint AS amount,
                 -sum(estimated_amount)::bigint AS estimated_amount, -sum(covered_s) AS covered_s,
                 -sum(estimated_s) AS estimated_s, -sum(rest)::bigint AS rest, -sum(estimated_rest)::bigint AS estimated_rest
          FROM (TABLE removed) AS d
          GROUP BY 1, 2) AS m
    WHERE (amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest) <> (0, 0, 0, 0, 0, 0)
    ORDER BY 1, 2
    ON CONFLICT (register_id, month) DO UPDATE SET
        amount = t.amount + excluded.amount + (t.rest + excluded.rest) / core.parts(),
        estimated_amount = t.estimated_amount + excluded.estimated_amount
                           + (t.estimated_rest + excluded.estimated_rest) / core.parts(),
        covered_s = t.covered_s + excluded.covered_s,
        estimated_s = t.estimated_s + excluded.estimated_s,
        rest = (t.rest + excluded.rest) % core.parts(),
        estimated_rest = (t.estimated_rest + excluded.estimated_rest) % core.parts();
    RETURN NULL;
END $$;

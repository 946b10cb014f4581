-- The formulas of energy, standard coal and CO2, each once. Amounts are bigint thousandths of the carrier's unit.
-- Whoever reads a view runs its functions, so they are everybody's to execute; they touch no table.

-- Seconds from the start of one local day to the start of another: 86,400 a day but where the clocks change.
CREATE OR REPLACE FUNCTION core.seconds(first_day date, end_day date, zone text) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN extract(epoch FROM (end_day::timestamp AT TIME ZONE zone) - (first_day::timestamp AT TIME ZONE zone))::bigint;

CREATE OR REPLACE FUNCTION core.month_of(day date) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN date_trunc('month', day::timestamp)::date;

CREATE OR REPLACE FUNCTION core.month_end(month date) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (month::timestamp + interval '1 month')::date;

CREATE OR REPLACE FUNCTION core.year_of(day date) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN extract(year FROM day)::int;

-- Null instead of a division by zero.
CREATE OR REPLACE FUNCTION core.ratio(part numeric, whole numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN round(part / nullif(whole, 0), 6);

-- Energy used: what came in less what went out. Null where no import is known.
CREATE OR REPLACE FUNCTION core.used(imported bigint, exported bigint, sold bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN imported - exported - sold;

-- Energy that emits: what came in less what was sold on and what is exempt. Export is not subtracted: exported PV
-- electricity is not a negative emission of its owner.
CREATE OR REPLACE FUNCTION core.emitting(imported bigint, sold bigint, exempt_imported bigint, exempt_sold bigint)
RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN imported - sold - exempt_imported + exempt_sold;

-- Thousandths × per unit: multiplying by 0.001 is exact, dividing would round.
CREATE OR REPLACE FUNCTION core.converted(amount bigint, per_unit numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN trim_scale(amount * 0.001 * per_unit);

-- kgCO2, null where unknown. What is wholly exempt emits nothing that counts, with or without a factor.
CREATE OR REPLACE FUNCTION core.emitted(amount bigint, has_exempt boolean, per_unit numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN amount = 0 AND has_exempt THEN 0 ELSE core.converted(amount, per_unit) END;

CREATE OR REPLACE FUNCTION core.emission_state(amount bigint, has_exempt boolean, per_unit numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN amount IS NULL THEN 'energy_missing' WHEN amount = 0 AND has_exempt THEN 'exempt'
            WHEN per_unit IS NULL THEN 'factor_missing' ELSE 'known' END;

CREATE OR REPLACE FUNCTION core.coal_state(amount bigint, per_unit numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN amount IS NULL THEN 'energy_missing' WHEN per_unit IS NULL THEN 'coefficient_missing'
            ELSE 'known' END;

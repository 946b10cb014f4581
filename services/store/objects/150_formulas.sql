-- The formulas of energy, standard coal and CO2, each once. Amounts are thousandths of the carrier's unit: whole ones of
-- registers; of integrated power and interval amounts exact ones, in tables as a pair (amount, rest) whose columns are
-- summed before core.exact makes one number of them.
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

-- A sum of amounts and of rests as thousandths. Parts of a thousandth need not end as decimals: those are kept to 24
-- places, and a part is more than 1e-13, so that no number of them added up is off by as much as half of one.
CREATE OR REPLACE FUNCTION core.exact(amount numeric, rest numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN rest = 0 THEN amount
            ELSE amount + trim_scale(rest * 1.000000000000000000000000 / core.parts()) END;

CREATE OR REPLACE FUNCTION core.exact(amount bigint, rest bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN rest = 0 THEN amount::numeric ELSE core.exact(amount::numeric, rest::numeric) END;

-- Sums of whole numbers that do not become numeric, in windows too: a fifth of the time of sum(bigint). More than bigint holds
-- is an error.
CREATE OR REPLACE AGGREGATE core.whole_sum(bigint) (
    SFUNC = int8pl, STYPE = bigint, MSFUNC = int8pl, MINVFUNC = int8mi, MSTYPE = bigint, PARALLEL = SAFE
);

-- A figure as it is shown: up to 15 decimals as they are, which is all there are of what counters and most others gave;
-- one that goes on is rounded to 9, once it is rid of what 24 places could not hold.
CREATE OR REPLACE FUNCTION core.rounded(figure numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN scale(figure) <= 15 THEN figure WHEN min_scale(round(figure, 18)) <= 15 THEN trim_scale(round(figure, 18))
            ELSE trim_scale(round(round(figure, 18), 9)) END;

-- Thousandths in the carrier's unit: multiplying by 0.001 is exact, dividing would round. What is passed to a function
-- that uses it twice must be cheap, or each row calls the function: core.figure is the same for a row of a table.
CREATE OR REPLACE FUNCTION core.shown(amount numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN core.rounded(amount * 0.001);

CREATE OR REPLACE FUNCTION core.figure(amount bigint, rest bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN rest = 0 THEN amount * 0.001 ELSE core.shown(core.exact(amount, rest)) END;

-- Energy used: what came in less what went out. Null where no import is known.
DROP FUNCTION IF EXISTS core.used(bigint, bigint, bigint);
CREATE OR REPLACE FUNCTION core.used(imported numeric, exported numeric, sold numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN imported - exported - sold;

-- Energy that emits: what came in less what was sold on and what is exempt. Export is not subtracted: exported PV
-- electricity is not a negative emission of its owner.
DROP FUNCTION IF EXISTS core.emitting(bigint, bigint, bigint, bigint);
CREATE OR REPLACE FUNCTION core.emitting(imported numeric, sold numeric, exempt_imported numeric, exempt_sold numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN imported - sold - exempt_imported + exempt_sold;

-- Thousandths × per unit: exact of an amount of up to 12 decimals, as those of counters and most others are; to 15 decimals
-- more than the factor has, of one that goes on. It uses the amount once: most callers pass a sum.
DROP FUNCTION IF EXISTS core.emitted(bigint, boolean, numeric), core.emission_state(bigint, boolean, numeric),
    core.coal_state(bigint, numeric), core.converted(bigint, numeric),
    core.budget_value(text, bigint, bigint, boolean, numeric);
CREATE OR REPLACE FUNCTION core.converted(amount numeric, per_unit numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN trim_scale(round(amount * 0.001 * per_unit, 15 + scale(per_unit)));

-- kgCO2, null where unknown. What is wholly exempt emits nothing that counts, with or without a factor.
CREATE OR REPLACE FUNCTION core.emitted(amount numeric, has_exempt boolean, per_unit numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN has_exempt AND round(amount, 18) = 0 THEN 0 ELSE core.converted(amount, per_unit) END;

CREATE OR REPLACE FUNCTION core.emission_state(amount numeric, has_exempt boolean, per_unit numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN amount IS NULL THEN 'energy_missing' WHEN has_exempt AND round(amount, 18) = 0 THEN 'exempt'
            WHEN per_unit IS NULL THEN 'factor_missing' ELSE 'known' END;

CREATE OR REPLACE FUNCTION core.coal_state(amount numeric, per_unit numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN amount IS NULL THEN 'energy_missing' WHEN per_unit IS NULL THEN 'coefficient_missing'
            ELSE 'known' END;

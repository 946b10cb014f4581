-- The books: what a fold needs to know, and what it changes.

-- name: lock_states
SELECT register_id, policy_version, baseline_at, baseline_value, baseline_origin,
       previous_at, previous_value, previous_origin, flat_at, runs, newest_at, newest_value, kept_from
FROM core.register_state
WHERE register_id = ANY($1::int[])
ORDER BY register_id
FOR UPDATE;

-- name: card_registers
SELECT r.register_id, st.policy_version, r.kind, r.integrate, r.unit, r.multiplier, r.carrier, r.direction,
       c.unit AS carrier_unit, r.quantity = 'pue_reported' AS is_ratio,
       (SELECT s.zone FROM core.meter_membership m JOIN core.site s USING (site_id)
        WHERE m.meter_id = r.meter_id AND m.recorded_until = 'infinity'
        ORDER BY m.valid_from DESC LIMIT 1) AS zone
FROM core.register r
JOIN core.register_state st USING (register_id)
LEFT JOIN core.carrier c ON c.code = r.carrier
WHERE r.register_id = ANY($1::int[]);

-- name: card_policies
SELECT register_id, valid_from, max_rate, resolution, modulus, interval_s, gap_s, slack_s, noise, on_fall, flat_s, stamp
FROM core.register_policy
WHERE register_id = ANY($1::int[]) AND recorded_until = 'infinity'
ORDER BY register_id, valid_from;

-- name: card_acts
SELECT register_id, kind, at, until, final, start, value, reading
FROM core.act
WHERE register_id = ANY($1::int[]) AND recorded_until = 'infinity'
ORDER BY register_id, at, act_id;

-- name: card_scopes
SELECT register_id, enterprise_id, site_id, valid_from, valid_until
FROM core.register_scope
WHERE register_id = ANY($1::int[]);

-- name: stored_readings
-- The instants lie in [$3, $4]: chunks outside are not looked into.
SELECT w.place, r.value, r.value_text
FROM unnest($1::int[], $2::timestamptz[]) WITH ORDINALITY AS w (register_id, read_at, place)
JOIN core.reading r USING (register_id, read_at)
WHERE r.read_at BETWEEN $3 AND $4;

-- name: revision_moment
-- Not now(): a transaction that began earlier and waited for the lock would end a version before it began. Never equal
-- to it either: add_ledger tells the rows it dates anew by that.
SELECT greatest(clock_timestamp(), now() + interval '1 microsecond');

-- name: revise_ledger
-- Closed rows keep their old value as a revision before add_ledger changes them, at the moment $4. Nobody else changes
-- them in between: the register's state is locked. The rows lie in [$5, $6]: chunks outside are left alone.
INSERT INTO core.energy_revision
    (register_id, width, starts_at, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest,
     recorded_from, recorded_until, cause)
SELECT t.register_id, '15m', t.starts_at, t.amount, t.estimated_amount, t.covered_s, t.estimated_s, t.rest,
       t.estimated_rest, t.recorded_at, greatest($4::timestamptz, t.recorded_at), $3
FROM unnest($1::int[], $2::timestamptz[]) AS w (register_id, starts_at)
JOIN core.energy_15m t USING (register_id, starts_at)
WHERE t.starts_at BETWEEN $5 AND $6;

-- name: revise_days
INSERT INTO core.energy_revision
    (register_id, width, day, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest,
     recorded_from, recorded_until, cause)
SELECT t.register_id, '1d', t.day, t.amount, t.estimated_amount, t.covered_s, t.estimated_s, t.rest, t.estimated_rest,
       t.recorded_at, greatest($4::timestamptz, t.recorded_at), $3
FROM unnest($1::int[], $2::date[]) AS w (register_id, day)
JOIN core.energy_day t USING (register_id, day);

-- name: date_days
UPDATE core.energy_day t SET recorded_at = greatest($3::timestamptz, t.recorded_at)
FROM unnest($1::int[], $2::date[]) AS w (register_id, day)
WHERE t.register_id = w.register_id AND t.day = w.day;

-- name: add_ledger
-- Of registers without rests; add_ledger_rests has the others. Arrays come as text, which costs the client a third of
-- binary ones; $2 counts quarter-hours since 1970. Those of the rows that were closed ($7, empty where none was) are dated
-- $8, a moment after now(); others keep the date of their first entry. Gives the rows that are empty now.
WITH changed AS (
    INSERT INTO core.energy_15m AS t
        (register_id, starts_at, amount, estimated_amount, covered_s, estimated_s, recorded_at)
    SELECT u.register_id, timestamptz 'epoch' + u.quarter * interval '15 minutes', u.amount, u.estimated_amount,
           u.covered_s, u.estimated_s, CASE WHEN u.is_closed THEN $8::timestamptz ELSE now() END
    FROM unnest($1::text::int[], $2::text::bigint[], $3::text::bigint[], $4::text::bigint[], $5::text::int[],
                $6::text::int[], $7::text::bool[])
        AS u (register_id, quarter, amount, estimated_amount, covered_s, estimated_s, is_closed)
    ON CONFLICT (register_id, starts_at) DO UPDATE SET
        amount = t.amount + excluded.amount,
        estimated_amount = t.estimated_amount + excluded.estimated_amount,
        covered_s = t.covered_s + excluded.covered_s,
        estimated_s = t.estimated_s + excluded.estimated_s,
        recorded_at = CASE WHEN excluded.recorded_at > now() THEN greatest(excluded.recorded_at, t.recorded_at)
                           ELSE t.recorded_at END
    RETURNING t.register_id, t.starts_at, t.amount, t.estimated_amount, t.covered_s, t.estimated_s
)
SELECT register_id, starts_at FROM changed
WHERE amount = 0 AND estimated_amount = 0 AND covered_s = 0 AND estimated_s = 0;

-- name: add_ledger_rests
-- The same of amounts in parts of a thousandth: $9 and $10 are what is left of one, in [0, parts).
WITH changed AS (
    INSERT INTO core.energy_15m AS t
        (register_id, starts_at, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest, recorded_at)
    SELECT u.register_id, timestamptz 'epoch' + u.quarter * interval '15 minutes', u.amount, u.estimated_amount,
           u.covered_s, u.estimated_s, u.rest, u.estimated_rest, CASE WHEN u.is_closed THEN $8::timestamptz ELSE now() END
    FROM unnest($1::text::int[], $2::text::bigint[], $3::text::bigint[], $4::text::bigint[], $5::text::int[],
                $6::text::int[], $7::text::bool[], $9::text::bigint[], $10::text::bigint[])
        AS u (register_id, quarter, amount, estimated_amount, covered_s, estimated_s, is_closed, rest, estimated_rest)
    ON CONFLICT (register_id, starts_at) DO UPDATE SET
        amount = t.amount + excluded.amount + (t.rest + excluded.rest) / core.parts(),
        estimated_amount = t.estimated_amount + excluded.estimated_amount
                           + (t.estimated_rest + excluded.estimated_rest) / core.parts(),
        covered_s = t.covered_s + excluded.covered_s,
        estimated_s = t.estimated_s + excluded.estimated_s,
        rest = (t.rest + excluded.rest) % core.parts(),
        estimated_rest = (t.estimated_rest + excluded.estimated_rest) % core.parts(),
        recorded_at = CASE WHEN excluded.recorded_at > now() THEN greatest(excluded.recorded_at, t.recorded_at)
                           ELSE t.recorded_at END
    RETURNING t.*
)
SELECT register_id, starts_at FROM changed
WHERE (amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest) = (0, 0, 0, 0, 0, 0);

-- name: add_reading_days
INSERT INTO core.reading_day AS t (register_id, day, received)
SELECT * FROM unnest($1::int[], $2::date[], $3::int[])
ON CONFLICT (register_id, day) DO UPDATE SET received = t.received + excluded.received;

-- name: add_days
-- Arrays as text; $2 counts days since 1970-01-01.
INSERT INTO core.energy_day AS t (register_id, day, amount, estimated_amount, covered_s, estimated_s)
SELECT u.register_id, date '1970-01-01' + u.day, u.amount, u.estimated_amount, u.covered_s, u.estimated_s
FROM unnest($1::text::int[], $2::text::int[], $3::text::bigint[], $4::text::bigint[], $5::text::int[],
            $6::text::int[]) AS u (register_id, day, amount, estimated_amount, covered_s, estimated_s)
ON CONFLICT (register_id, day) DO UPDATE SET
    amount = t.amount + excluded.amount,
    estimated_amount = t.estimated_amount + excluded.estimated_amount,
    covered_s = t.covered_s + excluded.covered_s,
    estimated_s = t.estimated_s + excluded.estimated_s;

-- name: add_days_rests
INSERT INTO core.energy_day AS t
    (register_id, day, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest)
SELECT u.register_id, date '1970-01-01' + u.day, u.amount, u.estimated_amount, u.covered_s, u.estimated_s, u.rest,
       u.estimated_rest
FROM unnest($1::text::int[], $2::text::int[], $3::text::bigint[], $4::text::bigint[], $5::text::int[],
            $6::text::int[], $7::text::bigint[], $8::text::bigint[])
    AS u (register_id, day, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest)
ON CONFLICT (register_id, day) DO UPDATE SET
    amount = t.amount + excluded.amount + (t.rest + excluded.rest) / core.parts(),
    estimated_amount = t.estimated_amount + excluded.estimated_amount
                       + (t.estimated_rest + excluded.estimated_rest) / core.parts(),
    covered_s = t.covered_s + excluded.covered_s,
    estimated_s = t.estimated_s + excluded.estimated_s,
    rest = (t.rest + excluded.rest) % core.parts(),
    estimated_rest = (t.estimated_rest + excluded.estimated_rest) % core.parts();

-- name: add_scope_days
INSERT INTO core.energy_scope_day AS t
    (enterprise_id, site_id, carrier, direction, day, amount, estimated_amount, covered_s, estimated_s)
SELECT * FROM unnest($1::int[], $2::int[], $3::text[], $4::text[], $5::date[],
                     $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])
ON CONFLICT (day, enterprise_id, site_id, carrier, direction) DO UPDATE SET
    amount = t.amount + excluded.amount,
    estimated_amount = t.estimated_amount + excluded.estimated_amount,
    covered_s = t.covered_s + excluded.covered_s,
    estimated_s = t.estimated_s + excluded.estimated_s;

-- name: add_scope_days_rests
INSERT INTO core.energy_scope_day AS t
    (enterprise_id, site_id, carrier, direction, day, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest)
SELECT * FROM unnest($1::int[], $2::int[], $3::text[], $4::text[], $5::date[], $6::bigint[], $7::bigint[],
                     $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
ON CONFLICT (day, enterprise_id, site_id, carrier, direction) DO UPDATE SET
    amount = t.amount + excluded.amount + (t.rest + excluded.rest) / core.parts(),
    estimated_amount = t.estimated_amount + excluded.estimated_amount
                       + (t.estimated_rest + excluded.estimated_rest) / core.parts(),
    covered_s = t.covered_s + excluded.covered_s,
    estimated_s = t.estimated_s + excluded.estimated_s,
    rest = (t.rest + excluded.rest) % core.parts(),
    estimated_rest = (t.estimated_rest + excluded.estimated_rest) % core.parts();

-- name: drop_empty_ledger
DELETE FROM core.energy_15m t USING unnest($1::int[], $2::timestamptz[]) AS w (register_id, starts_at)
WHERE t.register_id = w.register_id AND t.starts_at = w.starts_at;

-- name: drop_empty_days
DELETE FROM core.energy_day t USING unnest($1::int[], $2::date[]) AS w (register_id, day)
WHERE t.register_id = w.register_id AND t.day = w.day
  AND t.amount = 0 AND t.estimated_amount = 0 AND t.covered_s = 0 AND t.estimated_s = 0
  AND t.rest = 0 AND t.estimated_rest = 0;

-- name: drop_empty_scope_days
DELETE FROM core.energy_scope_day
WHERE amount = 0 AND estimated_amount = 0 AND covered_s = 0 AND estimated_s = 0 AND rest = 0 AND estimated_rest = 0
  AND day = ANY($1::date[]);

-- name: save_states
-- Arrays as text, but for the runs; instants in µs since 1970. $11: the accounting rule that made these books.
UPDATE core.register_state s SET
    baseline_at = timestamptz 'epoch' + u.baseline_at * interval '1 microsecond',
    baseline_value = u.baseline_value,
    baseline_origin = u.baseline_origin,
    previous_at = timestamptz 'epoch' + u.previous_at * interval '1 microsecond',
    previous_value = u.previous_value,
    previous_origin = u.previous_origin,
    newest_at = timestamptz 'epoch' + u.newest_at * interval '1 microsecond',
    newest_value = u.newest_value,
    flat_at = timestamptz 'epoch' + u.flat_at * interval '1 microsecond',
    runs = u.runs,
    books_version = $12
FROM unnest($1::text::int[], $2::text::bigint[], $3::text::bigint[], $4::text::smallint[], $5::text::bigint[],
            $6::text::bigint[], $7::text::smallint[], $8::text::bigint[], $9::text::bigint[], $10::text::bigint[],
            $11::text[])
    AS u (register_id, baseline_at, baseline_value, baseline_origin, previous_at, previous_value, previous_origin,
          flat_at, newest_at, newest_value, runs)
WHERE s.register_id = u.register_id;

-- name: put_doubts
INSERT INTO core.doubt AS t (register_id, read_at, outcome, high)
SELECT * FROM unnest($1::int[], $2::timestamptz[], $3::text[], $4::bigint[])
ON CONFLICT (register_id, read_at) DO UPDATE SET outcome = excluded.outcome, high = excluded.high;

-- name: drop_doubts
DELETE FROM core.doubt t USING unnest($1::int[], $2::timestamptz[]) AS w (register_id, read_at)
WHERE t.register_id = w.register_id AND t.read_at = w.read_at;

-- name: put_events
INSERT INTO core.event AS t (register_id, kind, read_at, shift, suspect, flat_at, judged_at)
SELECT * FROM unnest($1::int[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[], $6::timestamptz[],
                     $7::timestamptz[])
ON CONFLICT (register_id, kind, read_at) DO UPDATE SET
    shift = excluded.shift, suspect = excluded.suspect, flat_at = excluded.flat_at, judged_at = excluded.judged_at;

-- name: drop_events
DELETE FROM core.event t USING unnest($1::int[], $2::text[], $3::timestamptz[]) AS w (register_id, kind, read_at)
WHERE t.register_id = w.register_id AND t.kind = w.kind AND t.read_at = w.read_at;

-- name: put_standstills
INSERT INTO core.standstill AS t (register_id, started_at, ended_at)
SELECT * FROM unnest($1::int[], $2::timestamptz[], $3::timestamptz[])
ON CONFLICT (register_id, started_at) DO UPDATE SET ended_at = excluded.ended_at;

-- name: drop_standstills
DELETE FROM core.standstill t USING unnest($1::int[], $2::timestamptz[]) AS w (register_id, started_at)
WHERE t.register_id = w.register_id AND t.started_at = w.started_at;

-- name: bump_policies
UPDATE core.register_state SET policy_version = policy_version + 1 WHERE register_id = ANY($1::int[]);

-- name: move_scope_days
-- Adds ($2 = 1) or takes back ($2 = -1) what the days of these registers are in their scopes.
INSERT INTO core.energy_scope_day AS t
    (enterprise_id, site_id, carrier, direction, day, amount, estimated_amount, covered_s, estimated_s, rest, estimated_rest)
SELECT enterprise_id, site_id, carrier, direction, day, amount + core.carried(rest),
       estimated_amount + core.carried(estimated_rest), covered_s, estimated_s, core.left_over(rest),
       core.left_over(estimated_rest)
FROM (
    SELECT s.enterprise_id, s.site_id, s.carrier, s.direction, d.day, $2 * sum(d.amount)::bigint AS amount,
           $2 * sum(d.estimated_amount)::bigint AS estimated_amount, $2 * sum(d.covered_s) AS covered_s,
           $2 * sum(d.estimated_s) AS estimated_s, $2 * sum(d.rest)::bigint AS rest,
           $2 * sum(d.estimated_rest)::bigint AS estimated_rest
    FROM core.energy_day d
    JOIN core.register_scope s ON s.register_id = d.register_id AND d.day >= s.valid_from AND d.day < s.valid_until
    WHERE d.register_id = ANY($1::int[])
    GROUP BY s.enterprise_id, s.site_id, s.carrier, s.direction, d.day
) AS moved
ORDER BY day, enterprise_id, site_id, carrier, direction
ON CONFLICT (day, enterprise_id, site_id, carrier, direction) DO UPDATE SET
    amount = t.amount + excluded.amount + (t.rest + excluded.rest) / core.parts(),
    estimated_amount = t.estimated_amount + excluded.estimated_amount
                       + (t.estimated_rest + excluded.estimated_rest) / core.parts(),
    covered_s = t.covered_s + excluded.covered_s,
    estimated_s = t.estimated_s + excluded.estimated_s,
    rest = (t.rest + excluded.rest) % core.parts(),
    estimated_rest = (t.estimated_rest + excluded.estimated_rest) % core.parts();

-- name: drop_all_empty_scope_days
DELETE FROM core.energy_scope_day
WHERE amount = 0 AND estimated_amount = 0 AND covered_s = 0 AND estimated_s = 0 AND rest = 0 AND estimated_rest = 0;

-- name: booked
-- What evaluators poll. Places are few: the rows are read every moment.
INSERT INTO core.booked AS b (place, times) VALUES (pg_backend_pid() % 64, 1)
ON CONFLICT (place) DO UPDATE SET times = b.times + 1;

-- name: booked_times
SELECT coalesce(sum(times), 0)::bigint FROM core.booked;

-- name: control_registers
-- Some registers at random other than those suspected, those with readings first; the suspected only where no other is.
SELECT register_id, newest_value FROM core.register_state
ORDER BY register_id = ANY($1::int[]), newest_at IS NULL, random()
LIMIT $2;

-- name: older_books
-- Those that reported last come first: their readings wait.
SELECT register_id FROM core.register_state
WHERE newest_at IS NOT NULL AND books_version < $1 ORDER BY newest_at DESC, register_id;

-- name: other_books
-- How many of these registers have books of an older, or of a newer rule.
SELECT count(*) FILTER (WHERE books_version < $2) AS older, count(*) FILTER (WHERE books_version > $2) AS newer
FROM core.register_state WHERE newest_at IS NOT NULL AND register_id = ANY($1::int[]);

-- name: lock_older
SELECT register_id, books_version, newest_at, newest_value, kept_from
FROM core.register_state WHERE register_id = $1 FOR UPDATE {manner};

-- name: books_rebuilt
-- The fold began at $2, and the rows from $3 on are its own; cards that others remember are of before. A late reading is
-- folded from a sound one and the baseline before that: where older ones are gone, the second one sound by the new rule.
UPDATE core.register_state s SET
    policy_version = s.policy_version + 1,
    rule_from = $3,
    kept_from = CASE WHEN $2 = '-infinity'::timestamptz THEN s.kept_from ELSE greatest(s.kept_from, (
        SELECT r.read_at FROM core.reading r
        WHERE r.register_id = s.register_id AND r.read_at > $2
          AND NOT EXISTS (SELECT FROM core.doubt d WHERE d.register_id = r.register_id AND d.read_at = r.read_at)
        ORDER BY r.read_at LIMIT 1)) END
WHERE s.register_id = $1;

-- name: own_session
SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid();

-- name: end_session
-- An earlier session of ours, by the process and its beginning: numbers of processes come again.
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2;

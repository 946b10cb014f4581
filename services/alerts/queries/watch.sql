-- What the rules look at. Places are those of now; names come along for the words. OFFSET 0 keeps a view that is looked
-- up row by row from being joined as a whole before the tables have statistics.

-- name: watch_registers
-- Every register at its place, with its policy now and its newest reading, which reaches to the end of its interval:
-- whether it is silent is decided in Python.
SELECT e.code AS enterprise, e.name_zh AS enterprise_zh, e.name_en AS enterprise_en,
       s.code AS site, s.name_zh AS site_zh, s.name_en AS site_en, s.zone,
       b.register_id, m.code AS meter, r.code AS register, n.newest_at, r.recorded_at, p.interval_s, y.day AS repair_by
FROM core.register_state b
JOIN core.register r USING (register_id)
JOIN core.meter m USING (meter_id)
JOIN core.meter_membership t ON t.meter_id = m.meter_id AND t.recorded_until = 'infinity'
JOIN core.site s ON s.site_id = t.site_id
    AND ($1 AT TIME ZONE s.zone)::date >= t.valid_from AND ($1 AT TIME ZONE s.zone)::date < t.valid_until
JOIN core.site_membership o ON o.site_id = s.site_id AND o.recorded_until = 'infinity'
    AND ($1 AT TIME ZONE s.zone)::date >= o.valid_from AND ($1 AT TIME ZONE s.zone)::date < o.valid_until
JOIN core.enterprise e ON e.enterprise_id = o.enterprise_id
JOIN LATERAL (
    SELECT q.interval_s, q.stamp FROM core.register_policy q
    WHERE q.register_id = r.register_id AND q.recorded_until = 'infinity' AND q.valid_from <= $1
    ORDER BY q.valid_from DESC LIMIT 1
) AS p ON true
CROSS JOIN LATERAL (SELECT core.reaches(b.newest_at, p.stamp, p.interval_s)) AS n (newest_at)
LEFT JOIN LATERAL (
    SELECT d.day FROM core.calendar d
    WHERE d.is_working AND d.day > (coalesce(n.newest_at, r.recorded_at) AT TIME ZONE s.zone)::date
    ORDER BY d.day OFFSET 2 LIMIT 1
) AS y ON true
WHERE n.newest_at IS NULL OR n.newest_at <= $1::timestamptz - make_interval(secs => greatest($2, $3::float8 * p.interval_s))
ORDER BY enterprise, site, meter, register;

-- name: watch_held
-- What is held of each register, and the energy at stake in its carrier's unit, roughly: what is held, or of a register
-- that counts what it used an hour in the week before (hourly); and what a unit of it is in kgce.
SELECT h.kind, h.first_at, h.until_at, h.readings, h.suspect, b.baseline_at, b.baseline_value, g.value AS first_value,
       g.value_text AS first_text, u.hourly, q.amount, k.per_unit AS kgce_per_unit, w.*
FROM core.held_stretch h
JOIN core.register_state b ON b.register_id = h.register_id
JOIN core.register r ON r.register_id = h.register_id
LEFT JOIN core.reading g ON g.register_id = h.register_id AND g.read_at = h.first_at
CROSS JOIN LATERAL (SELECT * FROM core.watched_register p WHERE p.register_id = h.register_id OFFSET 0) AS w
LEFT JOIN LATERAL (
    SELECT 3.6 * sum(e.amount) / nullif(sum(e.covered_s), 0) AS hourly
    FROM core.energy_day e
    WHERE h.kind IN ('total_increasing', 'total') AND e.register_id = h.register_id AND e.day >= (h.first_at AT TIME ZONE w.zone)::date - 7
      AND e.day <= (h.first_at AT TIME ZONE w.zone)::date
) AS u ON true
LEFT JOIN LATERAL (
    SELECT sum(abs(x.value)) * 0.001 * r.multiplier
           * CASE h.kind WHEN 'measurement' THEN p.interval_s / 3600.0 ELSE 1 END AS amount
    FROM core.event v
    JOIN core.reading x ON x.register_id = v.register_id AND x.read_at = v.read_at
    CROSS JOIN LATERAL (SELECT interval_s FROM core.register_policy y
                        WHERE y.register_id = v.register_id AND y.recorded_until = 'infinity' AND y.valid_from <= h.first_at
                        ORDER BY y.valid_from DESC LIMIT 1) AS p
    WHERE v.register_id = h.register_id AND v.kind = 'held' AND (h.kind = 'interval' OR h.kind = 'measurement' AND r.integrate)
    GROUP BY p.interval_s
) AS q ON true
LEFT JOIN core.enterprise n ON n.code = w.enterprise
LEFT JOIN core.conversion_now k ON k.kind = 'calorific' AND k.district_code = n.district_code AND k.carrier = r.carrier
    AND core.year_of((h.first_at AT TIME ZONE w.zone)::date) >= k.year_from
    AND core.year_of((h.first_at AT TIME ZONE w.zone)::date) < k.year_until;

-- name: watch_held_passed
-- Readings held and settled since a moment, in transactions at most $2 old, of registers that hold none now: from the first
-- of them until the sound reading after the last.
SELECT q.first_at, q.readings, n.ends_at, w.*
FROM (
    SELECT d.register_id, min(d.read_at) AS first_at, max(d.read_at) AS last_at, count(*) AS readings
    FROM core.doubt d
    WHERE d.recorded_at > $1 AND age(d.xmin) <= $2 AND d.outcome IN ('held', 'confirmed')
    GROUP BY d.register_id
) AS q
CROSS JOIN LATERAL (
    SELECT min(r.read_at) AS ends_at FROM core.reading r WHERE r.register_id = q.register_id AND r.read_at > q.last_at
) AS n
CROSS JOIN LATERAL (SELECT * FROM core.watched_register p WHERE p.register_id = q.register_id OFFSET 0) AS w
WHERE n.ends_at IS NOT NULL AND NOT EXISTS (SELECT FROM core.held_stretch h WHERE h.register_id = q.register_id);

-- name: watch_events
SELECT v.read_at, v.shift, v.suspect, w.*
FROM core.event v
CROSS JOIN LATERAL (SELECT * FROM core.watched_register p WHERE p.register_id = v.register_id OFFSET 0) AS w
WHERE v.kind = $1 AND v.acknowledged_at IS NULL
ORDER BY w.name, v.read_at;

-- name: watch_standing
-- Registers that stand still beyond what their policy believes.
SELECT f.flat_at, f.flat_s, f.baseline_at, w.*
FROM core.standing_still f
CROSS JOIN LATERAL (SELECT * FROM core.watched_register p WHERE p.register_id = f.register_id OFFSET 0) AS w;

-- name: watch_conflicts
-- Other values for stored keys, since somebody last acknowledged such an alert of the same topic.
SELECT c.rejection_id, c.detail, c.topic, c.pointer, c.seen_count, c.first_at, c.last_at, e.code AS enterprise,
       e.name_zh AS enterprise_zh, e.name_en AS enterprise_en
FROM core.rejection c
JOIN core.enterprise e ON e.code = c.enterprise
WHERE c.code = 'conflict' AND c.replayed_at IS NULL
  AND c.last_at > coalesce((SELECT max(a.acknowledged_at) FROM core.alert a
                            WHERE a.rule = 'DataConflict' AND a.subject = c.topic), '-infinity')
ORDER BY c.topic, c.rejection_id;

-- name: watch_backdated_registers
SELECT DISTINCT register_id FROM core.energy_revision WHERE width = '1d' AND recorded_until > $1 AND cause <> 'rule';

-- name: watch_backdated
-- Days closed for longer than $3 seconds whose covered energy changed: what they were before, and what they are now. A
-- changed accounting rule is no news of a meter.
SELECT w.*, v.day, core.figure(v.amount, v.rest) AS old_amount,
       coalesce(core.figure(d.amount, d.rest), 0.000) AS new_amount, v.cause, v.recorded_from,
       v.recorded_until, ((v.day + 1)::timestamp AT TIME ZONE w.zone) AS day_ends_at
FROM core.watched_register w
JOIN LATERAL (
    SELECT DISTINCT ON (y.day) y.day, y.amount, y.rest, y.cause, y.recorded_from,
           max(y.recorded_until) OVER (PARTITION BY y.day) AS recorded_until
    FROM core.energy_revision y
    WHERE y.register_id = w.register_id AND y.width = '1d' AND y.covered_s > 0 AND y.cause <> 'rule'
      AND y.recorded_until > ((y.day + 1)::timestamp AT TIME ZONE w.zone) + make_interval(secs => $3)
      AND y.recorded_until > coalesce((SELECT max(a.acknowledged_at) FROM core.alert a
                                       WHERE a.rule = 'BackdatedChange' AND a.subject = w.name), '-infinity')
    ORDER BY y.day, y.recorded_until
) AS v ON true
LEFT JOIN core.energy_day d ON d.register_id = w.register_id AND d.day = v.day
WHERE (w.register_id = ANY($1::int[]) OR w.name = ANY($2::text[]))
  AND (v.amount, v.rest) <> (coalesce(d.amount, 0), coalesce(d.rest, 0))
ORDER BY w.name, v.day;

-- name: watch_factors
-- Years of an enterprise's consumption of a carrier for which no emission factor is known.
SELECT e.code AS enterprise, e.name_zh AS enterprise_zh, e.name_en AS enterprise_en, k.code AS carrier,
       k.name_zh AS carrier_zh, k.name_en AS carrier_en, u.year, u.first_day, u.last_day, d.zone
FROM (
    SELECT enterprise_id, carrier, core.year_of(day) AS year, min(day) AS first_day, max(day) AS last_day
    FROM core.energy_scope_day
    WHERE direction <> 'produced'
    GROUP BY enterprise_id, carrier, core.year_of(day)
) AS u
JOIN core.enterprise e ON e.enterprise_id = u.enterprise_id
JOIN core.district d ON d.code = e.district_code
JOIN core.carrier k ON k.code = u.carrier
JOIN core.conversion_now c ON c.kind = 'co2' AND c.district_code = e.district_code AND c.carrier = u.carrier
    AND u.year >= c.year_from AND u.year < c.year_until AND c.per_unit IS NULL
WHERE EXISTS (SELECT FROM core.place p
              WHERE p.enterprise_id = u.enterprise_id AND p.carrier = u.carrier AND p.level = 1 AND NOT p.exempt)
ORDER BY 1, 4, 7;

-- name: watch_ingest
-- How long ago a worker gave a sign of life, and the longest that a message of the last two minutes waited for its commit.
SELECT (SELECT extract(epoch FROM $1::timestamptz - max(last_used_at))::int FROM core.ingest_slot) AS idle_s,
       (SELECT max(waited_ms) / 1000 FROM core.ingest_minute
        WHERE minute > $1::timestamptz - interval '3 min' AND minute <= $1) AS waited_s;

-- name: watch_touched
-- From when on the ledger of each register changed, by what was recorded since a moment, in transactions at most $2 old.
SELECT register_id, min(starts_at) AS since
FROM (
    SELECT register_id, starts_at FROM core.energy_15m WHERE recorded_at > $1 AND age(xmin) <= $2
    UNION ALL
    SELECT register_id, starts_at FROM core.energy_revision WHERE recorded_until > $1 AND age(xmin) <= $2 AND width = '15m'
) AS touched
GROUP BY register_id;

-- name: watch_booked
-- From when on each register's ledger is there at all: all of it is new to a rule that never looked.
SELECT b.register_id, (d.day - 1)::timestamptz AS since
FROM core.register_state b
CROSS JOIN LATERAL (SELECT e.day FROM core.energy_day e WHERE e.register_id = b.register_id ORDER BY e.day LIMIT 1) AS d;

-- name: watch_sites_of
SELECT DISTINCT p.register_id, s.code AS site
FROM core.place p JOIN core.site s ON s.site_id = p.site_id
WHERE p.register_id = ANY($1::int[]);

-- name: watch_demand
-- Mean power of a site's electricity intake over each quarter-hour that ends in ($2, $3]; null where a register is missing.
WITH intake AS MATERIALIZED (
    SELECT p.register_id, p.starts_from, p.starts_until, e.code AS enterprise, e.name_zh AS enterprise_zh,
           e.name_en AS enterprise_en, s.name_zh AS site_zh, s.name_en AS site_en
    FROM core.place p
    JOIN core.site s ON s.site_id = p.site_id
    JOIN core.enterprise e ON e.enterprise_id = p.enterprise_id
    WHERE s.code = $1 AND p.level = 1 AND p.carrier = 'electricity' AND p.direction = 'import'
)
SELECT q.at + interval '15 minutes' AS ends_at,
       CASE WHEN count(e.register_id) = count(*)
            THEN core.rounded(core.exact(sum(e.amount), sum(e.rest)) * 0.004) END AS demand_kw,
       core.ratio(coalesce(sum(e.covered_s - e.estimated_s), 0), 900 * count(*)) AS resolution_ratio,
       i.enterprise, i.enterprise_zh, i.enterprise_en, i.site_zh, i.site_en
FROM generate_series(date_bin('15 minutes', $2::timestamptz, '2000-01-01'), $3::timestamptz - interval '15 minutes',
                     '15 minutes') AS q (at)
JOIN intake i ON q.at >= i.starts_from AND q.at < i.starts_until
LEFT JOIN core.energy_15m e ON e.register_id = i.register_id AND e.starts_at = q.at
WHERE q.at + interval '15 minutes' > $2
GROUP BY q.at, i.enterprise, i.enterprise_zh, i.enterprise_en, i.site_zh, i.site_en
ORDER BY q.at;

-- name: watch_demand_from
-- When the first booked day of each site's electricity intake begins.
SELECT s.code AS site, min(d.day)::timestamp AT TIME ZONE s.zone AS first_at
FROM core.place p
JOIN core.site s ON s.site_id = p.site_id
CROSS JOIN LATERAL (SELECT e.day FROM core.energy_day e WHERE e.register_id = p.register_id ORDER BY e.day LIMIT 1) AS d
WHERE s.code = ANY($1::text[]) AND p.level = 1 AND p.carrier = 'electricity' AND p.direction = 'import'
GROUP BY s.code, s.zone;

-- name: watch_pue_sites
-- Data centres one of whose energy registers is among these, with that register; and those whose boundary was recorded
-- since a moment, from its first day on.
SELECT s.code AS site, p.register_id, NULL::timestamptz AS since
FROM core.pue_version v
JOIN core.pue_part p ON p.boundary_id = v.boundary_id
JOIN core.site s ON s.site_id = v.site_id
WHERE p.register_id = ANY($1::int[])
UNION ALL
SELECT s.code, NULL, greatest(b.valid_from::timestamp AT TIME ZONE s.zone, '1970-01-01')
FROM core.pue_boundary b
JOIN core.site s ON s.site_id = b.site_id
WHERE b.recorded_at > $2 AND age(b.xmin) <= $3 AND b.recorded_until = 'infinity';

-- name: watch_pue_reported
-- Data centres whose operator's reported quarter-hours were written since a moment, and the earliest of those.
SELECT s.code AS site, q.starts_at AS since
FROM (SELECT register_id, min(starts_at) AS starts_at FROM core.reported_15m
      WHERE recorded_at > $1 AND age(xmin) <= $2 GROUP BY register_id) AS q
JOIN (SELECT DISTINCT site_id, reported_id FROM core.pue_version) AS v ON v.reported_id = q.register_id
JOIN core.site s ON s.site_id = v.site_id;

-- name: watch_pue_extents
-- Of each of these data centres: when the first day with a reading or anything booked begins, and until when the newest
-- reading reaches.
SELECT s.code AS site, min(f.day)::timestamp AT TIME ZONE s.zone AS first_at,
       max(b.reaches_at) AS newest_at
FROM core.site s
CROSS JOIN LATERAL (
    SELECT p.register_id FROM core.pue_version v JOIN core.pue_part p ON p.boundary_id = v.boundary_id
    WHERE v.site_id = s.site_id
    UNION
    SELECT v.reported_id FROM core.pue_version v WHERE v.site_id = s.site_id AND v.reported_id IS NOT NULL
) AS n
CROSS JOIN LATERAL (
    SELECT least((SELECT min(e.day) FROM core.energy_day e WHERE e.register_id = n.register_id),
                 (SELECT min(d.day) FROM core.reading_day d WHERE d.register_id = n.register_id)) AS day
) AS f
LEFT JOIN core.register_reach b ON b.register_id = n.register_id
WHERE s.code = ANY($1::text[]) AND f.day IS NOT NULL
GROUP BY s.code, s.zone;

-- name: watch_scopes
-- Which enterprises and sites these registers' energy counts for, and from when it changed.
SELECT DISTINCT e.code AS enterprise, s.code AS site, p.register_id
FROM core.place p
JOIN core.enterprise e ON e.enterprise_id = p.enterprise_id
JOIN core.site s ON s.site_id = p.site_id
WHERE p.register_id = ANY($1::int[]);

-- name: watch_declared
-- What else moves the sums of budgets than the ledger: figures by hand, of which enterprise and site and from when on.
SELECT e.code AS enterprise, s.code AS site, min(f.month::timestamp AT TIME ZONE s.zone) AS since
FROM core.manual_figure f
JOIN core.site s ON s.site_id = f.site_id
JOIN core.site_membership m ON m.site_id = f.site_id AND m.recorded_until = 'infinity'
    AND f.month >= m.valid_from AND f.month < m.valid_until
JOIN core.enterprise e ON e.enterprise_id = m.enterprise_id
WHERE f.recorded_at > $1 OR f.recorded_until > $1 AND f.recorded_until < 'infinity'
GROUP BY e.code, s.code;

-- name: watch_production
-- Production declared since a moment, and when.
SELECT e.code AS enterprise, s.code AS site, p.product, p.month, p.recorded_at
FROM core.production p
JOIN core.site s ON s.site_id = p.site_id
JOIN core.site_membership m ON m.site_id = p.site_id AND m.recorded_until = 'infinity'
    AND p.month >= m.valid_from AND p.month < m.valid_until
JOIN core.enterprise e ON e.enterprise_id = m.enterprise_id
WHERE p.recorded_at > $1 AND p.recorded_until = 'infinity';

-- name: watch_redefined
-- Whether factors, policies or places were changed since a moment: that can move any sum.
SELECT EXISTS (
    SELECT FROM (SELECT recorded_at, recorded_until FROM core.emission_factor
                 UNION ALL SELECT recorded_at, recorded_until FROM core.coal_coefficient
                 UNION ALL SELECT recorded_at, recorded_until FROM core.factor_policy
                 UNION ALL SELECT recorded_at, recorded_until FROM core.meter_membership
                 UNION ALL SELECT recorded_at, recorded_until FROM core.site_membership) AS c
    WHERE recorded_at > $1 OR recorded_until > $1 AND recorded_until < 'infinity'
);

-- name: watch_completeness
-- Registers below a ratio on the last closed day of their site. A day without any reading, and the day on which a register
-- begins or comes back, are left to MeterSilent.
SELECT c.*, (c.day + 1)::timestamp AT TIME ZONE c.zone AS day_ends_at
FROM (
    SELECT enterprise, enterprise_zh, enterprise_en, site, site_zh, site_en, zone, meter, register, day,
           expected_readings, received_readings, completeness_ratio,
           lag(received_readings) OVER (PARTITION BY enterprise, site, meter, register ORDER BY day) AS day_before
    FROM report.completeness
    WHERE day BETWEEN ($1::timestamptz)::date - 3 AND ($1::timestamptz)::date + 1
) AS c
WHERE c.day = ($1 AT TIME ZONE c.zone)::date - 1
  AND c.expected_readings > 0 AND c.received_readings > 0 AND c.day_before > 0 AND c.completeness_ratio < $2::numeric
ORDER BY c.enterprise, c.site, c.meter, c.register;

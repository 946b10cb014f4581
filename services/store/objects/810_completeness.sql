-- Completeness: readings received ÷ expected, per register and day, and per month; and meters that have gone silent.
-- Expected: the length of the day ÷ the interval of the policy in force when the day began; a running day counts until
-- now, so that the interval that runs is not due, whichever end of it is stamped. More readings than expected do not make
-- up for missing ones of another day. The national gate is 90 %.
-- What needs a zone is computed once a register or once a day (MATERIALIZED), never for each of both.

CREATE OR REPLACE FUNCTION core.completeness_gate() RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 0.9;

CREATE OR REPLACE FUNCTION core.completeness_state(counted bigint, expected bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN expected = 0 THEN 'not_due' WHEN counted < core.completeness_gate() * expected THEN 'low' ELSE 'ok' END;

-- Where every register stands, measurements too, and how often it should report, in disjoint ranges of days of its
-- site's zone: from its registration, or its first reading.
CREATE VIEW core.caller_due AS
WITH place AS MATERIALIZED (
    SELECT c.enterprise_id, c.enterprise, s.site_id, s.code AS site, s.zone, m.meter_id, m.code AS meter, t.level,
           r.register_id, r.code AS register, r.recorded_at, least(t.valid_until, o.valid_until) AS until_day,
           greatest(t.valid_from, o.valid_from, least(
               (r.recorded_at AT TIME ZONE s.zone)::date,
               (SELECT min(d.day) FROM core.reading_day d WHERE d.register_id = r.register_id))) AS from_day
    FROM core.caller_enterprise c
    JOIN core.site_membership o ON o.enterprise_id = c.enterprise_id AND o.recorded_until = 'infinity'
    JOIN core.site s ON s.site_id = o.site_id
    JOIN core.meter_membership t ON t.site_id = s.site_id AND t.recorded_until = 'infinity'
        AND t.valid_from < o.valid_until AND t.valid_until > o.valid_from
    JOIN core.meter m ON m.meter_id = t.meter_id
    JOIN core.register r ON r.meter_id = m.meter_id
),
version AS MATERIALIZED (
    SELECT p.register_id, p.interval_s, p.gap_s, p.stamp, z.zone, b.from_day,
           lead(b.from_day, 1, 'infinity') OVER (PARTITION BY p.register_id, z.zone ORDER BY p.valid_from) AS until_day
    FROM (SELECT DISTINCT register_id, zone FROM place) AS z
    JOIN core.register_policy p ON p.register_id = z.register_id AND p.recorded_until = 'infinity'
    CROSS JOIN LATERAL (
        SELECT CASE WHEN p.valid_from = '-infinity' THEN '-infinity'::date
                    ELSE ((p.valid_from - interval '1 microsecond') AT TIME ZONE z.zone)::date + 1 END
    ) AS b (from_day)
)
SELECT p.enterprise_id, p.enterprise, p.site_id, p.site, p.zone, p.meter_id, p.meter, p.level, p.register_id, p.register,
       p.recorded_at, v.interval_s, v.gap_s, v.stamp, greatest(p.from_day, v.from_day) AS from_day,
       least(p.until_day, v.until_day) AS until_day
FROM place p
JOIN version v ON v.register_id = p.register_id AND v.zone = p.zone
WHERE greatest(p.from_day, v.from_day) < least(p.until_day, v.until_day);

CREATE VIEW report.completeness WITH (security_barrier) AS
WITH due AS MATERIALIZED (SELECT * FROM core.caller_due),
zone_day AS MATERIALIZED (
    SELECT z.zone, d.day, extract(epoch FROM least((d.day + 1)::timestamp AT TIME ZONE z.zone, now())
                                             - d.day::timestamp AT TIME ZONE z.zone)::int AS over_s
    FROM (SELECT zone, min(from_day) AS from_day FROM due GROUP BY zone) AS z
    JOIN core.calendar d ON d.day >= z.from_day AND d.day <= current_date + 1
    WHERE d.day::timestamp AT TIME ZONE z.zone < now()
)
SELECT d.day, w.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       w.site, s.name_zh AS site_zh, s.name_en AS site_en, w.zone,
       w.meter, m.name_zh AS meter_zh, m.name_en AS meter_en, w.level, w.register, r.quantity, w.interval_s,
       e.expected AS expected_readings, coalesce(x.received, 0) AS received_readings,
       core.ratio(g.counted, e.expected) AS completeness_ratio, core.completeness_state(g.counted, e.expected) AS state
FROM due w
JOIN zone_day d ON d.zone = w.zone AND d.day >= w.from_day AND d.day < w.until_day
LEFT JOIN core.reading_day x ON x.register_id = w.register_id AND x.day = d.day
CROSS JOIN LATERAL (SELECT d.over_s / w.interval_s) AS e (expected)
CROSS JOIN LATERAL (SELECT least(coalesce(x.received, 0), e.expected)) AS g (counted)  -- least() skips nulls
LEFT JOIN core.enterprise n ON n.enterprise_id = w.enterprise_id
LEFT JOIN core.site s ON s.site_id = w.site_id
LEFT JOIN core.meter m ON m.meter_id = w.meter_id
LEFT JOIN core.register r ON r.register_id = w.register_id;

-- Per month, in one pass: what is expected by the calendar, for silent days have no row, and the days that came.
CREATE VIEW report.completeness_1mo WITH (security_barrier) AS
WITH due AS MATERIALIZED (SELECT * FROM core.caller_due),
month AS MATERIALIZED (
    SELECT d.day, core.month_end(d.day) AS until_day FROM core.calendar d
    WHERE extract(day FROM d.day) = 1 AND d.day <= current_date + 1
      AND d.day >= (SELECT core.month_of(min(from_day)) FROM due)
)
SELECT c.month, c.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       s.code AS site, s.name_zh AS site_zh, s.name_en AS site_en, s.zone,
       m.code AS meter, m.name_zh AS meter_zh, m.name_en AS meter_en, c.level, r.code AS register, r.quantity,
       c.expected AS expected_readings, c.received AS received_readings, c.low_days,
       core.ratio(c.counted, c.expected) AS completeness_ratio, core.completeness_state(c.counted, c.expected) AS state
FROM (
    SELECT enterprise_id, enterprise, site_id, level, register_id, month, sum(expected)::bigint AS expected,
           sum(received)::bigint AS received, sum(least(counted, expected))::bigint AS counted,
           sum(greatest(days - good_days, 0))::bigint AS low_days
    FROM (
        SELECT enterprise_id, enterprise, site_id, level, register_id, from_day, month, sum(expected) AS expected,
               sum(received) AS received, sum(counted) AS counted, sum(days) AS days, sum(good_days) AS good_days
        FROM (
            SELECT w.enterprise_id, w.enterprise, w.site_id, w.level, w.register_id, w.from_day, c.day AS month,
                   o.over_s / w.interval_s AS expected, 0 AS received, 0 AS counted,
                   (o.over_s + 86399) / 86400 AS days, 0 AS good_days
            FROM due w
            JOIN month c ON c.day < w.until_day AND c.until_day > w.from_day
            CROSS JOIN LATERAL (
                SELECT greatest(0, extract(epoch FROM
                    least(least(c.until_day, w.until_day)::timestamp AT TIME ZONE w.zone, now())
                    - greatest(c.day, w.from_day)::timestamp AT TIME ZONE w.zone))::int
            ) AS o (over_s)
            UNION ALL
            SELECT w.enterprise_id, w.enterprise, w.site_id, w.level, w.register_id, w.from_day, core.month_of(x.day),
                   0, x.received, least(x.received, 86400 / w.interval_s), 0,
                   CASE WHEN x.received >= core.completeness_gate() * (86400 / w.interval_s) THEN 1 ELSE 0 END
            FROM due w
            JOIN core.reading_day x ON x.register_id = w.register_id AND x.day >= w.from_day AND x.day < w.until_day
        ) AS d
        GROUP BY enterprise_id, enterprise, site_id, level, register_id, from_day, month
    ) AS v
    GROUP BY enterprise_id, enterprise, site_id, level, register_id, month
) AS c
LEFT JOIN core.enterprise n ON n.enterprise_id = c.enterprise_id
LEFT JOIN core.site s ON s.site_id = c.site_id
LEFT JOIN core.register r ON r.register_id = c.register_id
LEFT JOIN core.meter m ON m.meter_id = r.meter_id
WHERE c.expected > 0;

-- Per enterprise and day: its registers of one kind (same days, same interval) are expected together.
CREATE VIEW report.completeness_enterprise WITH (security_barrier) AS
WITH due AS MATERIALIZED (SELECT * FROM core.caller_due),
zone_day AS MATERIALIZED (
    SELECT z.zone, d.day, extract(epoch FROM least((d.day + 1)::timestamp AT TIME ZONE z.zone, now())
                                             - d.day::timestamp AT TIME ZONE z.zone)::int AS over_s
    FROM (SELECT zone, min(from_day) AS from_day FROM due GROUP BY zone) AS z
    JOIN core.calendar d ON d.day >= z.from_day AND d.day <= current_date + 1
    WHERE d.day::timestamp AT TIME ZONE z.zone < now()
)
SELECT c.day, c.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       c.expected AS expected_readings, c.received AS received_readings, c.registers,
       greatest(c.registers - c.good_registers, 0) AS low_registers,
       core.ratio(least(c.counted, c.expected), c.expected) AS completeness_ratio
FROM (
    SELECT enterprise_id, enterprise, day, sum(registers)::bigint AS registers, sum(expected)::bigint AS expected,
           sum(received)::bigint AS received, sum(counted)::bigint AS counted,
           sum(good_registers)::bigint AS good_registers
    FROM (
        SELECT k.enterprise_id, k.enterprise, d.day, k.registers, k.registers * (d.over_s / k.interval_s) AS expected,
               0 AS received, 0 AS counted, 0 AS good_registers
        FROM (SELECT enterprise_id, enterprise, zone, from_day, until_day, interval_s, count(*) AS registers
              FROM due GROUP BY enterprise_id, enterprise, zone, from_day, until_day, interval_s) AS k
        JOIN zone_day d ON d.zone = k.zone AND d.day >= k.from_day AND d.day < k.until_day
        UNION ALL
        SELECT w.enterprise_id, w.enterprise, x.day, 0, 0, x.received, least(x.received, 86400 / w.interval_s),
               CASE WHEN x.received >= core.completeness_gate() * (86400 / w.interval_s) THEN 1 ELSE 0 END
        FROM due w
        JOIN core.reading_day x ON x.register_id = w.register_id AND x.day >= w.from_day AND x.day < w.until_day
    ) AS d
    GROUP BY enterprise_id, enterprise, day
) AS c
LEFT JOIN core.enterprise n ON n.enterprise_id = c.enterprise_id
WHERE c.expected > 0;

-- Meters with registers whose newest reading is older than their gap, or that never sent one within a gap of their
-- registration. To be repaired, or filled in by hand with a reason, by the end of the third working day after.
CREATE VIEW report.silent_meters WITH (security_barrier) AS
SELECT q.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en, q.site, s.name_zh AS site_zh,
       s.name_en AS site_en, q.zone, q.meter, m.name_zh AS meter_zh, m.name_en AS meter_en, q.level,
       q.silent_since, q.newest_at, q.registers, q.silent_registers,
       q.silent_registers = q.register_count AS is_whole, y.day AS repair_by_day, y.repair_due_at,
       now() >= y.repair_due_at AS is_overdue
FROM (
    SELECT w.enterprise_id, w.enterprise, w.site_id, w.site, w.zone, w.meter_id, w.meter, w.level,
           min(coalesce(x.newest_at, w.recorded_at)) FILTER (WHERE x.is_silent) AS silent_since,
           max(x.newest_at) AS newest_at, count(*) AS register_count,
           count(*) FILTER (WHERE x.is_silent) AS silent_registers,
           string_agg(w.register, ', ' ORDER BY w.register) FILTER (WHERE x.is_silent) AS registers
    FROM core.caller_due w
    JOIN core.register_state b ON b.register_id = w.register_id
    CROSS JOIN LATERAL (
        SELECT (now() AT TIME ZONE w.zone)::date AS today, n.newest_at,
               coalesce(n.newest_at, w.recorded_at) + make_interval(secs => w.gap_s) < now() AS is_silent
        FROM (SELECT core.reaches(b.newest_at, w.stamp, w.interval_s)) AS n (newest_at)
    ) AS x
    WHERE x.today >= w.from_day AND x.today < w.until_day
    GROUP BY w.enterprise_id, w.enterprise, w.site_id, w.site, w.zone, w.meter_id, w.meter, w.level
    HAVING bool_or(x.is_silent)
) AS q
LEFT JOIN LATERAL (
    SELECT d.day, (d.day + 1)::timestamp AT TIME ZONE q.zone AS repair_due_at
    FROM core.calendar d
    WHERE d.is_working AND d.day > (q.silent_since AT TIME ZONE q.zone)::date
    ORDER BY d.day OFFSET 2 LIMIT 1
) AS y ON true
LEFT JOIN core.enterprise n ON n.enterprise_id = q.enterprise_id
LEFT JOIN core.site s ON s.site_id = q.site_id
LEFT JOIN core.meter m ON m.meter_id = q.meter_id;

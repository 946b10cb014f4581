-- Completeness: readings received ÷ expected, per register and day, and per month; and meters that have gone silent.
-- Expected: the length of the day ÷ the interval of the policy in force when the day began; a running day counts until
-- now. More readings than expected do not make up for missing ones of another day. The national gate is 90 %.
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
    SELECT p.register_id, p.interval_s, p.gap_s, z.zone, b.from_day,
           lead(b.from_day, 1, 'infinity') OVER (PARTITION BY p.register_id, z.zone ORDER BY p.valid_from) AS until_day
    FROM (SELECT DISTINCT register_id, zone FROM place) AS z
    JOIN core.register_policy p ON p.register_id = z.register_id AND p.recorded_until = 'infinity'
    CROSS JOIN LATERAL (
        SELECT CASE WHEN p.valid_from = '-infinity' THEN '-infinity'::date
                    ELSE ((p.valid_from - interval '1 microsecond') AT TIME ZONE z.zone)::date + 1 END
    ) AS b (from_day)
)
SELECT p.enterprise_id, p.enterprise, p.site_id, p.site, p.zone, p.meter_id, p.meter, p.level, p.register_id, p.register,
       p.recorded_at, v.interval_s, v.gap_s, greatest(p.from_day, v.from_day) AS from_day,
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
CROSS JOIN LATERAL (SELECT coalesce(least(x.received, e.expected), 0)) AS g (counted)
LEFT JOIN core.enterprise n ON n.enterprise_id = w.enterprise_id
LEFT JOIN core.site s ON s.site_id = w.site_id
LEFT JOIN core.meter m ON m.meter_id = w.meter_id
LEFT JOIN core.register r ON r.register_id = w.register_id;

-- Per month, summed in one pass over the days; silent days have no row, so expectation comes from the calendar.
CREATE VIEW report.completeness_1mo WITH (security_barrier) AS
WITH due AS MATERIALIZED (SELECT * FROM core.caller_due),
month AS MATERIALIZED (
    SELECT d.day, core.month_end(d.day) AS until_day FROM core.calendar d
    WHERE extract(day FROM d.day) = 1 AND d.day <= current_date + 1
      AND d.day >= (SELECT core.month_of(min(from_day)) FROM due)
),
part AS (
    SELECT w.enterprise, w.register_id, w.from_day, c.day AS month, w.interval_s,
           greatest(0, extract(epoch FROM least(b.until_at, now()) - b.from_at))::bigint AS over_s
    FROM due w
    JOIN month c ON c.day < w.until_day AND c.until_day > w.from_day
    CROSS JOIN LATERAL (
        SELECT greatest(c.day, w.from_day)::timestamp AT TIME ZONE w.zone,
               least(c.until_day, w.until_day)::timestamp AT TIME ZONE w.zone
    ) AS b (from_at, until_at)
),
got AS (
    SELECT w.enterprise, w.register_id, w.from_day, core.month_of(x.day) AS month, sum(x.received)::bigint AS received,
           sum(least(x.received, 86400 / w.interval_s))::bigint AS counted,
           count(*) FILTER (WHERE x.received >= core.completeness_gate() * (86400 / w.interval_s)) AS good_days
    FROM due w
    JOIN core.reading_day x ON x.register_id = w.register_id AND x.day >= w.from_day AND x.day < w.until_day
    GROUP BY w.enterprise, w.register_id, w.from_day, core.month_of(x.day)
)
SELECT q.month, w.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       w.site, s.name_zh AS site_zh, s.name_en AS site_en, w.zone,
       w.meter, m.name_zh AS meter_zh, m.name_en AS meter_en, w.level, w.register, r.quantity,
       q.expected AS expected_readings, q.received AS received_readings, q.low_days,
       core.ratio(q.counted, q.expected) AS completeness_ratio, core.completeness_state(q.counted, q.expected) AS state
FROM (
    SELECT p.enterprise, p.register_id, p.month, max(p.from_day) AS from_day,
           sum(p.over_s / p.interval_s)::bigint AS expected, coalesce(sum(g.received), 0)::bigint AS received,
           sum(least(coalesce(g.counted, 0), p.over_s / p.interval_s))::bigint AS counted,
           sum(greatest(0, (p.over_s + 86399) / 86400 - coalesce(g.good_days, 0)))::bigint AS low_days
    FROM part p
    LEFT JOIN got g ON g.enterprise = p.enterprise AND g.register_id = p.register_id AND g.from_day = p.from_day
        AND g.month = p.month
    WHERE p.over_s > 0
    GROUP BY p.enterprise, p.register_id, p.month
) AS q
JOIN due w ON w.register_id = q.register_id AND w.enterprise = q.enterprise AND w.from_day = q.from_day
LEFT JOIN core.enterprise n ON n.enterprise_id = w.enterprise_id
LEFT JOIN core.site s ON s.site_id = w.site_id
LEFT JOIN core.meter m ON m.meter_id = w.meter_id
LEFT JOIN core.register r ON r.register_id = w.register_id;

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
SELECT e.day, e.enterprise, n.name_zh AS enterprise_zh, n.name_en AS enterprise_en,
       e.expected AS expected_readings, coalesce(g.received, 0) AS received_readings, e.registers,
       e.registers - coalesce(g.good_registers, 0) AS low_registers,
       core.ratio(coalesce(g.counted, 0), e.expected) AS completeness_ratio
FROM (
    SELECT k.enterprise_id, k.enterprise, d.day, sum(k.registers)::bigint AS registers,
           sum(k.registers * (d.over_s / k.interval_s))::bigint AS expected
    FROM (SELECT enterprise_id, enterprise, zone, from_day, until_day, interval_s, count(*) AS registers
          FROM due GROUP BY enterprise_id, enterprise, zone, from_day, until_day, interval_s) AS k
    JOIN zone_day d ON d.zone = k.zone AND d.day >= k.from_day AND d.day < k.until_day
    GROUP BY k.enterprise_id, k.enterprise, d.day
) AS e
LEFT JOIN (
    SELECT w.enterprise, x.day, sum(x.received)::bigint AS received,
           sum(least(x.received, d.over_s / w.interval_s))::bigint AS counted,
           count(*) FILTER (WHERE x.received >= core.completeness_gate() * (d.over_s / w.interval_s)) AS good_registers
    FROM due w
    JOIN core.reading_day x ON x.register_id = w.register_id AND x.day >= w.from_day AND x.day < w.until_day
    JOIN zone_day d ON d.zone = w.zone AND d.day = x.day
    GROUP BY w.enterprise, x.day
) AS g ON g.enterprise = e.enterprise AND g.day = e.day
LEFT JOIN core.enterprise n ON n.enterprise_id = e.enterprise_id;

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
           min(coalesce(b.newest_at, w.recorded_at)) FILTER (WHERE x.is_silent) AS silent_since,
           max(b.newest_at) AS newest_at, count(*) AS register_count,
           count(*) FILTER (WHERE x.is_silent) AS silent_registers,
           string_agg(w.register, ', ' ORDER BY w.register) FILTER (WHERE x.is_silent) AS registers
    FROM core.caller_due w
    JOIN core.register_state b ON b.register_id = w.register_id
    CROSS JOIN LATERAL (
        SELECT (now() AT TIME ZONE w.zone)::date AS today,
               coalesce(b.newest_at, w.recorded_at) + make_interval(secs => w.gap_s) < now() AS is_silent
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

-- The moment asked about, and the budgets, periods and registers that are in force then. Settings of a session choose
-- the moment, never whose rows are seen: tanfeng.at, the moment a status is of (default now), tanfeng.as_of, the moment
-- whose knowledge counts (default all that is known now), and tanfeng.since, a day: only periods that end after it are
-- looked at, which is quicker (default all).

CREATE OR REPLACE FUNCTION core.asked_as_of() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('tanfeng.as_of', true), '')::timestamptz;

CREATE OR REPLACE FUNCTION core.asked_at() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(nullif(current_setting('tanfeng.at', true), '')::timestamptz, core.asked_as_of(), now());

CREATE OR REPLACE FUNCTION core.asked_since() RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(nullif(current_setting('tanfeng.since', true), '')::date, '-infinity');

-- Whether a row recorded in [recorded_from, recorded_until) is in force at the moment asked about.
CREATE OR REPLACE FUNCTION core.is_asked(recorded_from timestamptz, recorded_until timestamptz) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN core.asked_as_of() IS NULL THEN recorded_until = 'infinity'
            ELSE recorded_from <= core.asked_as_of() AND core.asked_as_of() < recorded_until END;

-- Registers judged as complete up to this moment: a reading may be under way for an hour.
CREATE OR REPLACE FUNCTION core.due_at() RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN core.asked_at() - interval '1 hour';

-- The measure of some energy, in base units: the carrier's unit, tce or tCO2; null where its factor is missing.
CREATE OR REPLACE FUNCTION core.budget_value(
    measure text, used_amount numeric, emitting_amount numeric, has_exempt boolean, per_unit numeric
) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE measure WHEN 'energy' THEN used_amount * 0.001
                    WHEN 'coal' THEN core.converted(used_amount, per_unit) * 0.001
                    ELSE core.emitted(emitting_amount, has_exempt, per_unit) * 0.001 END;

-- Seconds of [starts_on, ends_on) in a zone that have passed by a moment.
CREATE OR REPLACE FUNCTION core.elapsed(starts_on date, ends_on date, zone text, at timestamptz) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE
RETURN greatest(0, extract(epoch FROM least(at, ends_on::timestamp AT TIME ZONE zone)
                                      - (starts_on::timestamp AT TIME ZONE zone)));

-- Level-1 places of the caller's enterprises, of what they have now.
CREATE VIEW core.asked_place AS
SELECT p.register_id, p.site_id, p.enterprise_id, c.district_code, p.carrier, p.direction, p.exempt, p.zone,
       p.valid_from, p.valid_until
FROM core.caller_enterprise c
JOIN core.place_version p ON p.enterprise_id = c.enterprise_id
WHERE p.level = 1 AND p.direction <> 'produced' AND core.is_asked(p.recorded_from, p.recorded_until)
  AND (core.asked_as_of() IS NULL  -- what is in force now is of what they have now
       OR p.register_id IN (SELECT own.register_id FROM core.place own JOIN core.caller_enterprise USING (enterprise_id)));

-- The zone that all sites of a site's, an enterprise's or the district's scope share; null where they share none. An id
-- of 0 stands for all.
CREATE VIEW core.scope_zone AS
SELECT e.district_code, coalesce(e.enterprise_id, 0) AS enterprise_key, coalesce(s.site_id, 0) AS site_key,
       CASE WHEN min(s.zone) = max(s.zone) THEN min(s.zone) END AS zone
FROM core.enterprise e
JOIN core.site_membership m ON m.enterprise_id = e.enterprise_id AND m.recorded_until = 'infinity'
JOIN core.site s ON s.site_id = m.site_id
GROUP BY GROUPING SETS ((e.district_code), (e.district_code, e.enterprise_id), (e.district_code, e.enterprise_id, s.site_id));

-- Versions of the budgets the caller may read; the district's own only for a login of the district. Its days are those
-- of its sites' zone where they share one, else the district's.
CREATE VIEW core.asked_budget AS
SELECT b.budget_id, b.code, b.district_code, b.enterprise_id, b.site_id, v.version_id, v.year, v.name_zh, v.name_en,
       v.period, v.measure, v.basis, v.carriers, v.product, v.product_unit, v.unit, v.shown_per_base, v.split,
       v.levels, v.coverage_ratio, v.pace_ratio, v.scheme, v.source, v.author, v.recorded_at, v.recorded_until,
       coalesce(z.zone, d.zone) AS zone
FROM core.budget b
JOIN core.budget_version v ON v.budget_id = b.budget_id AND core.is_asked(v.recorded_at, v.recorded_until)
JOIN core.district d ON d.code = b.district_code
LEFT JOIN core.scope_zone z ON z.district_code = b.district_code
    AND z.enterprise_key = coalesce(b.enterprise_id, 0) AND z.site_key = coalesce(b.site_id, 0)
WHERE b.enterprise_id IN (SELECT c.enterprise_id FROM core.caller_enterprise c)
   OR (b.enterprise_id IS NULL AND (SELECT i.is_district FROM core.caller_is_district i));

-- The part of an allowance that is planned to be used of a month by a moment; an intensity's limit is the same always.
CREATE OR REPLACE FUNCTION core.planned_part(
    allowance numeric, month date, zone text, at timestamptz, is_intensity boolean
) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN is_intensity THEN allowance
            ELSE allowance * core.elapsed(month, core.month_end(month), zone, at)
                 / core.seconds(month, core.month_end(month), zone) END;

-- Every period that has begun and ends after the day asked for. `at` is the moment, or the end where that is over.
CREATE VIEW core.asked_period AS
SELECT q.*, q.starts_on::timestamp AT TIME ZONE q.zone AS starts_at, q.ends_on::timestamp AT TIME ZONE q.zone AS ends_at,
       least(core.asked_at(), q.ends_on::timestamp AT TIME ZONE q.zone) AS at
FROM (
    SELECT b.*, make_date(b.year, 1, 1) AS starts_on, make_date(b.year + 1, 1, 1) AS ends_on, p.allowance
    FROM core.asked_budget b
    CROSS JOIN LATERAL (SELECT CASE WHEN b.product IS NULL THEN sum(allowance) ELSE max(allowance) END AS allowance
                        FROM core.budget_part WHERE version_id = b.version_id) AS p
    WHERE b.period = 'year'
    UNION ALL
    SELECT b.*, p.month, core.month_end(p.month), p.allowance
    FROM core.asked_budget b
    JOIN core.budget_part p ON p.version_id = b.version_id
    WHERE b.period = 'month'
) AS q
WHERE q.starts_on::timestamp AT TIME ZONE q.zone <= core.asked_at() AND q.ends_on > core.asked_since();

-- The sites of the caller's enterprises, and when.
CREATE VIEW core.asked_membership AS
SELECT c.district_code, c.enterprise_id, m.site_id, m.valid_from, m.valid_until
FROM core.caller_enterprise c
JOIN core.site_membership m ON m.enterprise_id = c.enterprise_id AND m.recorded_until = 'infinity';

-- PUE of a data centre: total energy ÷ IT energy, both summed over one aligned window; never a mean of ratios.
-- Other fuels and chilled water add to the total. state: ok, high, implausible (IT not below total: a data fault), or
-- unknown, which why explains. Under 12 months it is an interim value and labelled iPUE (ISO/IEC 30134-2).

-- The gates of a known figure: booked segments span the window, and at most this share of its energy comes from
-- estimated segments that cross its edges; under 24 h this share of the window must be measured as well.
CREATE OR REPLACE FUNCTION core.uncertainty_limit() RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 0.05;
CREATE OR REPLACE FUNCTION core.resolution_gate() RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 0.95;

-- Why a PUE is not known; null where it is. Energies in kWh, ratios of the worst register of each side.
CREATE OR REPLACE FUNCTION core.pue_why(
    is_one_owner boolean, is_bounded boolean, width_s bigint, minimum_it_kw numeric,
    total_kwh numeric, total_is_spanned boolean, total_resolution numeric, total_uncertain_kwh numeric,
    it_kwh numeric, it_is_spanned boolean, it_resolution numeric, it_uncertain_kwh numeric
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN NOT is_one_owner THEN 'owner_changed'
    WHEN NOT is_bounded THEN 'no_boundary'
    WHEN it_kwh IS NULL OR NOT it_is_spanned THEN 'it_missing'
    WHEN total_kwh IS NULL OR NOT total_is_spanned THEN 'total_missing'
    WHEN it_uncertain_kwh > core.uncertainty_limit() * abs(it_kwh) THEN 'it_uncertain'
    WHEN total_uncertain_kwh > core.uncertainty_limit() * abs(total_kwh) THEN 'total_uncertain'
    WHEN width_s < 86400 AND it_resolution < core.resolution_gate() THEN 'it_coarse'
    WHEN width_s < 86400 AND total_resolution < core.resolution_gate() THEN 'total_coarse'
    WHEN it_kwh <= 0 OR it_kwh * 3600 < minimum_it_kw * width_s THEN 'it_load_low'
END;

CREATE OR REPLACE FUNCTION core.pue_state(why text, total_kwh numeric, it_kwh numeric, limit_ratio numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN why IS NOT NULL THEN 'unknown' WHEN it_kwh >= total_kwh THEN 'implausible'
            WHEN total_kwh > limit_ratio * it_kwh THEN 'high' ELSE 'ok' END;

-- Versions of a site's boundary now in force, in instants.
CREATE VIEW core.pue_version AS
SELECT b.boundary_id, b.site_id, s.zone, b.category, b.minimum_it_kw, b.limit_ratio, b.reported_id,
       b.valid_from, b.valid_until,
       b.valid_from::timestamp AT TIME ZONE s.zone AS starts_from,
       b.valid_until::timestamp AT TIME ZONE s.zone AS starts_until
FROM core.pue_boundary b
JOIN core.site s ON s.site_id = b.site_id
WHERE b.recorded_until = 'infinity';

-- Its registers. Import and generation add to a side, what is exported or sold on is taken off.
CREATE VIEW core.pue_member AS
SELECT v.site_id, v.valid_from, v.valid_until, v.starts_from, v.starts_until, p.register_id, p.side = 'it' AS is_it,
       0.001 * p.kwh_per_unit * CASE WHEN r.direction IN ('export', 'sold') THEN -1 ELSE 1 END AS kwh_per_amount
FROM core.pue_version v
JOIN core.pue_part p ON p.boundary_id = v.boundary_id
JOIN core.register r ON r.register_id = p.register_id;

-- Data centres of the caller, from the first booked or received day until now, or the boundary's end. settled_at: by
-- then every meter that goes on has had the time for its next reading.
CREATE VIEW core.caller_pue_site AS
SELECT c.enterprise, c.enterprise_zh, c.enterprise_en, s.site_id, s.code AS site, s.name_zh AS site_zh,
       s.name_en AS site_en, s.zone, o.valid_from::timestamp AT TIME ZONE s.zone AS owned_from,
       o.valid_until::timestamp AT TIME ZONE s.zone AS owned_until,
       (u.until_at AT TIME ZONE s.zone)::date AS today, u.until_at,
       greatest(f.newest_at - make_interval(secs => f.lag_s), now() - make_interval(secs => 2 * f.lag_s)) AS settled_at,
       f.first_day, f.is_metered, f.is_reported, u.bounded_from, u.bounded_until
FROM core.caller_enterprise c
JOIN core.site_membership o ON o.enterprise_id = c.enterprise_id AND o.recorded_until = 'infinity'
JOIN core.site s ON s.site_id = o.site_id
CROSS JOIN LATERAL (
    SELECT min(least((SELECT min(e.day) FROM core.energy_day e WHERE e.register_id = n.register_id),
                     (SELECT min(d.day) FROM core.reading_day d WHERE d.register_id = n.register_id))) AS first_day,
           max(b.reaches_at) AS newest_at, max(q.interval_s) AS lag_s, bool_or(n.side <> 'reported') AS is_metered,
           bool_or(n.side = 'reported') AS is_reported
    FROM (SELECT p.register_id, p.side FROM core.pue_version v JOIN core.pue_part p ON p.boundary_id = v.boundary_id
          WHERE v.site_id = s.site_id
          UNION
          SELECT v.reported_id, 'reported' FROM core.pue_version v
          WHERE v.site_id = s.site_id AND v.reported_id IS NOT NULL) AS n
    LEFT JOIN core.register_reach b ON b.register_id = n.register_id
    LEFT JOIN core.register_policy q ON q.register_id = n.register_id AND q.recorded_until = 'infinity'
    HAVING count(*) > 0
) AS f
CROSS JOIN LATERAL (
    SELECT least(greatest(now(), f.newest_at), max(v.starts_until)) AS until_at, min(v.starts_from) AS bounded_from,
           max(v.starts_until) AS bounded_until
    FROM core.pue_version v WHERE v.site_id = s.site_id
) AS u;

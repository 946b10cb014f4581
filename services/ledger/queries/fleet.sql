-- What a simulated fleet asks of the books.

-- name: open_events_of
SELECT kind, read_at FROM core.event WHERE register_id = $1 AND acknowledged_at IS NULL ORDER BY read_at;

-- name: progress_messages
-- Messages that ingest has committed or rejected so far.
SELECT coalesce(sum(messages), 0)::bigint FROM core.ingest_minute;

-- name: progress_registers
SELECT r.register_id, m.code AS meter
FROM core.register r
JOIN core.meter m USING (meter_id)
WHERE m.code = ANY($1::text[]) AND r.code = $2;

-- name: progress_newest
SELECT register_id, newest_at FROM core.register_state WHERE register_id = ANY($1::int[]) AND newest_at IS NOT NULL;

-- name: stated_figures
-- What the views say of every day and month from $1 to $2, days of zone $3: per enterprise and carrier, and as anybody
-- adds them up for an enterprise, for a carrier and for the district (an empty code: all). parts: of how many rows.
-- is_known: booked segments span it and its factor is known; a PUE that has a state.
WITH energy AS MATERIALIZED (
    SELECT '1d' AS span, day AS starts_on, enterprise, carrier, amount, coalesce(coverage_ratio >= 1, false) AS is_spanned
    FROM report.energy_enterprise_1d WHERE day BETWEEN $1 AND $2
    UNION ALL
    SELECT '1mo', month, enterprise, carrier, amount, coalesce(coverage_ratio >= 1, false)
    FROM report.energy_enterprise_1mo WHERE month BETWEEN $1 AND $2
),
converted AS (
    SELECT 'kgco2' AS kind, '1d' AS span, day AS starts_on, enterprise, carrier, emissions_kgco2 AS value, state = 'known' AS has_factor
    FROM report.emissions_enterprise_1d WHERE day BETWEEN $1 AND $2
    UNION ALL
    SELECT 'kgco2', '1mo', month, enterprise, carrier, emissions_kgco2, state = 'known'
    FROM report.emissions_enterprise_1mo WHERE month BETWEEN $1 AND $2
    UNION ALL
    SELECT CASE basis WHEN 'calorific' THEN 'kgce' ELSE 'kgce_primary' END, '1d', day, enterprise, carrier,
           sum(coal_tce) * 1000, bool_and(state = 'known')
    FROM report.coal_1d WHERE day BETWEEN $1 AND $2 GROUP BY basis, day, enterprise, carrier
    UNION ALL
    SELECT CASE basis WHEN 'calorific' THEN 'kgce' ELSE 'kgce_primary' END, '1mo', month, enterprise, carrier,
           sum(coal_tce) * 1000, bool_and(state = 'known')
    FROM report.coal_1mo WHERE month BETWEEN $1 AND $2 GROUP BY basis, month, enterprise, carrier
),
stated AS (
    SELECT 'amount' AS kind, span, starts_on, enterprise, carrier, amount AS value, is_spanned AS is_known FROM energy
    UNION ALL
    SELECT c.kind, c.span, c.starts_on, c.enterprise, c.carrier, c.value, c.has_factor AND e.is_spanned
    FROM converted c
    JOIN energy e ON (e.span, e.starts_on, e.enterprise, e.carrier) = (c.span, c.starts_on, c.enterprise, c.carrier)
    WHERE c.value IS NOT NULL AND (c.has_factor OR c.value <> 0)
),
summed AS (
    SELECT kind, span, starts_on, coalesce(enterprise, '') AS place, coalesce(carrier, '') AS carrier,
           sum(value) AS value, count(*) AS parts, bool_and(is_known) AS is_known
    FROM stated
    GROUP BY kind, span, starts_on,
             GROUPING SETS ((enterprise, carrier), (enterprise), (carrier), ())
)
SELECT kind, span, place, carrier, starts_on::timestamp AT TIME ZONE $3 AS starts_at, value, parts, is_known
FROM summed WHERE kind <> 'amount' OR carrier <> ''
UNION ALL
SELECT 'pue_ratio', span, site, '', starts_at, pue_ratio, 1, state IN ('ok', 'high')
FROM (SELECT '1h' AS span, site, starts_at, pue_ratio, state FROM report.pue_1h WHERE on_the_hour AND day BETWEEN $1 AND $2
      UNION ALL
      SELECT '1d', site, starts_at, pue_ratio, state FROM report.pue_1d WHERE day BETWEEN $1 AND $2
      UNION ALL
      SELECT '30d', site, starts_at, pue_ratio, state FROM report.pue_30d WHERE day BETWEEN $1 AND $2
      UNION ALL
      SELECT '1mo', site, starts_at, pue_ratio, state FROM report.pue_1mo WHERE day BETWEEN $1 AND $2) AS pue;

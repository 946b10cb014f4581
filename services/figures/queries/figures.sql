-- Used by services/figures/today.py: what the API and the live view read. Only report.* and what the API's role may see.

-- name: figures_today
SELECT n.enterprise, n.enterprise_zh, n.enterprise_en, coalesce(e.energy_kwh, 0) AS energy_kwh,
       coalesce(c.coal_tce, 0) AS coal_tce, m.emissions_kgco2, coalesce(m.provisional, false) AS provisional
FROM report.enterprises n
LEFT JOIN (
    SELECT enterprise, sum(amount) AS energy_kwh FROM report.energy_site_1d
    WHERE day = (now() AT TIME ZONE zone)::date AND day BETWEEN current_date - 1 AND current_date + 1
      AND carrier IN ('electricity', 'electricity_nonfossil')
    GROUP BY enterprise
) AS e USING (enterprise)
LEFT JOIN (
    SELECT enterprise, sum(coal_tce) AS coal_tce FROM report.coal_1d
    WHERE day = (now() AT TIME ZONE zone)::date AND day BETWEEN current_date - 1 AND current_date + 1
      AND basis = 'calorific'
    GROUP BY enterprise
) AS c USING (enterprise)
JOIN (
    SELECT enterprise, CASE WHEN bool_and(state <> 'factor_missing') THEN sum(emissions_kgco2) END AS emissions_kgco2,
           bool_or(provisional) AS provisional
    FROM report.emissions_1d
    WHERE day = (now() AT TIME ZONE zone)::date AND day BETWEEN current_date - 1 AND current_date + 1
    GROUP BY enterprise
) AS m USING (enterprise)
ORDER BY n.enterprise

-- name: figures_ingest_totals
SELECT coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(duplicates), 0)::bigint AS duplicates,
       coalesce(sum(rejected), 0)::bigint AS rejected, coalesce(sum(held), 0)::bigint AS held,
       (SELECT count(*) FROM core.doubt d JOIN core.register_state s USING (register_id)
        WHERE d.outcome = 'held' AND (s.baseline_at IS NULL OR d.read_at > s.baseline_at)) AS held_open
FROM core.ingest_minute

-- name: figures_health
SELECT (SELECT max(name) FROM public.schema_migration WHERE name <> 'objects') AS migration,
       (SELECT max(minute) FROM core.ingest_minute) AS newest_minute, now() AS now

-- Below, {names} stand for identifiers chosen by services/figures/today.py, {where} for its conditions.

-- name: figures_rows
SELECT {columns} FROM report.{view} WHERE {where} ORDER BY {order} LIMIT {limit}

-- name: figures_summed_rows
SELECT {keys}, {sums} FROM report.{view} WHERE {where} GROUP BY {keys} ORDER BY {order} LIMIT {limit}

-- name: figures_emissions_summed
CASE WHEN bool_and(state <> 'factor_missing') THEN trim_scale(sum(emissions_kgco2)) END AS emissions_kgco2,
CASE WHEN bool_or(state = 'factor_missing') THEN 'factor_missing' WHEN bool_or(state = 'known') THEN 'known'
     ELSE min(state) END AS state

-- name: figures_may_read
SELECT EXISTS (SELECT FROM report.enterprises WHERE enterprise = $1)

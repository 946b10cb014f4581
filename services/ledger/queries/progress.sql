-- How far ingest has got with what a publisher has sent.

-- name: progress_handled
-- Register values that ingest has decided on, whatever it decided.
SELECT coalesce(sum(accepted + duplicates + rejected), 0)::bigint FROM core.ingest_minute

-- name: progress_stored
-- How many of the given moments of some registers of one meter are stored.
SELECT count(*)
FROM core.reading r
JOIN core.register g USING (register_id)
JOIN core.meter m USING (meter_id)
JOIN core.enterprise e USING (enterprise_id)
WHERE e.code = $1 AND m.code = $2 AND g.code = $3 AND r.read_at = ANY($4::timestamptz[])

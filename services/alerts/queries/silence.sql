-- Why meters that send something have nothing booked: what of theirs is rejected.

-- name: rejected_lately
-- Of meters ('' of an enterprise: messages that name none), the messages rejected since an instant of each, the newest 500
-- at most, where the last of them is newer than another instant: the commonest reason, how many, and since when.
SELECT w.enterprise, w.meter, x.code, x.seen_count, x.first_at
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS w (enterprise, meter, since, lately)
CROSS JOIN LATERAL (
    SELECT q.code, sum(q.seen_count)::bigint AS seen_count, min(q.first_at) AS first_at, max(q.last_at) AS last_at
    FROM (
        SELECT c.code, c.payload_sha256, max(c.seen_count) AS seen_count, min(c.first_at) AS first_at,
               max(c.last_at) AS last_at
        FROM (SELECT * FROM core.rejection n
              WHERE n.enterprise = w.enterprise AND n.meter = w.meter AND n.last_at > w.since AND n.replayed_at IS NULL
                AND n.code <> ALL($5::text[])
              ORDER BY n.last_at DESC LIMIT 500) AS c
        GROUP BY c.code, c.payload_sha256
    ) AS q
    GROUP BY q.code
    HAVING max(q.last_at) > w.lately
    ORDER BY seen_count DESC, q.code LIMIT 1
) AS x;

-- name: rejected_mostly
-- Enterprises and their meters (meter '': the enterprise as a whole, floods and messages that name no meter included) with
-- at least $4 messages rejected within the window since $2: how many, the commonest reason, and how many were accepted. A
-- message is counted once, however many of its registers are wrong; one repeated for longer by its share. Accepted are
-- readings received since then, of the register of each meter that reported last, and no more of them are counted than
-- matter: beyond rejected / $5 it is not most of them any more. Readings an hour older than the window are not counted.
WITH refused AS MATERIALIZED (
    SELECT enterprise, meter, code, sum(seen_count) AS seen_count, min(first_at) AS first_at
    FROM (
        SELECT c.enterprise, c.meter, min(c.code) AS code, greatest(min(c.first_at), $2) AS first_at,
               max(CASE WHEN c.first_at >= $2 THEN c.seen_count
                        ELSE ceil(c.seen_count * extract(epoch FROM c.last_at - $2)
                                  / extract(epoch FROM c.last_at - c.first_at)) END) AS seen_count
        FROM core.rejection c
        WHERE c.last_at > $2 AND c.last_at <= $1 AND c.replayed_at IS NULL AND c.enterprise IS NOT NULL
          AND c.code <> ALL($3::text[])
        GROUP BY c.enterprise, c.meter, c.payload_sha256, regexp_replace(c.pointer, '/?registers/.*$', '')
    ) AS message
    GROUP BY enterprise, meter, code
),
every AS (
    SELECT enterprise, meter, code, seen_count, first_at FROM refused WHERE meter <> ''
    UNION ALL
    SELECT enterprise, '', code, sum(seen_count), min(first_at)
    FROM (SELECT enterprise, code, seen_count, first_at FROM refused
          UNION ALL
          SELECT enterprise, code, seen_count, minute FROM core.rejection_flood
          WHERE minute > $2 AND minute <= $1 AND code <> ALL($3::text[])) AS part
    GROUP BY enterprise, code
),
summed AS MATERIALIZED (
    SELECT enterprise, meter, sum(seen_count)::bigint AS rejected, min(first_at) AS first_at,
           (array_agg(code ORDER BY seen_count DESC, code))[1] AS code,
           ceil(sum(seen_count) / $5::numeric)::bigint AS most
    FROM every GROUP BY enterprise, meter HAVING sum(seen_count) >= $4
)
SELECT e.code AS enterprise, e.name_zh AS enterprise_zh, e.name_en AS enterprise_en, d.zone, u.meter, u.rejected,
       u.first_at, u.code, x.accepted
FROM summed u
JOIN core.enterprise e ON e.code = u.enterprise
JOIN core.district d ON d.code = e.district_code
CROSS JOIN LATERAL (
    SELECT count(*) AS accepted
    FROM (
        SELECT FROM core.meter m
        CROSS JOIN LATERAL (
            SELECT g.register_id FROM core.register g JOIN core.register_state b USING (register_id)
            WHERE g.meter_id = m.meter_id ORDER BY b.newest_at DESC NULLS LAST, g.register_id LIMIT 1
        ) AS r
        CROSS JOIN LATERAL (
            SELECT FROM core.reading h
            WHERE h.register_id = r.register_id AND h.read_at > $2 - interval '1 hour'
              AND h.read_at + make_interval(secs => h.lag_s) > $2
            LIMIT u.most
        ) AS reading
        WHERE m.enterprise_id = e.enterprise_id AND (u.meter = '' OR m.code = u.meter)
        LIMIT u.most
    ) AS counted
) AS x
WHERE u.meter = '' OR EXISTS (SELECT FROM core.meter m WHERE m.enterprise_id = e.enterprise_id AND m.code = u.meter)
ORDER BY enterprise, meter;

-- Messages, or parts of them, that could not be booked.

-- name: rejection_write
-- Identical ones (bytes, topic, code, place) are counted. One that comes again after its replay is open again. A
-- message that some row keeps whole is cut to $13 bytes in further ones.
INSERT INTO core.rejection AS r (code, detail, enterprise, topic, payload, payload_bytes, payload_sha256, pointer,
                                 seen_count, first_at, last_at, meter)
SELECT code, detail, enterprise, topic,
       CASE WHEN octet_length(payload) > $13 AND EXISTS (
                SELECT FROM core.rejection w
                WHERE w.payload_sha256 = n.payload_sha256 AND w.topic = n.topic
                  AND octet_length(w.payload) = w.payload_bytes)
            THEN substr(payload, 1, $13) ELSE payload END,
       payload_bytes, payload_sha256, pointer, seen_count, first_at, last_at, meter
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bigint[], $7::bytea[],
            $8::text[], $9::bigint[], $10::timestamptz[], $11::timestamptz[], $12::text[])
    AS n (code, detail, enterprise, topic, payload, payload_bytes, payload_sha256, pointer, seen_count, first_at,
          last_at, meter)
ON CONFLICT (payload_sha256, topic, code, pointer) DO UPDATE
SET seen_count = r.seen_count + excluded.seen_count,
    first_at = least(r.first_at, excluded.first_at),
    last_at = greatest(r.last_at, excluded.last_at),
    detail = excluded.detail,
    replayed_at = NULL;

-- name: rejection_flood
INSERT INTO core.rejection_flood AS f (minute, enterprise, code, seen_count)
SELECT date_trunc('minute', $1::timestamptz, 'UTC'), * FROM unnest($2::text[], $3::text[], $4::bigint[])
ON CONFLICT (minute, enterprise, code) DO UPDATE SET seen_count = f.seen_count + excluded.seen_count;

-- name: rejection_list
SELECT rejection_id, code, detail, enterprise, topic, payload_bytes, pointer, seen_count, first_at, last_at,
       replayed_at, payload_bytes > octet_length(payload) AS is_cut
FROM core.rejection
WHERE ($1::text IS NULL OR code = $1)
  AND ($2::text IS NULL OR enterprise = $2)
  AND ($3::timestamptz IS NULL OR last_at >= $3)
  AND ($4::boolean OR replayed_at IS NULL)
ORDER BY last_at DESC, rejection_id DESC
LIMIT $5;

-- name: rejection_ids
SELECT rejection_id FROM core.rejection
WHERE replayed_at IS NULL AND ($1::text IS NULL OR code = $1) AND ($2::text IS NULL OR enterprise = $2)
ORDER BY first_at, rejection_id;

-- name: rejection_get
-- Its message may be kept whole in the row of another part of it.
SELECT r.rejection_id, r.code, r.detail, r.enterprise, r.topic, coalesce(w.payload, r.payload) AS payload,
       r.payload_bytes, r.pointer, r.seen_count, r.first_at, r.last_at, r.replayed_at,
       r.payload_bytes > octet_length(coalesce(w.payload, r.payload)) AS is_cut
FROM core.rejection r
LEFT JOIN LATERAL (
    SELECT o.payload FROM core.rejection o
    WHERE o.payload_sha256 = r.payload_sha256 AND o.topic = r.topic AND octet_length(o.payload) = o.payload_bytes
    LIMIT 1
) AS w ON true
WHERE r.rejection_id = $1;

-- name: rejection_kept_bytes
SELECT coalesce(sum(octet_length(payload)), 0)::bigint FROM core.rejection WHERE code = $1 AND replayed_at IS NULL;

-- name: rejection_replayed
UPDATE core.rejection SET replayed_at = now() WHERE rejection_id = $1;

-- name: flood_list
SELECT enterprise, code, sum(seen_count)::bigint AS seen_count, min(minute) AS first_at, max(minute) AS last_at
FROM core.rejection_flood
WHERE ($1::text IS NULL OR code = $1)
  AND ($2::text IS NULL OR enterprise = $2)
  AND ($3::timestamptz IS NULL OR minute >= $3)
GROUP BY enterprise, code ORDER BY last_at DESC, enterprise, code;

-- name: ingest_minute
-- waited_ms: the longest that a message of the minute's batches waited from its receipt until it was written here.
-- Only while $9 holds the slot, whose lease nobody else can take before the commit: else nothing is inserted.
INSERT INTO core.ingest_minute AS m (minute, slot, messages, accepted, duplicates, rejected, held, batches, waited_ms)
SELECT date_trunc('minute', $1::timestamptz, 'UTC'), $2, $3, $4, $5, $6, $7, 1, $8
FROM core.lease AS l WHERE l.name = 'ingest ' || $2::int AND l.holder = $9
FOR SHARE
ON CONFLICT (minute, slot) DO UPDATE
SET messages = m.messages + excluded.messages, accepted = m.accepted + excluded.accepted,
    duplicates = m.duplicates + excluded.duplicates, rejected = m.rejected + excluded.rejected,
    held = m.held + excluded.held, batches = m.batches + 1, waited_ms = greatest(m.waited_ms, excluded.waited_ms);

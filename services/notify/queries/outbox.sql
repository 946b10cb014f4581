-- The outbox of notifications.

-- name: outbox_candidates
-- Alerts that were news when they were raised and are open, or were resolved within a week; of those that turned out to
-- be historical afterwards, the ones that were told.
SELECT a.*, e.code AS enterprise, s.code AS site
FROM core.alert a LEFT JOIN core.enterprise e USING (enterprise_id) LEFT JOIN core.site s USING (site_id)
WHERE (NOT a.historical OR EXISTS (SELECT FROM core.notification n WHERE n.alert_id = a.alert_id))
  AND (a.state IN ('firing', 'acknowledged') OR a.resolved_at > $1::timestamptz - interval '7 days')
ORDER BY a.alert_id;

-- name: outbox_sent
SELECT alert_id, target, kind, once, delivered_at FROM core.notification WHERE alert_id = ANY($1::bigint[]);

-- name: outbox_put
INSERT INTO core.notification (target, alert_id, kind, once, content) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (target, once) DO NOTHING
RETURNING notification_id;

-- name: outbox_undigested
WITH last AS (
    SELECT max(created_at) AS at, coalesce(max(substr(once, 8)::bigint), 0) AS alert_id
    FROM core.notification WHERE target = $1 AND kind = 'digest'
), found AS (
    SELECT a.* FROM core.alert a, last WHERE a.historical AND a.alert_id > last.alert_id AND a.raised_at <= $2::timestamptz
)
SELECT a.*, e.code AS enterprise, s.code AS site
FROM found a LEFT JOIN core.enterprise e USING (enterprise_id) LEFT JOIN core.site s USING (site_id)
WHERE (SELECT min(raised_at) FROM found) <= $2::timestamptz - interval '1 hour'
  AND (SELECT at IS NULL OR at <= $2::timestamptz - interval '1 day' OR at > $2::timestamptz + interval '1 minute' FROM last)
ORDER BY array_position(ARRAY['critical', 'warning', 'notice'], a.severity), a.alert_id;

-- name: outbox_claim
-- The target's next message: of an alert never one before an earlier one of it, then the most severe, then the oldest. $2:
-- messages a minute, a fifth of them kept for critical ones; $3, $4: a claim and a pause are at most this long, so one
-- that says more was written by a clock that was ahead; $5: only more severe than this rank, from 0, critical, on.
UPDATE core.notification n SET claimed_until = clock_timestamp() + make_interval(secs => $3)
WHERE n.notification_id = (
    SELECT w.notification_id
    FROM core.notification w
    CROSS JOIN LATERAL (
        SELECT coalesce(array_position(ARRAY['critical', 'warning', 'notice'], w.content ->> 'severity') - 1, 2) AS rank
    ) AS s
    WHERE w.target = $1 AND w.delivered_at IS NULL AND s.rank < $5
      AND (w.not_before <= clock_timestamp() OR w.not_before > clock_timestamp() + make_interval(secs => $4))
      AND (w.claimed_until < clock_timestamp() OR w.claimed_until > clock_timestamp() + make_interval(secs => $3))
      AND NOT EXISTS (SELECT FROM core.notification e WHERE e.alert_id = w.alert_id AND e.target = w.target
                      AND e.delivered_at IS NULL AND e.notification_id < w.notification_id)
      AND (SELECT count(*) FROM core.notification d
           WHERE d.target = $1 AND d.delivered_at > clock_timestamp() - interval '1 minute'
             AND d.delivered_at <= clock_timestamp()) < CASE s.rank WHEN 0 THEN $2::int ELSE ceil($2 * 0.8) END
    ORDER BY s.rank, w.notification_id
    LIMIT 1
    FOR UPDATE OF w SKIP LOCKED
)
RETURNING n.notification_id, n.content, n.attempts;

-- name: outbox_bound
-- What a clock that was ahead dated in the future was delivered by now.
UPDATE core.notification SET delivered_at = clock_timestamp()
WHERE target = ANY($1::text[]) AND delivered_at > clock_timestamp() + interval '1 minute';

-- name: outbox_delivered
UPDATE core.notification SET delivered_at = clock_timestamp(), problem = NULL WHERE notification_id = $1;

-- name: outbox_failed
UPDATE core.notification SET
    attempts = attempts + 1, problem = $2, claimed_until = '-infinity',
    not_before = clock_timestamp() + make_interval(secs => $3)
WHERE notification_id = $1;

-- name: outbox_is_moving
-- Whether no message has waited longer than $1 seconds.
SELECT NOT EXISTS (SELECT FROM core.notification
                   WHERE delivered_at IS NULL AND created_at < clock_timestamp() - make_interval(secs => $1));

-- name: outbox_waiting
SELECT target, count(*) AS waiting, least(min(created_at), now()) AS since, max(attempts) AS attempts,
       (array_agg(problem ORDER BY notification_id DESC) FILTER (WHERE problem IS NOT NULL))[1] AS problem
FROM core.notification WHERE delivered_at IS NULL
GROUP BY target ORDER BY target;

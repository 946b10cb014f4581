-- What a person should know beside the figures: events, rejections, the newest power, and how ingest does.

CREATE VIEW report.data_events WITH (security_barrier) AS
SELECT c.enterprise, c.enterprise_zh, c.enterprise_en, s.code AS site, m.code AS meter, r.code AS register,
       v.kind, v.read_at, v.shift * 0.001 AS shift, k.unit, v.recorded_at, v.acknowledged_at, v.acknowledged_by
FROM core.event v
JOIN core.register r ON r.register_id = v.register_id
JOIN core.meter m ON m.meter_id = r.meter_id
LEFT JOIN core.carrier k ON k.code = r.carrier
LEFT JOIN core.place p ON p.register_id = v.register_id AND v.read_at >= p.starts_from AND v.read_at < p.starts_until
LEFT JOIN core.site s ON s.site_id = p.site_id
JOIN core.caller_enterprise c ON c.enterprise_id = coalesce(p.enterprise_id, m.enterprise_id);

-- Without the bytes. A message whose topic names no known enterprise is the district's to see.
CREATE VIEW report.rejections WITH (security_barrier) AS
SELECT r.rejection_id, r.code, r.detail, r.enterprise, r.topic, r.pointer, r.payload_bytes, r.seen_count,
       r.first_at, r.last_at, r.replayed_at
FROM core.rejection r
WHERE r.enterprise IN (SELECT c.enterprise FROM core.caller_enterprise c)
   OR (SELECT d.is_district FROM core.caller_is_district d);

-- Counts over all enterprises: the district's to see.
CREATE VIEW report.ingest_minute WITH (security_barrier) AS
SELECT i.minute, i.slot, i.messages, i.accepted, i.duplicates, i.rejected, i.held, i.batches
FROM core.ingest_minute i
WHERE (SELECT d.is_district FROM core.caller_is_district d);

CREATE VIEW report.ingest_hour WITH (security_barrier) AS
SELECT i.hour, i.slot, i.messages, i.accepted, i.duplicates, i.rejected, i.held, i.batches
FROM core.ingest_hour i
WHERE (SELECT d.is_district FROM core.caller_is_district d);

-- The newest stored value of each power register, with the multiplier in force then; older ones age, they do not vanish.
CREATE VIEW report.power_latest WITH (security_barrier) AS
SELECT c.enterprise, c.enterprise_zh, c.enterprise_en, s.code AS site, s.name_zh AS site_zh, s.name_en AS site_en,
       m.code AS meter, m.name_zh AS meter_zh, m.name_en AS meter_en, t.level, r.code AS register, r.direction,
       b.newest_at AS read_at, trim_scale(b.newest_value * 0.001 * coalesce(a.value, r.multiplier)) AS power_kw
FROM core.register r
JOIN core.register_state b ON b.register_id = r.register_id AND b.newest_at IS NOT NULL
JOIN core.meter m ON m.meter_id = r.meter_id
JOIN core.meter_membership t ON t.meter_id = m.meter_id AND t.recorded_until = 'infinity'
JOIN core.site s ON s.site_id = t.site_id
    AND (b.newest_at AT TIME ZONE s.zone)::date >= t.valid_from
    AND (b.newest_at AT TIME ZONE s.zone)::date < t.valid_until
JOIN core.site_membership o ON o.site_id = s.site_id AND o.recorded_until = 'infinity'
    AND (b.newest_at AT TIME ZONE s.zone)::date >= o.valid_from
    AND (b.newest_at AT TIME ZONE s.zone)::date < o.valid_until
JOIN core.caller_enterprise c ON c.enterprise_id = o.enterprise_id
LEFT JOIN LATERAL (
    SELECT value FROM core.act
    WHERE act.register_id = r.register_id AND act.kind = 'multiplier' AND act.recorded_until = 'infinity'
      AND act.at <= b.newest_at
    ORDER BY act.at DESC, act.act_id DESC LIMIT 1
) AS a ON true
WHERE r.kind = 'measurement' AND r.quantity = 'power';

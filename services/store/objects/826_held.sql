-- What is held of each register and not settled yet: from the events, so that a stretch keeps its true start and count
-- however many runs the state remembers. Of a register that counts, what came after its baseline while something is held;
-- of amounts and momentary values, which no later reading settles, all that nobody has accepted or ignored.
CREATE VIEW core.held_stretch AS
SELECT b.register_id, r.kind, x.first_at, x.until_at, x.readings, coalesce(x.suspect, '') AS suspect
FROM core.register_state b
JOIN core.register r ON r.register_id = b.register_id
CROSS JOIN LATERAL (
    SELECT min(v.read_at) AS first_at, max(v.read_at) AS until_at, count(*) AS readings,
           (array_agg(v.suspect ORDER BY v.read_at DESC) FILTER (WHERE v.suspect <> ''))[1] AS suspect
    FROM core.event v
    WHERE v.register_id = b.register_id AND v.kind = 'held'
      AND (r.kind IN ('interval', 'measurement') OR b.baseline_at IS NULL OR v.read_at > b.baseline_at)
) AS x
WHERE (b.runs IS NOT NULL OR r.kind IN ('interval', 'measurement')) AND x.readings > 0;

-- Registers that count and have shown the same level for longer than their policy believes, up to their newest reading.
CREATE VIEW core.standing_still AS
SELECT b.register_id, coalesce(b.flat_at, b.baseline_at) AS flat_at, b.baseline_at, p.flat_s
FROM core.register_state b
JOIN LATERAL (
    SELECT q.flat_s FROM core.register_policy q
    WHERE q.register_id = b.register_id AND q.recorded_until = 'infinity' AND q.valid_from <= b.baseline_at
    ORDER BY q.valid_from DESC LIMIT 1
) AS p ON true
WHERE b.baseline_at > b.flat_at + make_interval(secs => p.flat_s);

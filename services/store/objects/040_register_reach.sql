-- Until when a reading says what was used: the end of its interval, also where it is stamped with the start.
CREATE OR REPLACE FUNCTION core.reaches(read_at timestamptz, stamp text, interval_s int) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE stamp WHEN 'start' THEN read_at + make_interval(secs => interval_s) ELSE read_at END;

-- Of every register, until when its newest reading reaches; null where there is none.
CREATE VIEW core.register_reach AS
SELECT b.register_id, core.reaches(b.newest_at, p.stamp, p.interval_s) AS reaches_at
FROM core.register_state b
LEFT JOIN LATERAL (
    SELECT q.stamp, q.interval_s FROM core.register_policy q
    WHERE q.register_id = b.register_id AND q.recorded_until = 'infinity' AND q.valid_from <= b.newest_at
    ORDER BY q.valid_from DESC LIMIT 1
) AS p ON true;

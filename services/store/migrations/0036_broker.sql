-- What the broker tells of itself, by the minute in which ingest heard of it; none of it is known of any message.
CREATE TABLE core.broker_minute (
    minute timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('denied', 'dropped', 'session_lost', 'takeover', 'replaced', 'refused_login')),
    subject text NOT NULL DEFAULT '',   -- users of the broker, where it names any
    seen bigint NOT NULL CHECK (seen > 0),
    PRIMARY KEY (minute, kind, subject)
);
-- The broker's own counters as last seen: what they grew by while ingest was away is counted when it is back.
CREATE TABLE core.broker_counter (
    name text PRIMARY KEY,
    value bigint NOT NULL CHECK (value >= 0)
);

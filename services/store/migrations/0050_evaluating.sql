-- What the evaluator still has to read of a series: everything later than since_at. Years of history are read in slices.
CREATE TABLE core.window_backlog (
    rule text NOT NULL,
    subject text NOT NULL,
    since_at timestamptz NOT NULL,
    PRIMARY KEY (rule, subject)
);

-- Transactions before it were over when the rule was last looked at: what they wrote has been seen.
ALTER TABLE core.evaluation ADD COLUMN seen_xid bigint;

-- When a reported quarter-hour was written last; what is there already was looked at.
ALTER TABLE core.reported_15m ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE core.reported_15m ALTER COLUMN recorded_at SET DEFAULT now();
CREATE INDEX reported_15m_recorded ON core.reported_15m USING brin (recorded_at) WITH (pages_per_range = 32);

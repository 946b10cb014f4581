-- Alerts with a life, the dated versions of the rules that raise them, planned maintenance, and what is to be sent.

-- The settings of a rule since a moment; only recorded_until is ever updated, once.
CREATE TABLE core.rule_version (
    rule text NOT NULL,
    version int NOT NULL CHECK (version > 0),
    settings jsonb NOT NULL,
    author text NOT NULL,                                   -- 'shipped', or who set it
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_until timestamptz NOT NULL DEFAULT 'infinity',
    PRIMARY KEY (rule, version)
);
CREATE UNIQUE INDEX rule_version_current ON core.rule_version (rule) WHERE recorded_until = 'infinity';

-- occurred_at, fired_at, ended_at are in the time of the data; raised_at, resolved_at, acknowledged_at when it was done.
CREATE TABLE core.alert (
    alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule text NOT NULL,
    subject text NOT NULL,                                  -- what it is about, in codes; unique within the rule
    enterprise_id int REFERENCES core.enterprise,           -- null: the district's own
    site_id int REFERENCES core.site,
    severity text NOT NULL CHECK (severity IN ('notice', 'warning', 'critical')),
    state text NOT NULL CHECK (state IN ('pending', 'firing', 'acknowledged', 'resolved')),
    occurred_at timestamptz NOT NULL,
    fired_at timestamptz,
    ended_at timestamptz,
    raised_at timestamptz,
    resolved_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    historical boolean NOT NULL DEFAULT false,              -- found more than a day late: listed and digested, not paged
    outcome text CHECK (outcome IN ('cleared', 'withdrawn')),
    raised_count int NOT NULL DEFAULT 0,
    value numeric,
    limit_value numeric,
    unit text NOT NULL DEFAULT '',
    evidence jsonb NOT NULL DEFAULT '{}',
    latest jsonb NOT NULL DEFAULT '{}',                     -- what the last look saw; no revision
    members jsonb NOT NULL DEFAULT '{}',                    -- what is inside: when each became news, in µs
    rule_version int NOT NULL DEFAULT 0,
    summary_zh text NOT NULL DEFAULT '',
    summary_en text NOT NULL DEFAULT '',
    CHECK ((state = 'resolved') = (outcome IS NOT NULL)),
    CHECK ((state = 'pending') = (raised_at IS NULL)),
    CHECK (state <> 'acknowledged' OR acknowledged_at IS NOT NULL)
);
CREATE UNIQUE INDEX alert_open ON core.alert (rule, subject) WHERE state <> 'resolved';
CREATE UNIQUE INDEX alert_occurrence ON core.alert (rule, subject, occurred_at)
    WHERE outcome IS DISTINCT FROM 'withdrawn';
CREATE INDEX alert_raised ON core.alert (raised_at);
CREATE INDEX alert_resolved ON core.alert (resolved_at);

CREATE TABLE core.alert_step (
    step_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL REFERENCES core.alert ON DELETE CASCADE,
    step text NOT NULL,             -- firing, widened, revised, acknowledged, resolved, reopened, withdrawn
    at timestamptz NOT NULL,
    author text,                    -- null: the evaluator
    comment text,
    detail jsonb NOT NULL DEFAULT '{}'                      -- what changed: old and new
);
CREATE INDEX alert_step_alert ON core.alert_step (alert_id);

-- When each rule was last looked at; changes recorded since then are what the next look is about.
CREATE TABLE core.evaluation (
    rule text PRIMARY KEY,
    evaluated_at timestamptz NOT NULL,
    seconds real NOT NULL,
    observed int NOT NULL,
    problem text                    -- why the last look failed; null where it did not
);

-- Planned work at a site: alerts are kept, but nothing is sent until it ends by itself.
CREATE TABLE core.maintenance (
    maintenance_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site_id int NOT NULL REFERENCES core.site,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > starts_at AND ends_at < 'infinity'),
    reason text NOT NULL,
    author text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    cancelled_at timestamptz,
    cancelled_by text
);
CREATE INDEX maintenance_site ON core.maintenance (site_id, ends_at);

-- The outbox. A target is a name; its address is a secret in a file and never here. Nothing undelivered is deleted.
CREATE TABLE core.notification (
    notification_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target text NOT NULL,
    alert_id bigint REFERENCES core.alert ON DELETE CASCADE,    -- null: a digest
    kind text NOT NULL CHECK (kind IN ('firing', 'repeat', 'resolved', 'digest')),
    once text NOT NULL,             -- what makes it the same notification
    content jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    not_before timestamptz NOT NULL DEFAULT now(),
    claimed_until timestamptz NOT NULL DEFAULT '-infinity',
    attempts int NOT NULL DEFAULT 0,
    problem text,
    delivered_at timestamptz,
    UNIQUE (target, once)
);
CREATE INDEX notification_due ON core.notification (target, not_before) WHERE delivered_at IS NULL;
CREATE INDEX notification_alert ON core.notification (alert_id);
CREATE INDEX notification_delivered ON core.notification (target, delivered_at) WHERE delivered_at IS NOT NULL;

-- Rows come in order of recorded_at, so a block range index finds what is new and costs booking next to nothing.
CREATE INDEX energy_15m_recorded ON core.energy_15m USING brin (recorded_at) WITH (pages_per_range = 32);
CREATE INDEX energy_revision_until ON core.energy_revision (recorded_until);
CREATE INDEX rejection_conflict ON core.rejection (last_at) WHERE code = 'conflict' AND replayed_at IS NULL;

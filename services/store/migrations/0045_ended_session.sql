-- Sessions of tenants that the watchdog of `tanfeng maintain` ended: one row a minute, role and reason, however many.
CREATE TABLE core.ended_session (
    minute timestamptz NOT NULL,
    role_name name NOT NULL,                                -- as it was named then
    reason text NOT NULL CHECK (reason IN ('blocks', 'old')),
    sessions int NOT NULL,
    longest_s int NOT NULL,                                 -- the age of the oldest transaction among them
    PRIMARY KEY (minute, role_name, reason)
);

-- When a program did not believe a clock: its own and the database's were apart, one was set, or readings contradict it.
CREATE TABLE core.clock_doubt (
    doubt_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    program text NOT NULL,                          -- evaluate, or ingest and its slot
    kind text NOT NULL CHECK (kind IN ('differs', 'jumped', 'readings')),
    ahead_s numeric NOT NULL,                       -- the program's before the database's, or how far it was set
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
);
CREATE UNIQUE INDEX clock_doubt_open ON core.clock_doubt (program) WHERE ended_at IS NULL;

-- Whether a lease holds: not beyond its time, and not longer than its holder's session lives. A login that may not see
-- when a session of others began takes it for the holder's. PostgreSQL gives a number again to another session.
CREATE OR REPLACE FUNCTION core.lease_holds(pid int, connected_at timestamptz, held_until timestamptz) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT $3 > clock_timestamp()
       AND EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.pid = $1 AND coalesce(a.backend_start, $2) = $2)
$$;
REVOKE ALL ON FUNCTION core.lease_holds(int, timestamptz, timestamptz) FROM PUBLIC;

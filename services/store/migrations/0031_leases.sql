-- Who alone may do a thing now, in rows that only the product can touch: the key space of advisory locks is open to every
-- login. A lease is its holder's while the holder's session lives and renews it (core.lease_holds); what relies on it
-- locks the row by name and holder in its own transaction, so nobody who has lost a lease commits as its holder.
CREATE TABLE core.lease (
    name text PRIMARY KEY,                      -- ingest 0, maintain
    holder text NOT NULL,                       -- known to the holder alone
    pid int NOT NULL,                           -- its session at this server, with connected_at
    connected_at timestamptz NOT NULL,
    held_until timestamptz NOT NULL
);
-- Turns of a transaction: its row is locked until the end.
CREATE TABLE core.turn (name text PRIMARY KEY);

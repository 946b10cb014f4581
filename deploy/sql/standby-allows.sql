-- On the primary, as superuser, once: the login by which a standby follows it.
-- psql -v password=… <deploy/sql/standby-allows.sql; then a line `host replication replicator …` in pg_hba.conf
CREATE ROLE replicator REPLICATION LOGIN PASSWORD :'password' CONNECTION LIMIT 3;

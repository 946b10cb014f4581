-- On the city's server, in an empty database migrated by the same version, as superuser, once for each district.
-- psql -v name=shili -v district="host=… user=… password=… dbname=tanfeng" -f deploy/sql/city-subscribes.sql
CREATE SUBSCRIPTION :"name" CONNECTION :'district' PUBLICATION tanfeng_city;

-- On a district's database, as owner, once: what the city may follow. Needs wal_level = logical.
-- Days, months and who is who; never raw readings, nor the ledger, whose chunks logical replication does not follow.
ALTER TABLE core.site_membership REPLICA IDENTITY FULL;
ALTER TABLE core.meter_membership REPLICA IDENTITY FULL;
ALTER TABLE core.register_policy REPLICA IDENTITY FULL;
ALTER TABLE core.factor_policy REPLICA IDENTITY FULL;
CREATE PUBLICATION tanfeng_city FOR TABLE
    core.district, core.factor_policy, core.enterprise, core.site, core.site_membership, core.meter,
    core.meter_membership, core.register, core.register_policy, core.energy_day, core.energy_month, core.energy_scope_day, core.reading_day;

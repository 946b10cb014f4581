"""What keeps a database well: columnstore, retention, the watch over tenants' sessions, and what doctor asks."""

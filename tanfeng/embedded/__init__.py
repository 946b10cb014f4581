"""The database and broker that run as children where none is given."""

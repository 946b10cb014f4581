"""Everything that knows asyncpg."""

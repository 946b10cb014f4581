"""Reading files that people write: entries with their lines, fields, scalars, and every fault named. Pure."""

-- What the schema was made of when migration last ended (services/store/whole.py): a restore that died between tables and
-- constraints, or that brought no rights along, shows by what is missing.
CREATE TABLE core.schema_object (
    kind text NOT NULL,                 -- table, view, function, constraint, index, trigger, grant, closed
    name text NOT NULL,
    PRIMARY KEY (kind, name)
);

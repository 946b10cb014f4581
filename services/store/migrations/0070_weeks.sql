-- The week of a day, from its Monday: hours of PUE are summed a week at a time, and a plan keeps the week for its other
-- days. A filter on days says nothing about their weeks to the planner, so it is told that there is one.
ALTER TABLE core.calendar ADD COLUMN week date NOT NULL GENERATED ALWAYS AS (day - (day - date '1999-12-27') % 7) STORED;
ALTER TABLE core.calendar ALTER COLUMN week SET (n_distinct = 1);
ANALYZE core.calendar;

-- When an outcome was written last, so that what was held and settled between two looks of the evaluator is seen.
ALTER TABLE core.doubt ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT '-infinity';
ALTER TABLE core.doubt ALTER COLUMN recorded_at SET DEFAULT now();
CREATE INDEX doubt_recorded ON core.doubt USING brin (recorded_at) WITH (pages_per_range = 32);

-- What the fold knows of standstills and of amounts stamped with their start, what it suspects, and held amounts that
-- are accepted by declaration.
ALTER TABLE core.register_policy
    ADD COLUMN flat_s int CHECK (flat_s > 0),               -- the longest believable standstill; null: no limit
    ADD COLUMN stamp text NOT NULL DEFAULT 'end' CHECK (stamp IN ('start', 'end'));
ALTER TABLE core.act
    DROP CONSTRAINT act_kind_check,
    ADD CONSTRAINT act_kind_check
        CHECK (kind IN ('replacement', 'reset', 'multiplier', 'ignore', 'correction', 'accept'));
ALTER TABLE core.doubt
    DROP CONSTRAINT doubt_outcome_check,
    ADD CONSTRAINT doubt_outcome_check CHECK (outcome IN
        ('held', 'out_of_range', 'noise', 'confirmed', 'overruled', 'restart', 'closing', 'ignored', 'repeated',
         'released'));
ALTER TABLE core.event
    ADD COLUMN suspect text NOT NULL DEFAULT '',            -- the likely cause: scale 0.1, ratio 40, zone -8:00, stuck
    ADD COLUMN flat_at timestamptz,                         -- the standstill that was judged, by what was shown before
    ADD COLUMN judged_at timestamptz;                       -- the reading at which that was done
CREATE INDEX event_judged ON core.event (register_id, flat_at) WHERE judged_at IS NOT NULL;
ALTER TABLE core.register_state ADD COLUMN flat_at timestamptz;     -- since when the baseline's level is shown

-- Long standstills that ended, so that where one began is found without reading it.
CREATE TABLE core.standstill (
    register_id int NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    PRIMARY KEY (register_id, started_at)
);

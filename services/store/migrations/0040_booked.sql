-- How often something was booked: what evaluators poll. No NOTIFY: any login may fill its queue, and then a transaction
-- that notifies cannot commit. A writer counts in the place of its session's number, so that two seldom wait there.
CREATE TABLE core.booked (
    place smallint PRIMARY KEY,
    times bigint NOT NULL
) WITH (fillfactor = 50);

-- Whether the bytes of rows that the store refused still fit their budget is asked at each of them.
CREATE INDEX rejection_store_error ON core.rejection (rejection_id) WHERE code = 'store_error';

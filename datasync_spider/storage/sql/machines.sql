-- name: read_machines
-- One page of machines, those first that someone should look at, and before it a row of all of them.
WITH found AS MATERIALIZED (
    SELECT *, array_position(%(states)s::text[], state) AS place_of_state FROM ingestion_machines
)
SELECT true AS is_whole, NULL AS host, NULL AS worker, NULL AS machine, NULL AS state, count(*) AS lines,
       count(DISTINCT host) AS hosts, coalesce(sum(held), 0)::bigint AS held, coalesce(sum(syncs), 0)::bigint AS syncs,
       coalesce(sum(new_records), 0)::bigint AS new_records, coalesce(sum(lost), 0)::bigint AS lost,
       max(heard_at) AS heard_at, now() AS read_at, 0 AS place
FROM found
UNION ALL
SELECT *
FROM (
    SELECT false, host, worker, machine, state, NULL::bigint, NULL::bigint, held, syncs, new_records, lost, heard_at, read_at,
           row_number() OVER (ORDER BY place_of_state, host, worker) AS place
    FROM found
) AS placed
WHERE place > %(after)s AND place <= %(after)s + %(limit)s
ORDER BY place;

-- name: read_fleets
-- Drivers that are at work, the one that was seen last first.
SELECT driver, host, places, dashboard_url, seen_at FROM ingestion_fleets
WHERE seen_at > now() - %(seconds)s * INTERVAL '1 second'
ORDER BY seen_at DESC, driver
LIMIT %(limit)s;

-- name: note_fleet
INSERT INTO ingestion_fleets (driver, host, places, dashboard_url)
VALUES (%(driver)s, %(host)s, %(places)s, %(dashboard_url)s)
ON CONFLICT (driver) DO UPDATE
SET places = excluded.places, dashboard_url = excluded.dashboard_url, seen_at = now();

-- name: forget_fleets
-- The driver itself, and whoever has not been seen for a day.
DELETE FROM ingestion_fleets WHERE driver = %(driver)s OR seen_at < now() - INTERVAL '1 day';

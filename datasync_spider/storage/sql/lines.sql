-- name: read_lines
-- One page of lines, each of a source, a stream or a slice, and before it a row of all that is meant, whatever its state; NULL
-- filters nothing. No level: the finest one of which all lines fit on a page.
WITH matched AS MATERIALIZED (
    SELECT * FROM ingestion_slice_states
    WHERE (%(source)s::text IS NULL OR source = %(source)s)
      AND (%(stream)s::text IS NULL OR stream = %(stream)s)
      AND (%(text)s::text IS NULL OR strpos(lower(concat_ws(' ', source, stream, slice, machine)), lower(%(text)s)) > 0)
      AND (%(streams)s::text[] IS NULL
           OR (stream, slice) IN (SELECT * FROM unnest(%(streams)s::text[], %(slices)s::text[]) AS one (stream, slice)))
),
whole AS (
    SELECT CASE WHEN %(level)s::text IS NOT NULL THEN %(level)s
                WHEN count(*) <= %(limit)s OR count(DISTINCT stream) = 1 THEN 'slices'
                WHEN count(DISTINCT stream) <= %(limit)s OR count(DISTINCT source) = 1 THEN 'streams'
                ELSE 'sources' END AS level,
           count(DISTINCT source) AS sources, count(DISTINCT stream) AS streams
    FROM matched
),
named AS (
    SELECT matched.*, whole.*, array_position(%(states)s::text[], state) AS place_of_state,
           CASE WHEN level <> 'sources' THEN stream END AS stream_of_line,
           CASE WHEN level = 'slices' THEN slice END AS slice_of_line
    FROM whole LEFT JOIN matched ON true
),
lines AS (
    SELECT grouping(source) = 1 AS is_whole, level, sources, streams, source, stream_of_line AS stream, slice_of_line AS slice,
           -- What needs someone, or runs, is said of all; one that is paused or new makes no source so.
           coalesce(min(place_of_state) FILTER (WHERE state IN ('failing', 'late', 'running')), max(place_of_state))
               AS place_of_state,
           count(source) AS slices,
           {states},
           CASE WHEN count(*) = 1 THEN min(reason) END AS reason, {columns}
    FROM named
    GROUP BY GROUPING SETS ((level, sources, streams, source, stream_of_line, slice_of_line), (level, sources, streams))
)
SELECT placed.*, (%(states)s::text[])[place_of_state] AS state, now() AS read_at
FROM (
    SELECT lines.*, count(*) OVER () - 1 AS lines,
           row_number() OVER (
               ORDER BY is_whole DESC,
                        CASE WHEN %(sort)s = 'state' THEN place_of_state END,
                        CASE WHEN %(sort)s = 'state' THEN failing END DESC,
                        CASE WHEN %(sort)s = 'state' THEN late_seconds END DESC NULLS LAST,
                        CASE WHEN %(sort)s = 'lag' THEN lag_seconds END DESC NULLS LAST,
                        CASE WHEN %(sort)s = 'machine' THEN machine END NULLS LAST,
                        source, stream, slice
           ) - 1 AS place
    FROM lines
    WHERE is_whole OR source IS NOT NULL AND (%(state)s::text IS NULL OR {is_of_state})
) AS placed
WHERE is_whole OR place > %(after)s AND place <= %(after)s + %(limit)s
ORDER BY place;

-- name: read_measures
-- What is said of the slices of each stream together, or of each slice by itself.
SELECT state.source, state.stream, CASE WHEN %(per_slice)s THEN state.slice END AS slice, {states}, {columns}
FROM ingestion_slice_states AS state
LEFT JOIN ingestion_stream_facts AS facts ON facts.id = state.slice_id
LEFT JOIN ingestion_run_facts AS run ON run.run_id = state.newest_run_id
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3;

-- name: read_slices
-- All that is known of each, as far as it is registered.
SELECT facts.*, state.*
FROM ingestion_slice_states AS state
LEFT JOIN ingestion_stream_facts AS facts ON facts.id = state.slice_id
WHERE (state.stream, state.slice) IN (SELECT * FROM unnest(%(streams)s::text[], %(slices)s::text[]) AS one (stream, slice))
ORDER BY state.source, state.stream, state.slice;

-- name: read_names_of_lines
-- All sources, streams and slices of which there is a line.
SELECT source, stream, slice FROM ingestion_slice_states ORDER BY source, stream, slice;

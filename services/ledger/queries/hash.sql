-- Used by services/ledger/hash.py: rows as text in key order, a piece of bounded size at a time.

-- name: hash_pieces
-- Rows and the hash of each piece of one table; the caller fills in the table, its key and what one piece is.
SELECT {piece} AS piece, count(*) AS rows, sha256(convert_to(string_agg(t::text, E'\n' ORDER BY {key}), 'UTF8')) AS digest
FROM {relation} AS t
GROUP BY 1 ORDER BY 1;

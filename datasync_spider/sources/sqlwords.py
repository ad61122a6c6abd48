"""Words that PostgreSQL takes for something else where they stand unquoted in place of a column.

A query that selects ``user``, unquoted, would get the name of a role. They are those of any version from 14 to 18 that
may be no column's name, and the columns that each table has by itself. Invariant: data and nothing else.
"""

from __future__ import annotations

from typing import Final

RESERVED: Final = frozenset(
    (
        *("all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization"),
        *("binary", "both", "case", "cast", "check", "collate", "collation", "column", "concurrently"),
        *("constraint", "create", "cross", "current_catalog", "current_date", "current_role", "current_schema"),
        *("current_time", "current_timestamp", "current_user", "default", "deferrable", "desc", "distinct", "do"),
        *("else", "end", "except", "false", "fetch", "for", "foreign", "freeze", "from", "full", "grant", "group"),
        *("having", "ilike", "in", "initially", "inner", "intersect", "into", "is", "isnull", "join", "lateral"),
        *("leading", "left", "like", "limit", "localtime", "localtimestamp", "natural", "not", "notnull", "null"),
        *("offset", "on", "only", "or", "order", "outer", "overlaps", "placing", "primary", "references"),
        *("returning", "right", "select", "session_user", "similar", "some", "symmetric", "system_user", "table"),
        *("tablesample", "then", "to", "trailing", "true", "union", "unique", "user", "using", "variadic"),
        *("verbose", "when", "where", "window", "with", "ctid", "oid", "tableoid", "xmin", "xmax", "cmin", "cmax"),
    )
)

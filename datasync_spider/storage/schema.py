"""In which schema the tables are, decided from what the search path says and what the database holds. Pure.

A search path is set in many places and may be another one tomorrow; the tables stay where they are. So where they are
decides, and the path only where there are none yet. Invariant: no second set of tables is begun beside the first one
unless DATABASE_URL itself says where.
"""

from __future__ import annotations

from collections.abc import Sequence

from datasync_spider.errors import StorageRefused

# PostgreSQL's own default, for a path that names no schema that exists.
_FALLBACK = "public"


def home_schema(path: Sequence[str], ours: Sequence[tuple[str, bool]], *, is_explicit: bool) -> str:
    """The schema of the tables, or the one to make them in: the path's first, as PostgreSQL has it.

    ``ours``: schemas that hold tables of ours, and whether they are migrated; before that, they may be someone's own,
    of the same names. ``is_explicit``: DATABASE_URL itself gives the path. Raises StorageRefused where the tables are
    in a schema that the path does not have.
    """
    migrated = [schema for schema, is_migrated in ours if is_migrated]
    held = [schema for schema, _ in ours]
    for candidates in (migrated, held):
        found = next((schema for schema in path if schema in candidates), None)
        if found is not None:
            return found
    if not migrated or is_explicit:
        return path[0] if path else _FALLBACK
    if not path and len(migrated) == 1:
        return migrated[0]
    raise StorageRefused(
        f"the tables are in the schema {' and in '.join(migrated)}, and search_path has {', '.join(path) or 'none'}:"
        " set it back for this role and database, and in PGOPTIONS; for tables of their own in another schema, say so"
        " in DATABASE_URL (options=-csearch_path%3Dname)"
    )

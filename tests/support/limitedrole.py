"""A role of the server with few connections: how a server, or a pooler, may be short of them."""

from __future__ import annotations

import uuid

from tests.support.database import execute_outside, rows


class LimitedRole:
    """A role of the server that may connect only so often, and may do here what the owner may."""

    def __init__(self, owner_url: str) -> None:
        self.name = f"limited_{uuid.uuid4().hex[:12]}"
        self.url = owner_url.replace("postgres@", f"{self.name}@", 1)
        self._owner_url = owner_url
        self._run(f"CREATE ROLE {self.name} LOGIN")
        self._run(f"GRANT CREATE ON SCHEMA public TO {self.name}")
        self._run(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {self.name}")
        self._run(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {self.name}")

    def limit(self, connections: int) -> None:
        """For those who connect from now on."""
        self._run(f"ALTER ROLE {self.name} CONNECTION LIMIT {connections}")

    def drop(self) -> None:
        self._run(f"DROP OWNED BY {self.name}")
        self._run(f"DROP ROLE {self.name}")

    def doing(self) -> list[tuple[int, str, str | None]]:
        """Process number, state, and what kind of thing is waited for, of each connection."""
        found = rows(
            self._owner_url,
            "SELECT pid, state, wait_event_type FROM pg_stat_activity WHERE usename = %s ORDER BY backend_start",
            (self.name,),
        )
        return [(pid, state, waits_for) for pid, state, waits_for in found]

    def end(self, pid: int) -> None:
        self._run(f"SELECT pg_terminate_backend({pid}, 10000)")

    def _run(self, sql: str) -> None:
        execute_outside(self._owner_url, sql)

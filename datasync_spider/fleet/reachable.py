"""``python -m datasync_spider.fleet.reachable tls://HOST:PORT DIR ROLE``: whether the scheduler lets the role in.

For health checks, which come every few seconds: it needs neither Dask nor Scrapy, and a twentieth of a second. ``DIR``
is where the role's certificates are.

Invariant: the scheduler hears nothing from it beyond its certificate.
"""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

_ANSWERS_WITHIN_SECONDS = 4.0


def refusal(address: str, directory: Path, role: str) -> str | None:
    """Why it is not let in; None where it is."""
    place = urlsplit(address)
    try:
        context = ssl.create_default_context(cafile=directory / "authority.pem")
        # The authority vouches for a fleet's processes, wherever they are.
        context.check_hostname = False
        context.load_cert_chain(directory / f"{role}.pem", directory / f"{role}-key.pem")
        at = str(place.hostname), place.port or 0
        with socket.create_connection(at, _ANSWERS_WITHIN_SECONDS) as plain, context.wrap_socket(plain) as safe:
            # Under TLS 1.3 who is refused hears it when it reads; who is not is greeted.
            return None if safe.recv(1) else "it hangs up"
    except (OSError, ValueError) as error:
        return str(error) or type(error).__name__


def main(arguments: Sequence[str]) -> int | str:
    """What ``sys.exit`` is given."""
    if len(arguments) != 3:
        return "usage: python -m datasync_spider.fleet.reachable tls://HOST:PORT DIR ROLE"
    address, directory, role = arguments
    why = refusal(address, Path(directory), role)
    return 0 if why is None else f"{address} does not let the {role} in: {why}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

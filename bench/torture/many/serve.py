"""``python -m bench.torture.many.serve SEED TENANTS ADDRESS``: the three APIs as a process of its own.

TENANTS is JSON, names by source. It prints its URL, and ends with SIGTERM or with the process that has started it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

from bench.torture.many.api import ManyApis
from mock_api.httpserver import ApiServer
from mock_api.parent import watch_parent

# Read before the event loop takes its time.
_PARENT = os.getppid()


async def _serve(seed: int, tenants: dict[str, list[str]], address: str) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    watching = asyncio.create_task(watch_parent(_PARENT, stopping.set))
    server = ApiServer(ManyApis(tenants, seed), loop)
    listening = await loop.create_server(server.connection, address, 0)
    print(f"http://{address}:{listening.sockets[0].getsockname()[1]}", flush=True)
    await stopping.wait()
    listening.close()
    server.close()
    watching.cancel()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]))

"""``scrapy dashboard``: a read-only web page over the database, for every stream and run that it knows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from datasync_spider.observe import exitcodes
from datasync_spider.ops.command import DatasyncCommand

if TYPE_CHECKING:
    import argparse

    from datasync_spider.config import Config


class Command(DatasyncCommand):
    """Runs until SIGTERM, SIGINT or SIGHUP, which is how a server ends: exit code 0."""

    def short_desc(self) -> str:
        return "Show streams, runs and rejected events on a web page"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--port", type=int, default=8080, help="port to listen on, 0 for any free one (default: 8080)"
        )
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to bind (default: 127.0.0.1, for this machine alone)"
        )
        parser.add_argument(
            "--allow-host",
            action="append",
            default=[],
            metavar="NAME",
            help="another name by which browsers may ask for the page (may be repeated)",
        )

    def execute(self, database_url: str, config: Config, opts: argparse.Namespace) -> int:
        from datasync_spider import __version__
        from datasync_spider.faces.dashboard import guard
        from datasync_spider.faces.dashboard.server import Address, CannotListen, serve

        host = opts.host.removeprefix("[").removesuffix("]")
        try:
            if not 0 <= opts.port <= 65_535:
                raise ValueError("--port must be 0 to 65535")
            address = Address(host, opts.port, guard.allowed_names(host, opts.allow_host))
        except ValueError as error:
            print(f"dashboard: {error}", file=sys.stderr)
            return exitcodes.BAD_CONFIGURATION
        if not guard.is_loopback(host):
            print(
                f"warning: whoever can reach {host} on port {opts.port} can read this page, rejected events included;"
                " it asks for no password",
                file=sys.stderr,
            )

        def ready(port: int) -> None:
            shown = f"[{host}]" if ":" in host else host
            print(f"dashboard: http://{shown}:{port}/ shows {config.database_label}; Ctrl-C ends it", flush=True)

        try:
            serve(
                database_url,
                config.database_label,
                __version__,
                address,
                ready,
                per_slice=config.metrics_per_slice,
            )
        except CannotListen as error:
            print(f"dashboard: {error}", file=sys.stderr)
            return exitcodes.FAILED
        return exitcodes.COMPLETE

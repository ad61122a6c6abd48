"""Command lines that stand in files, read as Scrapy would read them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module

from scrapy.commands import ScrapyCommand
from scrapy.settings import Settings


def accepted(arguments: Sequence[str]) -> argparse.Namespace:
    """The options of ``scrapy NAME …``, behind the command's own checks. Raises where it would refuse to begin."""
    command: ScrapyCommand = import_module(f"datasync_spider.commands.{arguments[0]}").Command()
    command.settings = Settings()
    parser = argparse.ArgumentParser(conflict_handler="resolve", exit_on_error=False)
    command.add_options(parser)
    options, rest = parser.parse_known_args(list(arguments[1:]))
    command.process_options(rest, options)
    return options

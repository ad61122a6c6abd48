"""docker-compose.yml as text: that it hands over every setting, and opens nothing to the network.

That the containers work is tried where there is a Docker engine, with run-ingestion.sh --docker.
"""

from __future__ import annotations

import re
from pathlib import Path

from datasync_spider.config.misspelt import known_names

TEXT = Path(__file__).resolve().parents[2].joinpath("docker-compose.yml").read_text(encoding="utf-8")
# There is neither an embedded database nor a place to write to in a container.
NOT_FOR_CONTAINERS = {"DATASYNC_HOME", "LOG_COPY_FILE"}


def test_every_setting_reaches_the_crawl() -> None:
    handed_over = re.findall(r"^ +([A-Z][A-Z_]+):", TEXT, flags=re.MULTILINE)

    assert set(known_names()) - set(handed_over) == NOT_FOR_CONTAINERS


def test_a_port_is_published_on_loopback_only() -> None:
    published = re.findall(r'^ +- "([^"]*:[0-9]+)"$', TEXT, flags=re.MULTILINE)

    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_no_password_is_built_in() -> None:
    assert set(re.findall(r"PASSWORD: *(.*)", TEXT)) == {'"${POSTGRES_PASSWORD:-}"'}

"""What the API counts requests by, as it is configured."""

from __future__ import annotations

from pathlib import Path

from scrapy.settings import Settings

from datasync_spider.config import Config
from datasync_spider.config.model import BUNDLED_MOCK_URL
from datasync_spider.sources.credential import NO_KEY

MOCK = "http://127.0.0.1:{port}/api/v1"


def load(settings: dict[str, str], **environ: str) -> Config:
    return Config.from_settings(Settings(settings, priority="cmdline"), environ, None, Path("/project"))


def test_the_bundled_mock_is_one_credential_at_whichever_port_before_it_is_started_and_after() -> None:
    started = [MOCK.format(port=port) for port in (1, 2)]
    credentials = [load({"API_BASE_URL": url, BUNDLED_MOCK_URL: url}).credential for url in started]
    assert [*credentials, load({}).credential] == [NO_KEY] * 3
    assert load({"API_BASE_URL": started[0], BUNDLED_MOCK_URL: started[1]}).credential != NO_KEY


def test_a_key_at_an_address_is_a_credential_of_its_own() -> None:
    one = load({}, API_BASE_URL="https://api.example/v1", DATASYNC_API_KEY="key-1").credential
    assert (one.api, one.key) == ("https://api.example:443", "key-1")
    assert "key-1" not in repr(one)

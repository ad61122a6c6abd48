"""A source whose API wants a token, in a file: the mock's protected records, by both grants."""

from __future__ import annotations

from datetime import UTC, datetime

from mock_api.records import offset_record
from tests.support.filesources import Stored
from tests.support.mock import MockApi

_FILE = """
[source]
name = "vault"
base_url = "{base_url}"
auth = {auth}

[streams.records]
url = "/protected/records"
query = {{ limit = "{{page_size}}", client = "{client}" }}
page_size = 20
records = "result.items"
id = "key.id"
time = "when.at"
total = "meta.count"
order = "newest-first"
next = {{ from = "counter:offset", to = "query:offset" }}
end = ["empty", "short"]
incremental = {{ type = "known" }}
{slices}
"""
_OF_A_CLIENT = 'token_url = "/oauth/token", client_id = "{client}", client_secret = "secret:VAULT_SECRET{more}"'
BY_CLIENT = f'{{{{ type = "oauth2-client-credentials", {_OF_A_CLIENT} }}}}'
BY_REFRESH = f'{{{{ type = "oauth2-refresh", {_OF_A_CLIENT}, refresh_token = "secret:VAULT_REFRESH{{more}}" }}}}'


def vault(base_url: str, auth: str, *clients: str) -> str:
    """The file of the stream ``vault.records``; with several clients it has a slice for each."""
    client, more = (clients[0], "") if len(clients) == 1 else ("{slice.client}", "_{slice.client}")
    listed = ", ".join(f'{{ client = "{name}" }}' for name in clients)
    slices = "" if len(clients) == 1 else f"slices = [{listed}]"
    return _FILE.format(base_url=base_url, auth=auth.format(client=client, more=more), client=client, slices=slices)


def secrets_of(*clients: str) -> dict[str, str]:
    """The secrets that the mock has given them."""
    found: dict[str, str] = {}
    for name in clients:
        more = "" if len(clients) == 1 else f"_{name}"
        found |= {f"VAULT_SECRET{more}": f"secret-of-{name}", f"VAULT_REFRESH{more}": f"refresh-of-{name}"}
    return found


def protected(total: int) -> Stored:
    """What the mock serves."""
    records = (offset_record(1, age) for age in range(total))
    return {record["key"]["id"]: (record, datetime.fromtimestamp(record["when"]["at"], UTC)) for record in records}


def tokens_given(mock: MockApi) -> int:
    """How often the mock has given one."""
    return int(mock.control("stats")["by_endpoint"].get("token", {}).get("200", 0))

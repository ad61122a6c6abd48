"""All imitations by their names, and the way from a path to one of them."""

import json
from typing import Any

from mock_api.apis.api import PublicApi
from mock_api.apis.crossref import Crossref
from mock_api.apis.github import GitHub
from mock_api.apis.gitlab import GitLab
from mock_api.apis.graph import Graph
from mock_api.apis.hubspot import HubSpot
from mock_api.apis.matrix import Matrix
from mock_api.apis.mediawiki import MediaWiki
from mock_api.apis.notion import Notion
from mock_api.apis.shopify import Shopify
from mock_api.apis.slack import Slack
from mock_api.apis.stripe import Stripe
from mock_api.apis.zendesk import Zendesk
from mock_api.calls import Call
from mock_api.replies import Reply, json_reply

PREFIX = "/apis/"
_KINDS: tuple[type[PublicApi], ...] = (
    Crossref,
    GitHub,
    GitLab,
    Graph,
    HubSpot,
    Matrix,
    MediaWiki,
    Notion,
    Shopify,
    Slack,
    Stripe,
    Zendesk,
)


class PublicApis:
    """Each is made when it is first asked for something."""

    def __init__(self, seed: int, total: int) -> None:
        self._seed = seed
        self._total = total
        self._made: dict[str, PublicApi] = {}

    def answer(self, call: Call) -> Reply:
        """Of the API that the path names."""
        name, slash, path = call.path.removeprefix(PREFIX).partition("/")
        try:
            api = self._api(name)
        except ValueError as error:
            return json_reply({"error": str(error)}, 404)
        return api.answer(call, slash + path)

    def control(self, call: Call, place: str) -> Any:
        """`place` is `NAME/ACTION`; what it takes is a JSON object in the body. Raises ValueError."""
        name, _, action = place.partition("/")
        given = json.loads(call.upload.content() or b"{}")
        try:
            return self._api(name).control(action, given)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{action} takes other values: {error}") from error

    def _api(self, name: str) -> PublicApi:
        if name not in self._made:
            kind = next((kind for kind in _KINDS if kind.name == name), None)
            if kind is None:
                raise ValueError(f"there is no imitation of {name!r}: there are {', '.join(k.name for k in _KINDS)}")
            self._made[name] = kind(self._seed, self._total)
        return self._made[name]

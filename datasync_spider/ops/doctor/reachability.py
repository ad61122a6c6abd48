"""Whether the API can be reached, without asking it for anything that it counts.

Invariant: one request for ``/health`` at the API's origin, and without the key: a key's life is counted from its
first use.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import msgspec

from datasync_spider.errors import ConnectionTrouble
from datasync_spider.ops.doctor.clock import check_clock
from datasync_spider.ops.doctor.finding import Finding, fine, problem, warning
from datasync_spider.records.pagefacts import sign_of_error
from datasync_spider.sources.urls import origin
from datasync_spider.transport.apiclient import Answer, ApiClient

PART = "api"
_REMEDIES = {
    "host_not_found": "check the host in API_BASE_URL, and the name server",
    "connection_refused": "check the port in API_BASE_URL, whether the API is up, and firewalls on the way",
    "tls_failed": "check API_BASE_URL and the clock; name a private authority's certificate in SSL_CERT_FILE",
    "proxy_refused": "check https_proxy and no_proxy in the environment",
    "timeout": "check whether a firewall swallows the connection, and API_TIMEOUT_MS",
}
_OTHER_REMEDY = "ask again; if it stays so, ask who runs the API"


def check_api(client: ApiClient) -> list[Finding]:
    """``client`` must carry no key."""
    host = origin(client.base_url)
    try:
        answer = client.get(f"{host}/health")
    except ConnectionTrouble as error:
        return [problem(PART, f"{host} cannot be reached: {error}", _REMEDIES.get(error.reason, _OTHER_REMEDY))]
    return [health_of(answer.status, answer.body, host, client.base_url), *_check_date(answer)]


def health_of(status: int, body: bytes, host: str, base_url: str) -> Finding:
    """What an answer to ``/health`` says of the API."""
    secured = ", with a certificate that is trusted" if base_url.startswith("https:") else ""
    if 200 <= status < 300:
        sign = _sign_of_error(body)
        if sign is not None:
            text = f"{host} answers to /health with status {status}, and says that it is not well: {sign}"
            return warning(PART, text, "wait until the API is well")
        return fine(PART, f"{host} answers and says that it is well{secured}")
    if status >= 500:
        return warning(PART, f"{host} answers to /health with status {status}", "wait until the API is well")
    if 300 <= status < 400:
        remedy = "name the address in API_BASE_URL that it redirects to: redirects are not followed"
        return warning(PART, f"{host} redirects /health (status {status})", remedy)
    return fine(PART, f"{host} answers{secured} (status {status} to /health); 'scrapy discover' asks the feed itself")


def _sign_of_error(body: bytes) -> str | None:
    try:
        reported = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return sign_of_error(reported, has_events=True) if isinstance(reported, dict) else None


def _check_date(answer: Answer) -> list[Finding]:
    try:
        reported = parsedate_to_datetime(answer.plain_headers().get("date", "")).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return [fine("clock", "the API reports no time to compare with")]
    # The header has whole seconds, cut off, and was written up to the whole exchange earlier.
    return [check_clock("the API", reported + 0.5, answer.received_at, 0.5 + answer.seconds)]

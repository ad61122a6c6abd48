"""The repository's URL: checked here, since a try that the API refuses for it is a try less."""

from __future__ import annotations

import re

from datasync_spider.datasync.submission.refusal import SubmissionRefused

_REPOSITORY = re.compile(
    r"https://github\.com/[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/(?!\.{1,2}(?:$|/))[A-Za-z0-9._-]{1,100}"
)


def check_repository(url: str) -> str:
    """The same URL without a slash at its end. Raises SubmissionRefused where it is no repository's address."""
    address = url.removesuffix("/")
    if not _REPOSITORY.fullmatch(address):
        raise SubmissionRefused("--repo must be a repository's address, such as https://github.com/owner/name")
    return address

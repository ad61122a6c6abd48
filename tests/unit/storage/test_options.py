"""The search path is taken out of the options that libpq hands to the server, however it is written."""

from __future__ import annotations

import pytest

from datasync_spider.storage.options import refused_parameter, split_path


@pytest.mark.parametrize(
    ("options", "kept", "path"),
    [
        ("", "", None),
        ("-c geqo=off", "-c geqo=off", None),
        ("-csearch_path=shop", "", "shop"),
        ("-c search_path=shop", "", "shop"),
        ("--search_path=shop", "", "shop"),
        ("--search-path=shop,public", "", "shop,public"),
        ("-c Search_Path=", "", ""),
        ("-c search_path=one -csearch_path=two", "", "two"),
        ("-c geqo=off -csearch_path=shop --work_mem=8MB", "-c geqo=off --work_mem=8MB", "shop"),
        (r'-csearch_path="Other\ one",\ public', "", '"Other one", public'),
        (r"-csearch_path=back\\slash -e", "-e", r"back\slash"),
        ("-c", "-c ", None),
        ("-c application_name=search_path=x", "-c application_name=search_path=x", None),
    ],
)
def test_the_search_path_is_taken_out_and_all_else_stays(options: str, kept: str, path: str | None) -> None:
    assert split_path(options) == (kept, path)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("connection failed: FATAL:  unsupported startup parameter: options", "options"),
        ("FATAL: unsupported startup parameter in options: work_mem", "work_mem"),
        ('FATAL: role "me" does not exist', None),
    ],
)
def test_a_poolers_refusal_names_the_parameter(message: str, name: str | None) -> None:
    assert refused_parameter(message) == name

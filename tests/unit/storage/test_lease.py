from datetime import UTC, datetime

import pytest

from datasync_spider.storage.lease import Free, Held, decide
from datasync_spider.storage.owner import BUNDLE, Owner, is_alive, parse_owner, this_process

OTHER = Owner("elsewhere", "another boot", 77, 1000.0)
ME = Owner("here", "this boot", 78, 1001.0)
SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_lease_that_no_one_holds_is_free() -> None:
    assert decide(None, None, expired=True, unheard=None, is_alive=lambda _: True) == Free()


def test_a_lease_of_a_dead_process_is_free_at_once() -> None:
    decision = decide(OTHER.to_text(), SINCE, expired=False, unheard=None, is_alive=lambda _: False)
    assert decision == Free("process 77 on elsewhere is dead")


def test_a_lease_of_an_unknown_machine_holds_until_it_expires() -> None:
    assert decide(OTHER.to_text(), SINCE, expired=False, unheard=None, is_alive=lambda _: None) == Held(
        str(OTHER), SINCE
    )
    assert isinstance(decide(OTHER.to_text(), SINCE, expired=True, unheard=None, is_alive=lambda _: None), Free)


def test_an_expired_lease_is_free_even_if_its_process_lives_because_the_fence_keeps_it_out() -> None:
    assert isinstance(decide(OTHER.to_text(), SINCE, expired=True, unheard=None, is_alive=lambda _: True), Free)


def test_a_lease_of_our_own_opening_whose_answer_was_lost_is_free_to_us() -> None:
    assert isinstance(decide(ME.to_text(), SINCE, expired=False, unheard=ME, is_alive=lambda _: True), Free)
    assert isinstance(decide(ME.to_text(), SINCE, expired=False, unheard=None, is_alive=lambda _: True), Held)
    assert isinstance(decide(OTHER.to_text(), SINCE, expired=False, unheard=ME, is_alive=lambda _: True), Held)


def test_an_owner_that_cannot_be_read_holds_until_it_expires() -> None:
    assert isinstance(decide("somebody", SINCE, expired=False, unheard=None, is_alive=lambda _: False), Held)


def test_an_owner_survives_its_text() -> None:
    me = this_process()
    assert parse_owner(me.to_text()) == me


def test_a_process_that_a_worker_has_started_names_its_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BUNDLE, "one")
    assert parse_owner(this_process().to_text()) == this_process()
    assert this_process().bundle == "one"
    monkeypatch.delenv(BUNDLE)
    assert this_process().bundle == ""


def test_this_process_is_alive_and_one_that_had_its_number_before_is_not() -> None:
    me = this_process()
    assert is_alive(me) is True
    assert is_alive(Owner(me.host, me.scope, me.pid, me.started - 60)) is False


def test_of_a_process_on_another_machine_nothing_is_known() -> None:
    assert is_alive(OTHER) is None

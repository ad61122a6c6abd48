"""When a process of many syncs is ready, and what it says where it is not."""

from __future__ import annotations

import json

from datasync_spider.faces.progress.many import Many
from datasync_spider.faces.progress.readiness import Asked, readiness
from datasync_spider.storage.due import Late
from datasync_spider.storage.freshness import Freshness, StreamFreshness

WALL = 1_700_000_000.0
STREAM = ("shop", "shop.orders")


def fresh(late: int = 0) -> Freshness:
    latest = tuple(Late("shop", "shop.orders", f'{{"n":{number}}}', 60.0, 200.0) for number in range(min(late, 10)))
    return Freshness({STREAM: StreamFreshness(late, late, 200.0 if late else 0.0)}, latest, 45.0)


def many(freshness: Freshness | None, at: float = 0.0) -> Many:
    made = Many(0.0)
    if freshness is not None:
        made.freshness_known(freshness, at)
    return made


def answered(at: float) -> Asked:
    asked = Asked(0.0)
    asked.answered(at)
    return asked


def test_before_the_first_answer_nothing_is_known() -> None:
    assert readiness(many(None), Asked(0.0), 1.0, WALL)["status"] == "starting"
    assert readiness(many(None), Asked(0.0), 16.0, WALL)["status"] == "database_away"


def test_what_keeps_nothing_fresh_is_ready_while_the_database_answers() -> None:
    assert readiness(many(None), answered(1.0), 2.0, WALL) == {"status": "ready", "under_way": 0, "failing": 0}


def test_what_is_late_is_named_since_when_ten_at_most_and_how_many_more() -> None:
    report = readiness(many(fresh(13)), answered(0.0), 2.0, WALL + 2.0)
    assert (report["status"], report["late"], len(report["latest"]), report["more"]) == ("late", 13, 10, 3)
    assert report["latest"][0] == {
        "source": "shop",
        "stream": "shop.orders",
        "slice": '{"n":0}',
        "due_since": "2023-11-14T22:10:00.000+00:00",
        "late_seconds": 202.0,
        "every_seconds": 60.0,
    }
    assert report["next_due_at"] == "2023-11-14T22:14:05.000+00:00"
    json.dumps(report)


def test_a_database_that_fails_is_away_since_it_first_did_until_it_answers() -> None:
    asked = answered(1.0)
    asked.failed("connection refused\n", 4.0)
    asked.failed("connection refused\n", 9.0)
    report = readiness(many(fresh()), asked, 10.0, WALL)
    assert (report["status"], report["database"]) == ("database_away", "connection refused\\n")
    assert report["away_since"] == "2023-11-14T22:13:14.000+00:00"
    asked.answered(12.0)
    assert readiness(many(fresh()), asked, 12.0, WALL)["status"] == "ready"


def test_a_database_that_says_nothing_at_all_is_away_as_well() -> None:
    report = readiness(many(fresh()), answered(1.0), 17.0, WALL)
    assert (report["status"], report["database"]) == ("database_away", "it does not answer")
    assert report["away_since"] == "2023-11-14T22:13:04.000+00:00"


BUSY = "no connection was free: 4 are in use"


def test_that_no_connection_is_free_is_said_and_is_no_trouble_while_batches_are_committed() -> None:
    asked = answered(1.0)
    asked.busy(BUSY, 9.0)
    report = readiness(many(fresh()), asked, 10.0, WALL)
    assert (report["status"], report["database"]) == ("ready", BUSY)
    assert report["busy_since"] == "2023-11-14T22:13:19.000+00:00"
    for second in range(10, 60):
        asked.committed(float(second))
        asked.busy(BUSY, float(second))
        assert readiness(many(fresh()), asked, second + 1.0, WALL)["status"] == "ready"
    assert readiness(many(fresh(2)), asked, 60.0, WALL)["status"] == "late"
    # What may have become late meanwhile no one knows.
    assert readiness(many(fresh()), asked, 62.0, WALL)["status"] == "busy"
    asked.answered(63.0)
    assert readiness(many(fresh()), asked, 64.0, WALL) == readiness(many(fresh()), answered(63.0), 64.0, WALL)


def test_connections_that_are_busy_with_nothing_that_is_committed_are_not_ready() -> None:
    asked = answered(1.0)
    asked.busy(BUSY, 9.0)
    assert readiness(many(fresh()), asked, 17.0, WALL)["status"] == "busy"


def test_a_database_that_is_away_does_not_come_back_because_connections_are_busy() -> None:
    asked = answered(1.0)
    asked.failed("connection refused", 4.0)
    asked.busy(BUSY, 9.0)
    assert readiness(many(fresh()), asked, 10.0, WALL)["status"] == "database_away"
    asked.committed(11.0)
    assert readiness(many(fresh()), asked, 12.0, WALL)["status"] == "ready"

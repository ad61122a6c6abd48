"""How the ends of many syncs are said, one by one and together."""

from __future__ import annotations

import pytest

from datasync_spider.faces.exitreport.printing import End
from datasync_spider.fleet.reporting import Ends
from datasync_spider.observe import exitcodes


def complete(inserted: int) -> End:
    return End(exitcodes.COMPLETE, ["complete"], {"status": "complete", "pages": 1, "inserted": inserted})


@pytest.mark.parametrize("sums_up", [True, False])
def test_of_many_that_bring_nothing_new_a_picture_has_the_first_few_and_all_are_counted(
    capsys: pytest.CaptureFixture[str], *, sums_up: bool
) -> None:
    ends = Ends(as_json=False, logs_json=False, sums_up=sums_up)
    # The line of an end names what more it has.
    more: dict[str, int] = {"duplicates": 0, "rejected": 0, "filtered": 0, "retries": 0}
    for number in range(30):
        one = complete(0)
        ends.synced(End(one.code, one.lines, {**one.fields, **more}), "idle", str(number), 0.1)
    news = complete(5)
    ends.synced(End(news.code, news.lines, {**news.fields, **more}), "busy", "{}", 0.1)
    ends.synced(End(exitcodes.FAILED, ["no"]), "broken", "{}", 0.1)
    ends.whole()
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if line.startswith("idle ")]) == (20 if sums_up else 30)
    assert len([line for line in lines if "are counted, and not named" in line]) == int(sums_up)
    assert any(line.startswith("busy: complete") for line in lines)
    assert any(line.startswith("broken: failed") for line in lines)
    assert "32 syncs" in lines[-1]
    assert "31 complete, 1 failed; 5 new" in lines[-1]

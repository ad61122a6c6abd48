from datasync_spider.storage.copymode import CopyMode


def _merges_until_straight(mode: CopyMode, *, inserted: int) -> int:
    merges = 0
    while not mode.prefers_straight():
        mode.merged(100, inserted)
        merges += 1
    return merges


def test_a_fresh_table_is_copied_straight() -> None:
    assert CopyMode().prefers_straight()


def test_after_a_conflict_batches_are_merged_for_a_while() -> None:
    mode = CopyMode()
    mode.conflicted()
    assert _merges_until_straight(mode, inserted=0) > 1


def test_each_further_conflict_makes_the_while_longer() -> None:
    mode = CopyMode()
    mode.conflicted()
    first = _merges_until_straight(mode, inserted=0)
    mode.conflicted()
    assert _merges_until_straight(mode, inserted=0) > first


def test_the_while_is_bounded() -> None:
    mode = CopyMode()
    for _ in range(50):
        mode.conflicted()
    assert _merges_until_straight(mode, inserted=0) <= 64


def test_a_pass_over_known_ground_starts_with_merges() -> None:
    assert not CopyMode(start_with_merge=True).prefers_straight()

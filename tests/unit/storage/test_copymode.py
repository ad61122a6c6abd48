from datasync_spider.storage.copying import CopyMode


def _sifts_until_straight(mode: CopyMode, *, known: int) -> int:
    sifts = 0
    while not mode.prefers_straight():
        mode.split(100, known)
        sifts += 1
    return sifts


def test_a_fresh_table_is_copied_straight() -> None:
    assert CopyMode().prefers_straight()


def test_after_a_conflict_batches_are_split_for_a_while() -> None:
    mode = CopyMode()
    mode.conflicted()
    assert _sifts_until_straight(mode, known=100) > 1


def test_each_further_conflict_makes_the_while_longer() -> None:
    mode = CopyMode()
    mode.conflicted()
    first = _sifts_until_straight(mode, known=100)
    mode.conflicted()
    assert _sifts_until_straight(mode, known=100) > first


def test_the_while_is_bounded() -> None:
    mode = CopyMode()
    for _ in range(50):
        mode.conflicted()
    assert _sifts_until_straight(mode, known=100) <= 64


def test_a_pass_over_known_ground_starts_with_splitting() -> None:
    assert not CopyMode(expects_known=True).prefers_straight()


def test_a_while_without_known_keys_ends_sooner() -> None:
    mode = CopyMode()
    mode.conflicted()
    assert _sifts_until_straight(mode, known=0) < 4


def test_keys_are_probed_for_unless_most_of_the_batch_before_was_known() -> None:
    mode = CopyMode(expects_known=True)
    assert mode.prefers_probing()
    mode.split(100, 100)
    assert not mode.prefers_probing()
    mode.split(100, 10)
    assert mode.prefers_probing()

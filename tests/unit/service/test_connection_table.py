"""Who leaves a new connection to whom."""

from pathlib import Path

from service.sharing import ConnectionTable


def test_a_worker_with_more_connections_leaves_new_ones_to_another(tmp_path: Path) -> None:
    first, second = ConnectionTable(tmp_path), ConnectionTable(tmp_path)
    assert not first.another_has_fewer()
    first.add(1)
    assert first.another_has_fewer()
    assert not second.another_has_fewer()
    second.add(1)
    assert not first.another_has_fewer()


def test_nobody_waits_for_a_worker_that_takes_no_more_even_when_its_last_ones_close(tmp_path: Path) -> None:
    staying, leaving = ConnectionTable(tmp_path), ConnectionTable(tmp_path)
    staying.add(2)
    leaving.add(1)
    leaving.leave()
    leaving.add(-1)
    assert not staying.another_has_fewer()


def test_a_slot_that_was_left_is_the_next_workers_alone(tmp_path: Path) -> None:
    leaving = ConnectionTable(tmp_path)
    leaving.add(3)
    leaving.leave()
    following, other = ConnectionTable(tmp_path), ConnectionTable(tmp_path)
    other.add(1)
    leaving.add(-1)
    assert other.another_has_fewer()
    assert not following.another_has_fewer()

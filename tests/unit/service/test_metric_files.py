"""The files of counts: room taken first, and what dead workers leave added up."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from service.metric_files import add_up_the_dead, locked, take_room

# A worker that counts, and is killed without any chance to tidy up.
WORKER = """
import os, sys
from pathlib import Path
os.environ["PROMETHEUS_MULTIPROC_DIR"] = sys.argv[1]
from service.metric_files import take_room
took_room = take_room(Path(sys.argv[1]))
if not took_room:
    del os.environ["PROMETHEUS_MULTIPROC_DIR"]
from prometheus_client import Counter, Gauge, Histogram, generate_latest
Counter("done", "", ["what"]).labels("a").inc(3)
Gauge("busy", "", multiprocess_mode="livesum").set(5)
Histogram("taken", "", buckets=(1, 2)).observe(1.5)
print(took_room, generate_latest().decode())
sys.stdout.flush()
os.kill(os.getpid(), 9)
"""


def killed_worker(folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", WORKER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert done.returncode == -9
    return done.stdout


def exposed(folder: Path) -> list[str]:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))
    text = generate_latest(registry).decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_what_dead_workers_counted_is_added_up_in_two_files_and_their_gauges_go(tmp_path: Path):
    for _ in range(3):
        killed_worker(tmp_path)
        with locked(tmp_path):
            add_up_the_dead(tmp_path)
            add_up_the_dead(tmp_path)  # again changes nothing
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["counter_dead.db", "histogram_dead.db"]
    assert sum(path.stat().st_size for path in tmp_path.glob("*.db")) < 4096
    lines = exposed(tmp_path)
    assert 'done_total{what="a"} 9.0' in lines
    assert 'taken_bucket{le="1.0"} 0.0' in lines
    assert 'taken_bucket{le="2.0"} 3.0' in lines
    assert "taken_sum 4.5" in lines
    assert not any(line.startswith("busy") for line in lines)


def test_files_of_the_living_are_left_alone_and_have_all_their_room(tmp_path: Path):
    assert take_room(tmp_path)
    with locked(tmp_path):
        add_up_the_dead(tmp_path)
    files = list(tmp_path.glob(f"*_{os.getpid()}.db"))
    assert len(files) == 4
    assert all(path.stat().st_blocks * 512 >= path.stat().st_size > 0 for path in files)


def test_a_new_process_with_a_dead_ones_number_begins_at_zero(tmp_path: Path):
    killed_worker(tmp_path)
    for path in tmp_path.glob("*.db"):
        path.rename(path.with_stem(f"{path.stem.rpartition('_')[0]}_{os.getpid()}"))
    assert take_room(tmp_path)
    assert 'done_total{what="a"} 3.0' in exposed(tmp_path)
    assert not any(line.startswith("busy") for line in exposed(tmp_path))


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a tiny file system")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_a_worker_without_room_counts_in_its_own_memory(full_disk: Path):
    told = killed_worker(full_disk)
    assert told.startswith("False")
    assert 'done_total{what="a"} 3.0' in told
    assert not list(full_disk.glob("*.db"))


def test_what_cannot_be_added_up_for_want_of_room_still_counts(tmp_path: Path, full_disk: Path):
    elsewhere = full_disk.parent / "room"
    elsewhere.mkdir()
    killed_worker(elsewhere)
    counter = next(elsewhere.glob("counter_*.db"))
    (full_disk / counter.name).write_bytes(counter.read_bytes()[:4096])
    (full_disk / "filler").write_bytes(bytes(48 * 1024))
    with locked(full_disk):
        add_up_the_dead(full_disk)
    assert 'done_total{what="a"} 3.0' in exposed(full_disk)

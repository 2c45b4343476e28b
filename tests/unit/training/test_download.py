"""Downloads against real servers on this machine, which cut, stall, lie and refuse."""

import io
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.console import Console

from fashion.errors import DownloadError
from tests.unit.training.mishaps import Handler, Server, cut_after
from training import download as download_module
from training.download import download
from training.idx import IdxFile, md5_of

CONTENT = bytes(index * 7 % 251 for index in range(300_000))
FILE = IdxFile("train-images-idx3-ubyte.gz", len(CONTENT), md5_of(CONTENT), ())
OTHER_CONTENT = b"labels" * 1000
OTHER_FILE = IdxFile("train-labels-idx1-ubyte.gz", len(OTHER_CONTENT), md5_of(OTHER_CONTENT), ())


@pytest.fixture
def new_server() -> Iterator[Callable[..., Server]]:
    started: list[tuple[Server, threading.Thread]] = []

    def start(files: dict[str, bytes] | None = None) -> Server:
        server = Server({FILE.name: CONTENT, OTHER_FILE.name: OTHER_CONTENT} if files is None else files)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server(new_server) -> Server:
    return new_server()


def fetch(folder: Path, *servers: Server, files: tuple[IdxFile, ...] = (FILE,)) -> str:
    """Download and return what a terminal showed."""
    terminal = io.StringIO()
    console = Console(file=terminal, force_terminal=True, width=120)
    download(files, folder, addresses=[server.address for server in servers], console=console)
    return terminal.getvalue()


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_files_arrive_whole_under_their_names_and_nothing_else_is_left(tmp_path, server):
    folder = tmp_path / "cache" / "fashion-mnist"

    fetch(folder, server, files=(FILE, OTHER_FILE))

    assert (folder / FILE.name).read_bytes() == CONTENT
    assert (folder / OTHER_FILE.name).read_bytes() == OTHER_CONTENT
    assert names_in(folder) == {FILE.name, OTHER_FILE.name}


def test_the_terminal_shows_each_file_and_that_it_is_complete(tmp_path, server):
    shown = fetch(tmp_path, server)

    assert FILE.name in shown
    assert "300.0/300.0 kB" in shown


def test_files_that_are_there_are_not_asked_for(tmp_path, server):
    (tmp_path / FILE.name).write_bytes(CONTENT)

    fetch(tmp_path, server)

    assert server.asked == []


def test_a_damaged_file_in_the_cache_is_replaced(tmp_path, server):
    (tmp_path / FILE.name).write_bytes(CONTENT[:-1] + b"?")

    fetch(tmp_path, server)

    assert (tmp_path / FILE.name).read_bytes() == CONTENT


def test_a_cut_connection_is_resumed_where_it_was_cut(tmp_path, server):
    server.mishaps = [cut_after(100_000)]

    fetch(tmp_path, server)

    assert (tmp_path / FILE.name).read_bytes() == CONTENT
    assert server.asked == [(FILE.name, None), (FILE.name, "bytes=100000-")]


def test_a_connection_that_falls_silent_is_resumed(tmp_path, server, monkeypatch):
    monkeypatch.setattr(download_module, "SILENCE_TIMEOUT_SECONDS", 0.3)
    over = threading.Event()

    def stall(handler: Handler, content: bytes) -> None:
        handler.answer(200, content, {}, sent=50_000)
        over.wait(10)
        handler.close_connection = True

    server.mishaps = [stall]

    fetch(tmp_path, server)
    over.set()

    assert (tmp_path / FILE.name).read_bytes() == CONTENT
    assert server.asked[1:] == [(FILE.name, "bytes=50000-")]


def test_what_an_interrupted_run_left_is_not_fetched_again(tmp_path, server):
    (tmp_path / f"{FILE.name}.part").write_bytes(CONTENT[:299_000])

    fetch(tmp_path, server)

    assert (tmp_path / FILE.name).read_bytes() == CONTENT
    assert server.asked == [(FILE.name, "bytes=299000-")]


def test_a_part_that_is_already_whole_needs_no_network(tmp_path, server):
    (tmp_path / f"{FILE.name}.part").write_bytes(CONTENT)

    fetch(tmp_path, server)

    assert names_in(tmp_path) == {FILE.name}
    assert server.asked == []


@pytest.mark.parametrize("stale", [b"<html>log in to this network</html>", b"x" * 400_000])
def test_a_part_of_something_else_is_dropped_and_the_same_server_asked_for_all(tmp_path, server, stale):
    (tmp_path / f"{FILE.name}.part").write_bytes(stale)

    fetch(tmp_path, server)

    assert (tmp_path / FILE.name).read_bytes() == CONTENT
    assert server.asked[-1] == (FILE.name, None)


def test_a_server_that_ignores_ranges_replaces_the_part(tmp_path, server):
    server.honours_ranges = False
    (tmp_path / f"{FILE.name}.part").write_bytes(CONTENT[:1000])

    fetch(tmp_path, server)

    assert (tmp_path / FILE.name).read_bytes() == CONTENT
    assert server.asked == [(FILE.name, "bytes=1000-")]


def test_the_fallback_completes_what_the_first_address_began(tmp_path, new_server):
    official, copy = new_server(), new_server()
    official.honours_ranges = False
    official.mishaps = [cut_after(200_000), cut_after(200_000)]

    fetch(tmp_path, official, copy)

    assert (tmp_path / FILE.name).read_bytes() == CONTENT
    assert copy.asked == [(FILE.name, "bytes=200000-")]


@pytest.mark.parametrize(
    "wrong",
    [CONTENT[:-1] + b"?", CONTENT[:1000], CONTENT + b"more", b""],
    ids=["one byte altered", "too short", "too long", "empty"],
)
def test_wrong_bytes_are_refused_and_the_fallback_is_asked(tmp_path, new_server, wrong):
    official, copy = new_server({FILE.name: wrong}), new_server()

    fetch(tmp_path, official, copy)

    assert (tmp_path / FILE.name).read_bytes() == CONTENT
    assert official.asked == copy.asked == [(FILE.name, None)]


def test_an_endless_answer_is_left_once_it_is_too_long(tmp_path, new_server):
    official, copy = new_server(), new_server()

    def endless(handler: Handler, content: bytes) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        try:
            while True:
                handler.wfile.write(content)
        except OSError:  # the client has left
            pass

    official.mishaps = [endless]

    fetch(tmp_path, official, copy)

    assert (tmp_path / FILE.name).read_bytes() == CONTENT


def test_an_answer_for_another_range_is_refused(tmp_path, new_server):
    official, copy = new_server(), new_server()
    official.mishaps = [
        lambda handler, content: handler.answer(206, content[:9], {"Content-Range": "bytes 0-8/300000"})
    ]
    (tmp_path / f"{FILE.name}.part").write_bytes(CONTENT[:1000])

    fetch(tmp_path, official, copy)

    assert (tmp_path / FILE.name).read_bytes() == CONTENT
    assert copy.asked == [(FILE.name, "bytes=1000-")]


def test_an_address_without_the_file_is_passed_over(tmp_path, new_server):
    official, copy = new_server({}), new_server()

    fetch(tmp_path, official, copy)

    assert (tmp_path / FILE.name).read_bytes() == CONTENT


def test_a_redirect_is_followed(tmp_path, new_server):
    official, copy = new_server(), new_server()
    official.mishaps = [
        lambda handler, _: handler.answer(302, b"", {"Location": f"{copy.address}{FILE.name}"})
    ]

    fetch(tmp_path, official)

    assert (tmp_path / FILE.name).read_bytes() == CONTENT


def test_when_all_addresses_fail_the_error_says_what_each_did_and_what_was_expected(tmp_path, new_server):
    official, copy = new_server({FILE.name: b"something else"}), new_server({})

    with pytest.raises(DownloadError) as caught:
        fetch(tmp_path, official, copy)

    message = str(caught.value)
    assert f"expected 300,000 bytes with MD5 {FILE.md5}" in message
    assert (
        f"{official.address}{FILE.name}: delivered 14 bytes with MD5 {md5_of(b'something else')}" in message
    )
    assert f"{copy.address}{FILE.name}: answered 404 Not Found" in message
    assert names_in(tmp_path) == set()


def test_without_a_network_the_error_names_the_addresses_and_the_way_out(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        unknown = "http://no-such-host.invalid/"

        with pytest.raises(DownloadError) as caught:
            download((FILE,), tmp_path, addresses=(refusing, unknown), console=Console(quiet=True))

    message = str(caught.value)
    assert f"{refusing}{FILE.name}: " in message
    assert f"{unknown}{FILE.name}: " in message
    assert "--data or FASHION_MNIST_DIR" in message


def test_an_address_that_brings_nothing_new_is_given_up(tmp_path, server):
    server.honours_ranges = False
    server.mishaps = [cut_after(1000)] * 50

    with pytest.raises(DownloadError, match=r"peer closed connection"):
        fetch(tmp_path, server)

    assert len(server.asked) == 2


def test_a_folder_that_cannot_be_made_is_refused_with_the_setting_that_moves_it(tmp_path, server):
    (tmp_path / "cache").write_text("a file where the folder should be")

    with pytest.raises(DownloadError, match="XDG_CACHE_HOME"):
        fetch(tmp_path / "cache" / "fashion-mnist", server)


def test_two_downloads_at_once_share_the_work_and_do_not_disturb_each_other(tmp_path, server):
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(fetch, tmp_path, server) for _ in range(4)]:
            done.result(timeout=30)

    assert (tmp_path / FILE.name).read_bytes() == CONTENT
    assert server.asked == [(FILE.name, None)]

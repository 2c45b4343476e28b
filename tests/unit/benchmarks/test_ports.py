"""Ports that the system does not hand out by itself."""

import socket

from benchmarks.ports import free_port


def test_a_port_is_free_and_none_that_linux_hands_out_by_itself():
    with socket.socket() as ours:
        port = free_port()
        ours.bind(("127.0.0.1", port))
        ours.listen()
    assert port < 32_768


def test_a_port_that_is_taken_is_passed_over(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        drawn = iter([taken.getsockname()[1], (other := free_port())])
        monkeypatch.setattr("random.randrange", lambda *_: next(drawn))
        assert free_port() == other

"""Nobody can hold the front open: whoever is slow or silent costs no thread, and ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from campaigns.front.peer_limits import USUAL_BODY, Limits
from campaigns.front.steps import PIECE
from tests.front.serving import Client, echo, front

#: One thread: were it taken once, nothing would be answered.
ONE = Limits(
    threads=1, head_seconds=0.6, body_seconds=0.6, idle_seconds=0.6, write_seconds=0.6, linger_seconds=0.5
)
SLOW = Limits(threads=1, head_seconds=30, body_seconds=30, idle_seconds=30, write_seconds=30)

STARTS = {
    "nothing": b"",
    "half a line": b"GET /he",
    "half the headers": b"POST /hooks/twilio/inbound HTTP/1.1\r\nHost: a\r\nX-",
    "no body": b"POST /hooks/twilio/inbound HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n",
    "half a body": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\nwords",
    "half a chunk": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nwords",
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_half_requests_take_no_thread(start: bytes) -> None:
    with front(echo, SLOW) as port, ExitStack() as stack:
        for _ in range(64):
            stack.enter_context(Client(port)).send(start)
        with Client(port) as client:
            assert client.ask("/health").status == 200


@pytest.mark.parametrize("start", [*STARTS][1:])
def test_half_a_request_ends_by_itself(start: str) -> None:
    with front(echo, ONE) as port, Client(port) as client:
        assert client.send(STARTS[start]).answer().status == 408
        assert client.is_closed()


def test_dripping_wins_no_time() -> None:
    with front(echo, ONE) as port, Client(port) as client:
        began = time.monotonic()
        client.send(STARTS["no body"])
        try:
            while time.monotonic() - began < 8:
                client.send(b"x")
                time.sleep(0.05)
        except ConnectionError:
            pass
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("is_used", [False, True])
def test_idle_connection_ends(is_used: bool) -> None:
    with front(echo, ONE) as port, Client(port) as client:
        if is_used:
            client.ask()
        assert client.is_closed()


def endless(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/short":
        yield b"short"
        return
    while True:
        yield b"x" * PIECE


def is_cut_off(reader: Client) -> bool:
    """Read all that there is; say whether that has an end."""
    deadline = time.monotonic() + 5
    try:
        while time.monotonic() < deadline:
            if not reader.socket.recv(1 << 20):
                return True
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize("limits", [SLOW, ONE], ids=["stays", "ends"])
def test_who_does_not_read_takes_no_thread(limits: Limits) -> None:
    with front(endless, limits) as port, ExitStack() as stack:
        readers = [stack.enter_context(Client(port)) for _ in range(20)]
        for reader in readers:
            reader.send(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n")
        with Client(port) as client:
            assert client.ask("/short").body == b"short"
        if limits is ONE:
            time.sleep(1.5)
            assert all(is_cut_off(reader) for reader in readers)


@pytest.mark.parametrize("header", ["Connection: close", pytest.param("X-A: b", marks=pytest.mark.long)])
@pytest.mark.parametrize("parts", [pytest.param(1, marks=pytest.mark.long), 64])
def test_who_reads_slowly_gets_all(header: str, parts: int) -> None:
    """Longer than any of its deadlines, as long as it goes on."""
    size = 16 << 20

    def large(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", str(size))])
        return [b"x" * (size // parts)] * parts

    with front(large, ONE) as port, Client(port) as client:
        client.send(f"GET / HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\n".encode())
        began, found = time.monotonic(), 0
        while found < size:
            part = client.socket.recv(1 << 18)
            assert part, f"cut off after {found} bytes"
            found += len(part)
            time.sleep(0.05 * len(part) / (1 << 18))
        assert time.monotonic() - began > 4 * ONE.write_seconds


def test_more_connections_than_may_be_make_room() -> None:
    limits = Limits(connections=40, per_peer=20, head_seconds=30)
    with front(echo, limits) as port, ExitStack() as stack:
        idle = [stack.enter_context(Client(port)) for _ in range(60)]
        for client in idle[-3:]:
            client.send(STARTS["no body"])
        with Client(port) as client:
            assert client.ask("/health").status == 200
        assert all(client.is_closed() for client in idle[:40])
        idle[-1].socket.settimeout(0.3)
        assert not idle[-1].is_closed()


def test_other_peers_are_left_alone() -> None:
    limits = Limits(connections=1000, per_peer=10, head_seconds=30)
    with front(echo, limits) as port, Client(port, source="127.0.0.2") as provider, ExitStack() as stack:
        assert provider.ask("/1").status == 200
        for _ in range(50):
            stack.enter_context(Client(port))
        assert provider.ask("/2").status == 200


def test_too_large_a_body_is_refused_before_it_comes() -> None:
    with front(echo) as port:
        with Client(port) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n")
            answer = client.send(b"Content-Length: %d\r\n\r\n" % (USUAL_BODY + 1)).answer()
            assert (answer.status, answer.headers["connection"]) == (413, "close")
        with Client(port) as client:
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                for _ in range(40):
                    client.send(b"4000\r\n", b"x" * 0x4000, b"\r\n")
            except ConnectionError:
                return
            assert client.answer().status == 413


def test_too_long_a_head_is_refused() -> None:
    for sent in (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"x" * 40_000, b"GET /" + b"x" * 40_000):
        with front(echo) as port, Client(port) as client:
            assert client.send(sent).answer().status == 431


def test_places_for_large_bodies_are_few_and_given_back() -> None:
    limits = Limits(large_bodies=3, large_per_peer=2, body_seconds=30)
    start = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (USUAL_BODY * 4)
    with front(echo, limits, body_limit=lambda environ: USUAL_BODY * 4) as port, ExitStack() as stack:
        first, second = (stack.enter_context(Client(port)).send(start) for _ in range(2))
        time.sleep(0.2)
        with Client(port) as client:
            assert client.send(start).answer().status == 503
        with Client(port) as client:
            assert client.ask("/health").status == 200
        with Client(port, source="127.0.0.2") as other:
            other.send(start)
            time.sleep(0.2)
            with Client(port, source="127.0.0.3") as last:
                assert last.send(start).answer().status == 503
        first.socket.close()
        assert second.send(b"x" * USUAL_BODY * 4).answer().status == 200
        with Client(port) as client:
            assert client.ask(method="POST", body=b"y" * USUAL_BODY * 3).status == 200


LARGE = b"POST / HTTP/1.1\r\nHost: a\r\n%bContent-Length: 4194304\r\n\r\n"


def test_place_for_a_large_body_is_lost_by_who_sends_nothing() -> None:
    """However long all of the body could take."""
    limits = Limits(large_bodies=1, body_seconds=0.5)
    with front(echo, limits, body_limit=lambda environ: 1 << 22) as port, Client(port) as holder:
        holder.send(LARGE % b"", b"x" * 300_000)
        began = time.monotonic()
        assert holder.answer().status == 408
        assert time.monotonic() - began < 3
        with Client(port) as client:
            assert client.send(LARGE % b"", b"y" * (1 << 22)).answer().status == 200


@pytest.mark.long
def test_large_body_that_goes_on_has_its_time() -> None:
    limits = Limits(body_seconds=1, body_step=1 << 18)
    with front(echo, limits, body_limit=lambda environ: 1 << 22) as port, Client(port) as client:
        client.send(LARGE % b"")
        for _ in range(16):
            time.sleep(0.2)
            client.send(b"y" * (1 << 18))
        assert client.answer().status == 200


def test_behind_a_proxy_each_has_places_of_their_own() -> None:
    limits = Limits(large_bodies=9, large_per_peer=1)
    named = b"X-Forwarded-For: 10.9.9.9, 192.0.2.%d\r\n"
    with front(echo, limits, body_limit=lambda environ: 1 << 22, proxies=1) as port, ExitStack() as stack:
        stack.enter_context(Client(port)).send(LARGE % (named % 1))
        time.sleep(0.2)
        again, other = (stack.enter_context(Client(port)).send(LARGE % (named % number)) for number in (1, 2))
        assert again.answer().status == 503
        assert other.send(b"y" * (1 << 22)).answer().status == 200


def slow(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    time.sleep(0.1)
    return echo(environ, start_response)


@pytest.mark.long
def test_nobody_waits_behind_all_of_a_crowd() -> None:
    with front(slow, Limits(threads=1)) as port, ExitStack() as stack:
        crowd = [stack.enter_context(Client(port)).send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(40)]
        time.sleep(0.3)
        with Client(port, source="127.0.0.2") as other:
            began = time.monotonic()
            assert other.ask("/b").status == 200
            assert time.monotonic() - began < 1.5
        assert {client.answer().status for client in crowd} == {200}


def test_of_a_crowd_somebody_is_sent_away_for_others() -> None:
    with front(slow, Limits(threads=1, waiting=3)) as port, ExitStack() as stack:
        crowd = [stack.enter_context(Client(port)).send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(4)]
        time.sleep(0.05)
        with Client(port, source="127.0.0.2") as other:
            assert other.ask("/b").status == 200
        answers = [client.answer() for client in crowd]
        assert sorted(answer.status for answer in answers) == [200, 200, 200, 503]
        assert [answer.headers.get("retry-after") for answer in answers if answer.status == 503] == ["5"]


def test_waiting_line_has_an_end() -> None:
    def slower(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        time.sleep(0.3)
        return echo(environ, start_response)

    with front(slower, Limits(threads=1, waiting=2)) as port, ExitStack() as stack:
        clients = [stack.enter_context(Client(port)).send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(6)]
        assert sorted(client.answer().status for client in clients) == [200, 200, 200, 503, 503, 503]

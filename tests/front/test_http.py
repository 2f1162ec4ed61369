"""The front speaks HTTP/1.1: requests whole, answers in order, and nothing that is read in two ways."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from io import BytesIO
from typing import Any

import pytest

from campaigns.front.peer_limits import IN_MEMORY, USUAL_BODY, Limits
from campaigns.front.steps import PIECE, Work
from tests.front.serving import Client, echo, front


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with front(echo) as port:
        yield port


def test_connection_is_kept(port: int) -> None:
    with Client(port) as client:
        for number in range(3):
            answer = client.ask(f"/a%20b/{number}?x=%41", method="POST", body=b"words")
            assert (answer.status, answer.body) == (200, f"POST /a b/{number}?x=%41 words".encode())
            assert answer.headers["date"].endswith("GMT")
            assert "connection" not in answer.headers


def test_close_is_heeded(port: int) -> None:
    with Client(port) as client:
        assert client.ask("/", "Connection: close").headers["connection"] == "close"
        assert client.is_closed()


@pytest.mark.parametrize(("header", "is_kept"), [(b"", False), (b"Connection: keep-alive\r\n", True)])
def test_old_version(port: int, header: bytes, is_kept: bool) -> None:
    with Client(port) as client:
        answer = client.send(b"GET /old HTTP/1.0\r\n", header, b"\r\n").answer()
        assert answer.body == b"GET /old? "
        assert answer.headers["connection"] == ("keep-alive" if is_kept else "close")


def test_requests_sent_ahead_are_answered_in_order(port: int) -> None:
    with Client(port) as client:
        client.send(*(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(12)))
        assert [client.answer().body for _ in range(12)] == [b"GET /%d? " % number for number in range(12)]


def test_too_many_requests_ahead_are_hung_up_on(port: int) -> None:
    with Client(port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 500)
        try:
            assert client.rest().count(b"HTTP/1.1 200") < 500
        except ConnectionError:
            return


def test_body_in_chunks(port: int) -> None:
    with Client(port) as client:
        client.send(b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwords\r\n")
        assert client.send(b"6\r\n of it\r\n0\r\n\r\n").answer().body == b"POST /c? words of it"


def test_body_is_asked_for_when_it_is_held_back(port: int) -> None:
    with Client(port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert client.answer().status == 100
        assert client.send(b"words").answer().body == b"POST /? words"


def test_body_in_chunks_is_asked_for_too(port: int) -> None:
    with Client(port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert client.answer().status == 100
        assert client.send(b"5\r\nwords\r\n0\r\n\r\n").answer().body == b"POST /? words"


def test_trailers_have_no_meaning(port: int) -> None:
    with Client(port) as client:
        client.send(b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwords\r\n")
        assert client.send(b"0\r\nHost: b\r\nX-A: b\r\n\r\n").answer().body == b"POST /c? words"
        assert client.ask("/next").body == b"GET /next? "


@pytest.mark.parametrize("more", [b"X-A: " + b"b" * 1000 + b"\r\n", b"b" * 1000], ids=["many", "one long"])
def test_trailers_have_an_end(port: int, more: bytes) -> None:
    with Client(port) as client:
        client.send(b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: ")
        assert answered_while_sending(client, more * 10, times=400) == 431


def test_chunks_carry_something(port: int) -> None:
    start = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Client(port) as client:
        assert answered_while_sending(client.send(start), b"1;" + b"x" * 100 + b"\r\na\r\n", times=20_000) == 431
    with Client(port) as client:
        for _ in range(500):
            start += b"200\r\n" + b"x" * 0x200 + b"\r\n"
        assert client.send(start, b"0\r\n\r\n").answer().body.count(b"x") == 500 * 0x200


def answered_while_sending(client: Client, more: bytes, *, times: int) -> int:
    """Send on and on, and return the status of what is answered meanwhile; 0 when nothing is."""
    client.socket.settimeout(1)
    try:
        for _ in range(times):
            client.send(more)
    except OSError:
        pass
    try:
        return client.answer().status
    except TimeoutError:
        return 0


def test_byte_by_byte(port: int) -> None:
    with Client(port) as client:
        for byte in b"POST /slow?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nyes":
            client.send(bytes([byte]))
        assert client.answer().body == b"POST /slow?a=b yes"


def test_head_has_no_body(port: int) -> None:
    with Client(port) as client:
        answer = client.ask(method="HEAD")
        assert (answer.status, int(answer.headers["content-length"])) == (200, len("HEAD /? "))
        assert client.ask("/next").body == b"GET /next? "


@pytest.mark.parametrize("size", [IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, USUAL_BODY])
def test_body_of_any_size_arrives_whole(port: int, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    with Client(port) as client:
        assert client.ask(method="POST", body=body[:size]).body == b"POST /? " + body[:size]


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nName\0: b\r\n\r\n",
    ],
)
def test_what_may_be_read_in_two_ways_is_refused(port: int, sent: bytes) -> None:
    with Client(port) as client:
        answer = client.send(sent).answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert client.is_closed()


def test_refusal_comes_after_the_answers_before_it(port: int) -> None:
    with Client(port) as client:
        client.send(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n")
        assert client.answer().body == b"GET /first? "
        assert client.answer().status == 400


def test_header_with_underscores_is_nobodys() -> None:
    def headers(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [f"{environ.get('HTTP_X_FORWARDED_FOR')} {environ['HTTP_COOKIE']} {environ['HTTP_A']}".encode()]

    with front(headers) as port, Client(port) as client:
        answer = client.ask("/", "X_Forwarded_For: 1.2.3.4", "Cookie: a=1", "Cookie: b=2", "A: 1", "A: 2")
        assert answer.body == b"None a=1; b=2 1,2"


def test_other_protocol_is_not_spoken(port: int) -> None:
    with Client(port) as client:
        answer = client.ask("/", "Connection: Upgrade", "Upgrade: websocket")
        assert (answer.status, answer.headers["connection"]) == (200, "close")


@pytest.mark.parametrize(
    "body", [b"Content-Length: 5\r\n\r\nwords", b"Transfer-Encoding: chunked\r\n\r\n5\r\nwords"]
)
def test_body_for_another_protocol_is_refused_and_not_lost(port: int, body: bytes) -> None:
    with Client(port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n", body)
        assert client.answer().status == 400


def test_large_answer_without_length_comes_in_chunks() -> None:
    pieces = [bytes([number]) * 30_000 for number in range(40)]

    def many(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/csv")])
        yield from pieces

    wanted = hashlib.sha256(b"".join(pieces)).digest()
    with front(many) as port, Client(port) as client:
        for _ in range(2):
            answer = client.ask()
            assert answer.headers["transfer-encoding"] == "chunked"
            assert hashlib.sha256(answer.body).digest() == wanted
        old = client.send(b"GET / HTTP/1.0\r\n\r\n").answer()
        assert hashlib.sha256(old.body).digest() == wanted
        assert client.is_closed()


def test_application_finds_its_context_in_every_step() -> None:
    """A large answer is made in several threads, and nothing of one request is seen in another."""
    name: ContextVar[str] = ContextVar("name", default="nobody")

    def tell(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        name.set(environ["PATH_INFO"])
        for _ in range(5):
            yield name.get().encode() * PIECE

    def first(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        assert name.get() == "nobody"
        return tell(environ, start_response)

    with front(first, Limits(threads=3)) as port, Client(port) as one, Client(port) as other:
        assert set(one.ask("/a").body.decode()) == {"/", "a"}
        assert set(other.ask("/b").body.decode()) == {"/", "b"}


def test_failing_application_is_an_error_and_no_end(caplog: pytest.LogCaptureFixture) -> None:
    def fail(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        if environ["PATH_INFO"] == "/split":
            start_response("200 OK", [("X-A", "b\r\nSet-Cookie: c")])
        if environ["PATH_INFO"] == "/later":
            start_response("200 OK", [])
            yield b"x" * 3 * PIECE
        raise LookupError("nothing here")

    with front(fail) as port:
        with Client(port) as client:
            assert client.ask("/now").status == 500
            assert client.ask("/split").status == 500
        with Client(port) as client, pytest.raises(ConnectionError):
            client.ask("/later")
    assert caplog.text.count("failed outside of every page") == 3


@pytest.mark.parametrize("header", [("X-A", "їжа"), ("Content-Length", "much")])
def test_head_that_cannot_be_written_costs_one_request(header: tuple[str, str]) -> None:
    def tell(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [header] if environ["PATH_INFO"] == "/wrong" else [])
        return [b"words"]

    with front(tell) as port, Client(port) as client:
        assert client.ask("/wrong").status == 500
        assert client.ask("/right").body == b"words"


def test_exit_of_an_application_ends_one_request() -> None:
    def leave(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/exit":
            raise SystemExit(1)
        return echo(environ, start_response)

    with front(leave, Limits(threads=1)) as port, Client(port) as client:
        assert client.ask("/exit").status == 500
        assert client.ask("/next").body == b"GET /next? "


def test_large_answer_of_known_length_is_one_step() -> None:
    body = b"x" * 5 * PIECE

    def tell(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    piece = Work(tell, {"wsgi.input": BytesIO()}).step()
    assert piece is not None
    assert (piece.is_last, piece.body) == (True, body)


@pytest.mark.parametrize("promised", [3, 100])
def test_answer_that_breaks_its_promise_ends_the_connection(promised: int) -> None:
    def lie(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", str(promised))])
        return [b"x" * 50]

    with front(lie) as port, Client(port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try:
            said = client.rest()
        except ConnectionError:
            said = b""
        assert said.count(b"HTTP/1.1") <= 1


def test_short_answer_is_closed_too(caplog: pytest.LogCaptureFixture) -> None:
    closed: list[str] = []

    class Result(list[bytes]):
        def close(self) -> None:
            closed.append("yes")

    def short(environ: dict[str, Any], start_response: Any) -> Result:
        start_response("200 OK", [])
        return Result([b"short"])

    with front(short) as port, Client(port) as client:
        assert client.ask().body == b"short"
    assert (closed, caplog.text) == (["yes"], "")


def test_application_gives_back_what_it_held() -> None:
    closed = threading.Semaphore(0)

    class Result:
        def __iter__(self) -> Iterator[bytes]:
            while True:
                yield b"x" * PIECE

        def close(self) -> None:
            closed.release()

    def endless(environ: dict[str, Any], start_response: Any) -> Result:
        start_response("200 OK", [])
        return Result()

    with front(endless) as port:
        with Client(port) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            client.socket.recv(10)
        assert closed.acquire(timeout=10)

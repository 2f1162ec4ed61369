"""What an application answers by itself takes no thread, may come from any, and is waited for only so long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

import pytest

from campaigns.front.peer_limits import Limits
from campaigns.front.steps import Piece
from tests.front.serving import Client, echo, front

KEPT = Piece(b"", True, "204 No Content", (("Content-Length", "0"),))


class Door:
    """Answers what begins with /q by itself, when it is told to; keeps who waits."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[Piece], object]] = []
        self.has = threading.Semaphore(0)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return echo(environ, start_response)

    def begin(self, environ: dict[str, Any], answer: Callable[[Piece], object]) -> bool:
        path = environ["PATH_INFO"]
        if path == "/q/fails":
            raise LookupError("broken")
        if path == "/q/now":
            answer(KEPT)
        elif path.startswith("/q"):
            self.waiting.append(answer)
            self.has.release()
        return bool(path.startswith("/q"))


def test_many_wait_without_a_thread() -> None:
    door = Door()
    with front(door, Limits(threads=1)) as port, ExitStack() as stack:
        clients = [stack.enter_context(Client(port)) for _ in range(50)]
        for number, client in enumerate(clients):
            client.send(b"POST /q/%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab" % number)
        for _ in clients:
            assert door.has.acquire(timeout=10)
        with Client(port) as other:
            assert other.ask("/page").status == 200
            assert other.ask("/q/now").status == 204
        # As the intake does: all from one thread of its own.
        threading.Thread(target=lambda: [answer(KEPT) for answer in door.waiting]).start()
        answers = [client.answer() for client in clients]
        assert {answer.status for answer in answers} == {204}
        assert not any("content-length" in answer.headers for answer in answers)
        assert clients[0].ask("/after").body == b"GET /after? "


def test_answer_that_does_not_come_is_a_503_and_too_late_is_no_answer() -> None:
    door = Door()
    with front(door, Limits(patience_seconds=0.5)) as port, Client(port) as client:
        assert client.ask("/q").status == 503
        client.send(b"GET /q HTTP/1.1\r\nHost: a\r\n\r\n")
        assert door.has.acquire(timeout=10)
        assert door.has.acquire(timeout=10)
        door.waiting[0](Piece(b"late", True, "200 OK", ()))
        door.waiting[1](KEPT)
        assert client.answer().status == 204
        assert client.ask("/next").body == b"GET /next? "


def test_failure_costs_one_request(caplog: pytest.LogCaptureFixture) -> None:
    with front(Door()) as port, Client(port) as client:
        assert client.ask("/q/fails").status == 500
        assert client.ask("/page").status == 200
    assert "failed before every page" in caplog.text

"""One process that answers requests: how much it takes, and how it ends."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import threading
import time

import pytest
from sqlalchemy import Engine

from campaigns import attending
from campaigns.app import create_app
from campaigns.attending import Part, bind, limits_of
from campaigns.front.peer_limits import Limits
from campaigns.web.session import database
from tests.web.pages import page_settings


@pytest.mark.parametrize(
    ("allowed", "raised", "connections"),
    [
        ((1024, 1024), None, 384),
        ((1024, 4096), (4096, 4096), 1920),
        ((1024, resource.RLIM_INFINITY), (16_384, resource.RLIM_INFINITY), Limits().connections),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None, Limits().connections),
        ((200_000, 200_000), None, Limits().connections),
        ((256, 256), None, 64),
    ],
)
def test_no_more_connections_than_files(
    sqlite_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    allowed: tuple[int, int],
    raised: tuple[int, int] | None,
    connections: int,
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda what: allowed)
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: asked.append(limits))
    assert limits_of(page_settings(sqlite_engine)).connections == connections
    assert asked == ([] if raised is None else [raised])


def test_told_to_end_it_waits_for_no_database(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for one that says nothing while a sign of life is given."""
    silent, asked = threading.Event(), threading.Event()

    def give_sign(engine: Engine) -> None:
        asked.set()
        silent.wait(30)

    monkeypatch.setattr(attending, "give_sign", give_sign)
    settings = page_settings(sqlite_engine, hooks_port="0")
    app = create_app(settings)
    with app.app_context():
        engine = database.engine

    def end() -> None:
        assert asked.wait(10)
        os.kill(os.getpid(), signal.SIGTERM)

    ending = threading.Thread(target=end)
    ending.start()
    began = time.monotonic()
    try:
        asyncio.run(attending._attend(app, settings, Part.CONSOLE, engine, bind("127.0.0.1", 0)))
        assert time.monotonic() - began < attending.FINISH_SECONDS + 1
    finally:
        silent.set()
        ending.join()
        engine.dispose()

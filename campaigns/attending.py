"""Each of these processes answers requests, either those of the console or those of providers."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from campaigns.app import create_app
from campaigns.continuity.ears import BEAT_SECONDS, give_sign
from campaigns.core.errors import SettingsError, UnavailableError
from campaigns.core.logging import configure_logging
from campaigns.core.processes.loading import SERVING, collect_rarely
from campaigns.core.processes.outages import OUTAGES
from campaigns.core.processes.seats import give_beat, is_orphan
from campaigns.core.settings import Settings
from campaigns.front.connection import Connection
from campaigns.front.house import House
from campaigns.front.peer_limits import Limits
from campaigns.front.steps import Application, Piece
from campaigns.front.wording import refusal
from campaigns.members.set_up_views import init_set_up
from campaigns.readiness.instance import open_instance
from campaigns.web.guards.bodies import body_limit_of
from campaigns.web.session import database

try:
    import uvloop
except ImportError:
    # It only makes the loop faster.
    uvloop = None  # type: ignore[assignment]

#: A process that was told to end has this number of seconds to finish its requests.
FINISH_SECONDS = 2.5
#: How often it is looked whether the parent lives, in seconds.
ORPHAN_EVERY = 0.5
#: Files and connections beside those of clients: of the database, of the journal, of what is imported.
_OTHER_FILES = 256
#: More are of no use.
_MOST_FILES = 16_384

_log = logging.getLogger(__name__)


class Part(StrEnum):
    """What a process answers."""

    CONSOLE = "console"
    HOOKS = "hooks"


class HooksAlone:
    """Lets only providers, and whoever asks how we are, through to an application."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one WSGI request."""
        if environ["PATH_INFO"].startswith("/hooks/") or environ["PATH_INFO"] == "/health":
            answer: Iterable[bytes] = self._application(environ, start_response)
            return answer
        nothing = refusal(HTTPStatus.NOT_FOUND)
        start_response(nothing.status, list(nothing.headers))
        return [nothing.body]

    def begin(self, environ: dict[str, Any], answer: Callable[[Piece], object]) -> bool:
        """Take what is answered without a thread."""
        taken: bool = self._application.begin(environ, answer)
        return taken


def attend(settings: Settings, part: Part, host: str, port: int, *, set_up_code: str = "") -> None:
    """Answer requests that come to a place, until SIGTERM or until the parent is gone.

    `set_up_code` is the digest of a code that was printed; only its page is served until there is a member.
    """
    # Ctrl-C reaches the parent too, which tells this process to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure_logging(settings.log_level)
    try:
        open_instance(settings).dispose()
    except (SettingsError, UnavailableError) as error:
        # It may be mended meanwhile: the next process looks again.
        _log.error("%s", error)
        raise SystemExit(2) from None
    app = create_app(settings)
    if set_up_code:
        init_set_up(app, set_up_code)
    with app.app_context():
        engine = database.engine
    collect_rarely(SERVING)
    code = 0
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else asyncio.new_event_loop) as runner:
            runner.run(_attend(app, settings, part, engine, bind(host, port)))
    except Exception:
        _log.exception("this process cannot go on; another takes over")
        code = 1
    engine.dispose()
    logging.shutdown()
    # Taking an interpreter with all of this apart lasts for seconds on a busy machine, and a thread that nothing
    # ends would keep it from ending. What was answered is on disk.
    os._exit(code)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket at a place that several processes share: the kernel spreads connections over them."""
    place = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    place.bind((host, port))
    return place


def limits_of(settings: Settings) -> Limits:
    """Return how much one process takes at once: never more connections than it may have files open."""
    limits = Limits()
    # A body that is large is a file beside its connection.
    connections = min(limits.connections, max(64, (_raise_files() - _OTHER_FILES) // 2))
    # Behind a proxy all come from one peer, and the proxy limits its own.
    per_peer = connections if settings.trusted_proxies else min(limits.per_peer, connections)
    return replace(limits, connections=connections, per_peer=per_peer)


async def _attend(app: Flask, settings: Settings, part: Part, engine: Engine, place: socket.socket) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    application: Application = app.wsgi_app if part is Part.CONSOLE else HooksAlone(app.wsgi_app)
    limits, body_limit = limits_of(settings), body_limit_of(app, settings)
    house = House(application, limits=limits, body_limit=body_limit, proxies=settings.trusted_proxies)
    await house.open(place, Connection)
    beside = [house.look_after(stopping), _look_at_parent(stopping)]
    if part is Part.HOOKS or not settings.hooks_port:
        beside.append(_give_signs(house, engine))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in beside]
        await stopping.wait()
        # One of them may wait for a database that is silent.
        for task in tasks:
            task.cancel()
    await house.close(FINISH_SECONDS)


async def _give_signs(house: House, engine: Engine) -> None:
    """Say again and again that stops are taken in here; see `continuity/ears.py`."""
    while True:
        try:
            # In a thread of those that take them in: where none is free, none is taken in.
            await house.run(partial(give_sign, engine))
        except SQLAlchemyError as error:
            OUTAGES.tell(error, "a sign of life of what answers providers")
        await asyncio.sleep(BEAT_SECONDS)


async def _look_at_parent(stopping: asyncio.Event) -> None:
    """Let the parent see that this loop goes round, and stop without one."""
    while True:
        give_beat()
        if is_orphan():
            stopping.set()
        await asyncio.sleep(ORPHAN_EVERY)


def _raise_files() -> int:
    """Let this process open as many files as it may, and return how many that are."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (_MOST_FILES if limit == resource.RLIM_INFINITY else min(limit, _MOST_FILES) for limit in limits)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, limits[1]))
    return hard

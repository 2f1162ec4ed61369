"""A receipt that was answered is on disk, however the server dies."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from bench.callbacks import ACCOUNT, PUBLIC_URL, TOKEN, Posted, make_callbacks, post_all
from campaigns.core.database import make_engine
from campaigns.delivery.models import Receipt
from tests.delivery.serving import ServerProcess, serve_instance

#: Far more than are answered before the end comes.
MANY = 6_000


def serve(engine: Engine) -> ServerProcess:
    settings = {"public_url": PUBLIC_URL, "secret_bench": f"{ACCOUNT}:{TOKEN}"}
    return serve_instance(engine, "--processes", "2", **settings)


def post_until_killed(server: ServerProcess, callbacks: list[bytes], *, after: int) -> int:
    """Kill the server once `after` callbacks are answered and return how many were in the end."""
    posted, enough = Posted(), Event()
    posted.at(after, enough.set)
    with ThreadPoolExecutor(1) as pool:
        client = pool.submit(post_all, server.port, callbacks, connections=32, posted=posted)
        assert enough.wait(30)
        server.kill()
        with pytest.raises(ConnectionError):
            client.result(30)
    return len(posted.waits)


def count_receipts(engine: Engine) -> int:
    # Anew, as whoever comes next finds it.
    fresh = make_engine(engine.url.render_as_string(hide_password=False))
    with Session(fresh) as session:
        found = session.scalar(select(func.count()).select_from(Receipt)) or 0
    fresh.dispose()
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    "after", [300, *(pytest.param(count, marks=pytest.mark.slow) for count in (1, 2, 5, 31, 64, 500, 1000, 2000))]
)
def test_killed_server_lost_nothing_it_answered(engine: Engine, after: int) -> None:
    callbacks = make_callbacks(MANY)
    with serve(engine) as server:
        answered = post_until_killed(server, callbacks, after=after)
    assert after <= answered < MANY
    assert answered <= count_receipts(engine) <= answered + 32

"""Many say stop at once, and a member stops the run again and again: no call begins five seconds later."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice

import pytest

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.delivery.refusals import suppress_addresses
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run
from campaigns.planning.runs.firing import resume_run, stop_run
from campaigns.staff.models import Organisation, Role
from tests.factories import a_member
from tests.faults.scene import Scene, until

#: No call begins later after a stop has been committed, in seconds.
AT_MOST = 5.0
#: A stop is obeyed when nothing was sent for so long, in seconds: many times longer than between two messages.
SILENCE = 1.0


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("count", "leaving", "pace"),
    [
        pytest.param(240, 60, 80.0, id="ordinary"),
        pytest.param(4000, 1000, 500.0, id="heavy", marks=pytest.mark.slow),
    ],
)
def test_burst_of_opt_outs_is_obeyed(
    scene: Scene, found: Callable[..., None], count: int, leaving: int, pace: float
) -> None:
    run_id = scene.plan(count, pace=pace)
    # By turns one who is about to be written to, and one whose turn comes last.
    leavers = chain.from_iterable(zip(range(30, 30 + leaving), range(count, 0, -1), strict=False))
    with ThreadPoolExecutor(1) as pool:
        burst = pool.submit(leave, scene, [f"+38067{number:07}" for number in islice(leavers, leaving)])
        scene.work(lambda: burst.done() and scene.is_over(run_id))
        left = burst.result()
    late = [
        message["accepted_at"] - left[message["to"]]
        for message in scene.sandbox.whole_truth()
        if message["to"] in left
    ]
    assert max(late, default=0.0) < AT_MOST
    figures = scene.compare(count, never_sent=[SendState.SUPPRESSED])
    assert count - leaving <= figures["messages"] < count
    found(
        opt_outs=leaving,
        reached_before=sum(each < 0 for each in late),
        latest_call=max(late, default=0.0),
        **figures,
    )


def leave(scene: Scene, handles: list[str]) -> dict[str, float]:
    """Let people say stop once some messages are out, one transaction each; return when each was committed."""
    until(lambda: scene.sent() > 20, what="a message")
    left: dict[str, float] = {}
    for handle in handles:
        with scene.sessions.begin() as session:
            lookup = scene.vault.lookup_hash(Channel.SMS, handle)
            ids = withdraw_everywhere(
                session, HashedHandle(lookup, Channel.SMS), Declaration("keyword", "", clock.now())
            )
            suppress_addresses(session, ids)
        left[handle] = time.time()
    return left


@pytest.mark.long
@pytest.mark.parametrize(
    "times", [pytest.param(2, id="ordinary"), pytest.param(50, id="heavy", marks=pytest.mark.slow)]
)
def test_stops_are_obeyed_and_resumed(scene: Scene, found: Callable[..., None], times: int) -> None:
    count = 60 * times
    run_id = scene.plan(count, pace=40.0)
    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(stop_and_resume, scene, run_id, times, count)
        scene.work(lambda: stopping.done() and scene.is_over(run_id))
        pauses = stopping.result()
    moments = [message["accepted_at"] for message in scene.sandbox.whole_truth()]
    late = [at - stopped for stopped, resumed in pauses for at in moments if stopped < at < resumed]
    assert max(late, default=0.0) < AT_MOST
    found(stops=times, latest_call=max(late, default=0.0), **scene.compare(count))


def stop_and_resume(scene: Scene, run_id: int, times: int, count: int) -> list[tuple[float, float]]:
    """Stop the run while messages go out and resume it later, so many times; return the moments of both."""
    with scene.sessions.begin() as session:
        organisation = session.get_one(Organisation, session.get_one(Run, run_id).organisation_id)
        member = a_member(session, organisation, Role.APPROVER).id
    pauses: list[tuple[float, float]] = []
    for _ in range(times):
        before = scene.sent()
        until(lambda before=before: scene.sent() > before + 5, what="sending")  # type: ignore[misc]
        with scene.sessions.begin() as session:
            stop_run(session, session.get_one(Run, run_id), by=member, reason=Sentence(N_("A test of stops.")))
        stopped = time.time()
        until_silent(scene)
        # Had nobody obeyed, all would be sent by now.
        assert scene.sent() < count
        pauses.append((stopped, time.time()))
        with scene.sessions.begin() as session:
            resume_run(session, session.get_one(Run, run_id), by=member)
    return pauses


def until_silent(scene: Scene) -> None:
    """Return when nothing was sent for a while: who calls on after a stop is waited for, and so seen."""
    sent, since = -1, 0.0
    while time.monotonic() < since + SILENCE or sent < scene.sent():
        if sent < scene.sent():
            sent, since = scene.sent(), time.monotonic()
        time.sleep(0.05)

"""Five workers on one schedule, and one lane served thrice: one run an occurrence, one call a message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from campaigns.core import clock
from campaigns.core.settings import load_settings
from campaigns.core.written_text import digest_of
from campaigns.delivery.models import Delivery
from campaigns.directory.models import Service
from campaigns.planning.models import Run, ZonePolicy
from campaigns.planning.policy import Policy
from campaigns.planning.schedules.recurrence import Timing
from tests.delivery.driving import drive, settled
from tests.faults.scene import Scene
from tests.gateways.conftest import twilio_at
from tests.planning.story import a_story
from tests.sandbox.process import SENDER

pytestmark = pytest.mark.one_database

CLOCKS, TIMES_DELIVERED = 5, 3


@pytest.mark.parametrize(
    ("people", "occurrences", "are_processes"),
    [
        pytest.param(20, 2, False, id="ordinary"),
        pytest.param(1000, 5, True, id="heavy", marks=pytest.mark.slow),
    ],
)
def test_five_clocks_make_one_run_an_occurrence(
    scene: Scene, found: Callable[..., None], people: int, occurrences: int, are_processes: bool
) -> None:
    schedule_past(scene, people, occurrences)
    count = people * occurrences

    def is_over() -> bool:
        return scene.states()["accepted"] == count

    if are_processes:
        for _ in range(CLOCKS):
            scene.start_worker()
        scene.wait(is_over)
    else:
        with ThreadPoolExecutor(CLOCKS) as workers:
            list(workers.map(lambda _: scene.work(is_over), range(CLOCKS)))
    with scene.sessions() as session:
        runs = Counter(session.scalars(select(Run.occurrence)))
    assert (len(runs), max(runs.values())) == (occurrences, 1)
    found(clocks=CLOCKS, occurrences=occurrences, runs=runs.total(), **scene.compare(count))


def schedule_past(scene: Scene, people: int, occurrences: int) -> None:
    """Approve a campaign whose hourly occurrences are due, all of them, before any clock looks."""
    started = clock.now().replace(second=0, microsecond=0, tzinfo=None) - timedelta(hours=occurrences - 1)
    hourly = Timing(started, f"FREQ=HOURLY;COUNT={occurrences}", ZonePolicy.FIXED, "UTC")
    long_ago = clock.now() - timedelta(days=1)
    with clock.running_on(lambda: long_ago), scene.sessions.begin() as session:
        story = a_story(session, scene.vault, people=people, is_safeguarded=False)
        story.campaign.sender.identity = SENDER
        # Nobody can answer a name: without the link to leave, no worker would send over it.
        base, *others = story.campaign.message.translations
        for each in (base, *others):
            each.text += " ((stop))"
            each.source_digest = digest_of(base.text)
        session.flush()
        session.scalars(select(Service)).one().verified_on = long_ago.date()
        story.approved(hourly, policy=Policy.of(load_settings(scene.environment)), grace_minutes=24 * 60)


@pytest.mark.parametrize("count", [200, pytest.param(20_000, marks=pytest.mark.slow)], ids=["ordinary", "heavy"])
def test_lane_served_thrice_calls_once(scene: Scene, found: Callable[..., None], count: int) -> None:
    """A lane that three engines believe to be theirs: what is claimed by one is nobody else's."""
    run_id = scene.plan_sending(count)

    def serve() -> None:
        over = settled(scene.sessions, run_id)
        drive(scene.sessions, scene.vault, twilio_at(scene.sandbox.url), until=over, patience=120)

    with ThreadPoolExecutor(TIMES_DELIVERED) as engines:
        for served in [engines.submit(serve) for _ in range(TIMES_DELIVERED)]:
            served.result()
    with scene.sessions() as session:
        calls = session.scalar(select(func.sum(Delivery.attempts)))
    assert calls == count
    found(times_delivered=TIMES_DELIVERED, calls=calls, **scene.compare(count))

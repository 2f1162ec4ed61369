"""A provider that refuses everything for a while, then 30 %: it gets its time, and nobody is called often."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from sqlalchemy import Engine, func, select

from campaigns.delivery.lanes.call_limits import MOST_ATTEMPTS
from campaigns.delivery.models import Attempt
from tests.faults.relay import Relay
from tests.faults.scene import Scene
from tests.sandbox.process import SandboxProcess

pytestmark = pytest.mark.long

#: Seconds that the provider asks for with a 429. Else a sender would be tried again after one and after three.
RETRY_AFTER = 4
REFUSALS: dict[str, dict[str, Any]] = {
    "429": {"error": 20429, "retry_after": RETRY_AFTER},
    "503": {"before": "503"},
}
#: Shares of calls that are refused, one phase after the other.
SHARES = (1.0, 0.3, 0.0)
#: The beginning of numbers, by what happens to them; each kind is a run over a sender of its own.
PREFIXES = {"429": "+38067", "503": "+38068"}
#: Kinds of refusal at the same time, people of each, what follows the beginning of those numbers that meet the
#: fault, and how long each phase takes, in seconds. The others come first: a run that fails from its start is
#: paused for a person to look at, as it must be.
ORDINARY = pytest.param(["429", "503"], 529, "00005", 2.5, id="ordinary")
HEAVY = [pytest.param([how], 1199, "0001", 60.0, id=f"heavy-{how}", marks=pytest.mark.slow) for how in REFUSALS]


@pytest.mark.parametrize(("kinds", "count", "beginning", "seconds"), [ORDINARY, *HEAVY])
def test_refusing_provider_gets_its_time(
    scene: Scene, found: Callable[..., None], kinds: Sequence[str], count: int, beginning: str, seconds: float
) -> None:
    sandbox = scene.sandbox
    sandbox.fixture(suffixes=False, keep_requests=20_000)
    runs = [scene.plan(count, prefix=PREFIXES[how]) for how in kinds]
    who = {how: PREFIXES[how] + beginning for how in kinds}
    arm(sandbox, who, SHARES[0])
    began, phase = 0.0, 0

    def is_over() -> bool:
        nonlocal began, phase
        if not began and has_fired(sandbox):
            began = time.monotonic()
        now = min(int((time.monotonic() - began) / seconds), len(SHARES) - 1) if began else 0
        if now != phase:
            phase = now
            arm(sandbox, who, SHARES[phase])
        return scene.is_over(*runs)

    scene.work(is_over, seconds=2 * seconds + 90)
    figures = scene.compare(count * len(runs))
    for how in kinds:
        calls = calls_to(sandbox, who[how])
        if how == "429":
            check_pause(calls.values())
        often = [len(moments) for moments in calls.values()]
        assert len(calls) < sum(often) <= 3 * len(calls)
        assert max(often) <= MOST_ATTEMPTS
        figures |= {f"people_{how}": len(calls), f"calls_{how}": sum(often), f"most_calls_{how}": max(often)}
    found(**figures)


def arm(sandbox: SandboxProcess, who: Mapping[str, str], share: float) -> None:
    """Let a share of the calls to numbers with these beginnings fail in their way, instead of the share before."""
    sandbox.call("DELETE", "faults")
    for how, beginning in who.items():
        match = {"on": "create", "to_prefix": beginning, "probability": share}
        sandbox.call("POST", "faults", {"match": match, "action": REFUSALS[how]})


def has_fired(sandbox: SandboxProcess) -> bool:
    return all(fault["fired"] for fault in sandbox.call("GET", "faults")["faults"])


def calls_to(sandbox: SandboxProcess, beginning: str) -> dict[str, list[float]]:
    """Return when each person with this beginning of number was called, by number."""
    calls: defaultdict[str, list[float]] = defaultdict(list)
    for request in sandbox.call("GET", "requests")["requests"]:
        to = parse_qs(request["body"]).get("To", [""])[0]
        if request["method"] == "POST" and to.startswith(beginning):
            calls[to].append(request["at"])
    return calls


def check_pause(calls: Iterable[list[float]]) -> None:
    """Nobody is called in the time that the first 429 asked for, but for who was on the way."""
    moments = sorted(chain.from_iterable(calls))
    assert not [at for at in moments if moments[0] + RETRY_AFTER / 2 < at < moments[0] + RETRY_AFTER]
    assert len(moments) > 1


@pytest.mark.parametrize(
    ("count", "seconds"),
    [
        pytest.param(60, 1.5, id="ordinary"),
        pytest.param(3000, 60.0, id="heavy", marks=pytest.mark.slow),
    ],
)
def test_unreachable_provider_is_found_again(
    engine: Engine, sandbox: SandboxProcess, tmp_path: Path, found: Callable[..., None], count: int, seconds: float
) -> None:
    """Connections are refused for a while after the first of them, then a third of the time, then never."""
    began, period = 0.0, min(3.0, seconds / 2)
    with (
        Relay(int(sandbox.url.rpartition(":")[2])) as relay,
        Scene(engine, sandbox, tmp_path, sandbox_url=relay.url) as scene,
    ):
        run_id = scene.plan(count, pace=count / (2 * seconds))

        def is_over() -> bool:
            nonlocal began
            if not began and count_refused(scene):
                began = time.monotonic()
            passed = time.monotonic() - began if began else 0.0
            relay.turn(is_open=passed > seconds and (passed > 2 * seconds or passed % period > period / 3))
            return scene.is_over(run_id)

        scene.work(is_over, seconds=2 * seconds + 90)
        refused = count_refused(scene)
        assert refused
        assert max(refused.values()) < MOST_ATTEMPTS
        found(refused_calls=sum(refused.values()), most_calls=max(refused.values()) + 1, **scene.compare(count))


def count_refused(scene: Scene) -> dict[int, int]:
    """Return how many calls of each delivery met a connection that was refused, by its id."""
    with scene.sessions() as session:
        session.connection(execution_options={"read_only": True})
        tried = select(Attempt.delivery_id, func.count()).where(Attempt.outcome == "not_sent")
        return dict(session.execute(tried.group_by(Attempt.delivery_id)).all())

"""Workers as processes, one killed and one cut off from the database in the midst of runs: nobody twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from sqlalchemy import Engine

from tests.cluster.island import Island, may_dig
from tests.cluster.machines import (
    Machine,
    database_at,
    database_socket,
    holders,
    longest_pause,
    most_within,
    times_by_sender,
)
from tests.cluster.wire import Wire
from tests.faults.scene import Scene, until
from tests.sandbox.process import SandboxProcess

pytestmark = pytest.mark.long

#: Longest that a sender may rest after a fault, in seconds.
RESUMED_WITHIN = 60.0
#: Time in which a pace is measured, in seconds: short enough that two workers would go beyond it within a run.
PACE_WITHIN = 2.0


@dataclass(frozen=True)
class Dose:
    """Senders with a run each, people of a run, pace of a sender, and after how long a worker is given up."""

    senders: int
    people: int
    pace: float
    gone_after: int


ORDINARY = Dose(senders=3, people=250, pace=25.0, gone_after=5)
HEAVY = Dose(senders=6, people=2000, pace=40.0, gone_after=20)


class Link(Protocol):
    """What a machine reaches the database over."""

    def cut(self) -> None: ...

    def mend(self) -> None: ...


@pytest.fixture
def sandbox(sandbox: SandboxProcess) -> SandboxProcess:
    # Numbers of thousands of people would meet those that say how their message ends.
    sandbox.fixture(suffixes=False)
    return sandbox


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def behind_a_wire(stack: ExitStack, scene: Scene) -> tuple[Machine, Link]:
    """Start a worker that reaches the database over a wire."""
    wire = stack.enter_context(Wire("127.0.0.1:0", database_socket(scene.engine)))
    return Machine(scene, database_at(scene.engine, wire.address)), wire


def on_an_island(stack: ExitStack, scene: Scene) -> tuple[Machine, Link]:
    """Start a worker in a network namespace: the database is at the other end of its cable, the sandbox is not."""
    island = stack.enter_context(Island())
    shore = stack.enter_context(Wire(f"{island.ours}:0", database_socket(scene.engine)))
    sandbox, door = scene.sandbox.url.rpartition("/")[2], str(scene.folder / "sandbox.socket")
    stack.enter_context(Wire(door, sandbox))
    stack.enter_context(Wire(sandbox, door, inside=island.inside))
    return Machine(scene, database_at(scene.engine, shore.address), inside=island.inside), island


@pytest.mark.parametrize(
    ("dose", "start_remote"),
    [
        pytest.param(ORDINARY, behind_a_wire, id="ordinary"),
        pytest.param(HEAVY, behind_a_wire, id="heavy", marks=pytest.mark.slow),
        pytest.param(ORDINARY, on_an_island, id="island", marks=pytest.mark.slow),
        pytest.param(HEAVY, on_an_island, id="heavy-island", marks=pytest.mark.slow),
    ],
)
def test_dead_and_cut_off_workers_are_replaced(
    engine: Engine,
    sandbox: SandboxProcess,
    stack: ExitStack,
    tmp_path: Path,
    dose: Dose,
    start_remote: Callable[[ExitStack, Scene], tuple[Machine, Link]],
) -> None:
    if start_remote is on_an_island and not may_dig():
        pytest.skip("network namespaces take root and iproute2")
    settings = {"worker_gone_after_seconds": str(dose.gone_after)}
    scene = stack.enter_context(Scene(engine, sandbox, tmp_path, **settings))
    scene.expect(dose.senders)
    victim, heir = Machine(scene), Machine(scene)
    remote, link = start_remote(stack, scene)
    until(lambda: all(worker.numbers() for worker in scene_machines(scene)), what="the start of the workers")
    runs = [scene.plan(dose.people, pace=dose.pace, prefix=f"+3805{number}") for number in range(dose.senders)]
    until(lambda: is_shared(scene, dose), what="lanes on every worker")
    cut_off = [sender for sender, number in holders(engine).items() if number in remote.numbers()]
    in_midst = {sender for sender, moments in times_by_sender(scene).items() if is_in_midst(moments, dose)}
    victim.kill()
    link.cut()
    until(lambda: set(holders(engine).values()) == {heir.numbers()[-1]}, what="the change of hands")
    link.mend()
    until(lambda: len(remote.numbers()) == 2, what="the return of the one that was cut off")
    scene.settle(*runs)
    scene.compare(dose.people * dose.senders)
    assert cut_off
    # A busy machine may share lanes so late that a run is nearly over; then there is no pause to see.
    check_times(times_by_sender(scene), dose, [sender for sender in cut_off if sender in in_midst])


@pytest.mark.slow
def test_restarts_in_turn_disturb_nobody(
    engine: Engine, sandbox: SandboxProcess, stack: ExitStack, tmp_path: Path
) -> None:
    dose = Dose(senders=5, people=1200, pace=30.0, gone_after=20)
    scene = stack.enter_context(Scene(engine, sandbox, tmp_path))
    scene.expect(dose.senders)
    for _ in range(2):
        Machine(scene)
    until(lambda: all(worker.numbers() for worker in scene_machines(scene)), what="the start of the workers")
    runs = [scene.plan(dose.people, pace=dose.pace, prefix=f"+3805{number}") for number in range(dose.senders)]
    until(lambda: len(holders(engine)) == dose.senders, what="lanes of every sender")
    for worker in scene_machines(scene):
        Machine(scene)
        newcomer = scene_machines(scene)[-1]
        until(lambda newcomer=newcomer: serves(engine, newcomer), what="lanes on the newcomer")  # type: ignore[misc]
        assert worker.end() == 0
        until(lambda: len(holders(engine)) == dose.senders, what="other hands")
    until(lambda: scene.is_over(*runs), seconds=120, what="the end of the runs")
    scene.compare(dose.people * dose.senders)
    times = times_by_sender(scene)
    check_times(times, dose, [])
    # Nobody waited for a dead worker: all were told to end.
    assert max(map(longest_pause, times.values())) < dose.gone_after


@pytest.mark.slow
def test_worker_that_is_cut_off_ends_in_time(
    engine: Engine, sandbox: SandboxProcess, stack: ExitStack, tmp_path: Path
) -> None:
    scene = stack.enter_context(Scene(engine, sandbox, tmp_path))
    worker, link = behind_a_wire(stack, scene)
    scene.plan(300, pace=20.0)
    until(lambda: scene.sent() > 10, what="some messages")
    link.cut()
    # In the midst of whatever it asks the database.
    time.sleep(1)
    told = time.monotonic()
    worker.end()
    assert time.monotonic() - told < 15


def serves(engine: Engine, worker: Machine) -> bool:
    return bool(set(worker.numbers()) & set(holders(engine).values()))


def scene_machines(scene: Scene) -> list[Machine]:
    return [worker for worker in scene.workers if isinstance(worker, Machine)]


def is_shared(scene: Scene, dose: Dose) -> bool:
    """Say whether each worker serves as many lanes as the others, and each sender has sent."""
    held = list(holders(scene.engine).values())
    each = {held.count(worker.numbers()[-1]) for worker in scene_machines(scene)}
    return each == {dose.senders // 3} and min(map(len, times_by_sender(scene).values()), default=0) > 10


def is_in_midst(moments: list[float], dose: Dose) -> bool:
    """Say whether a sender has more left than its worker may still begin when it is cut off."""
    return dose.people - len(moments) > 4 * dose.pace


def check_times(times: dict[int, list[float]], dose: Dose, cut_off: list[int]) -> None:
    """See that every sender went on in time, and none at more than its pace, as two workers at once would."""
    assert len(times) == dose.senders
    for sender, moments in times.items():
        assert longest_pause(moments) < RESUMED_WITHIN, sender
        # With some room for what a busy machine lets through at once.
        assert most_within(moments, PACE_WITHIN) < 1.5 * PACE_WITHIN * dose.pace, sender
    # Who is cut off from the database stops at once, long before another may go on.
    assert all(longest_pause(times[sender]) > 1.0 for sender in cut_off)

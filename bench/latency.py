"""How soon a stop and an opt-out are obeyed at full rate, and how soon a correction overtakes a large run.

A worker as `fingerpost worker` runs it sends as fast as it can to a sandbox, which calls nobody back. In each
trial 20 people say stop, through the function behind the inbound callback, each when their message was claimed
last of all, so that nothing but the fence can keep it back; about a second later a member stops their run, while
the next one is sent already. The sandbox's log tells when the last call to those people, or of that run, arrived:
counted from the moment at which the commit returned. `opt_out` is the worst of each trial, `opt_out_late` how many
of all those people were called after their commit.

Then a run of `--people` is in full flight when a member puts another one, to 200 people of another organisation,
before all others: it still has to be planned. The same once more just after the large run was stopped, when its
queue has to be cancelled. All of it on one clock.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from bench.flight import CORRECTED, PEOPLE, Flight, body_of, flight
from bench.harness import measures_each, note
from campaigns.audience.models import Address, AddressState
from campaigns.delivery.models import Delivery
from campaigns.delivery.queries import in_state
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.service import receive_inbound
from campaigns.planning.models import Campaign, Run, RunState
from campaigns.planning.service import hurry_run, stop_run
from tests.delivery.builders import frozen
from tests.factories import a_run
from tests.sandbox.process import SENDER

#: People who say stop in one trial.
BURST = 20
#: Seconds within which the promise is kept 99 times in 100, and always; and a correction is out.
P99, MOST = 2.0, 5.0


@dataclass(frozen=True, slots=True)
class Trials:
    """When the acts of all trials were committed, and how long each took to commit."""

    #: By run.
    stopped_at: dict[int, float] = field(default_factory=dict)
    #: By handle, one list a trial.
    said_stop_at: list[dict[str, float]] = field(default_factory=list)
    stopping: list[float] = field(default_factory=list)
    opting_out: list[float] = field(default_factory=list)


def measure(kind: str, trials: int, people: int) -> dict[str, Any]:
    """Return the figures of one database."""
    with flight(kind) as instance:
        figures = measure_acts(instance, trials)
        note(f"{kind}: {figures}")
        figures |= measure_overtaking(instance, people)
        note(f"{kind}: {figures}")
    return figures


def measure_acts(instance: Flight, trials: int) -> dict[str, Any]:
    """Do the trials, then ask the sandbox's log when the last call of each came."""
    done = Trials()
    rate = _fly_trials(instance, trials, done)
    time.sleep(MOST)
    calls = _last_calls(instance.sandbox.whole_truth())
    stops = [max(0.0, calls[body_of(run_id)] - at) for run_id, at in done.stopped_at.items()]
    late = [[max(0.0, calls[to] - at) for to, at in burst.items()] for burst in done.said_stop_at]
    opt_outs = [max(burst) for burst in late]
    return {
        "trials": trials,
        "callbacks": "off",
        "per_second": round(rate),
        "stop": _percentiles(stops),
        "opt_out": _percentiles(opt_outs),
        "opt_out_late": sum(seconds > 0 for burst in late for seconds in burst),
        "stop_commit": _percentiles(done.stopping),
        "opt_out_commit": _percentiles(done.opting_out),
        "is_within_limits": all(_keeps_promise(values) for values in (stops, opt_outs)),
    }


def _fly_trials(instance: Flight, trials: int, done: Trials) -> float:
    """Let one run follow the other, each overlapping the next; return the messages per second meanwhile."""
    chance = random.Random(1)
    current = instance.add_run(instance.sending, people=PEOPLE)
    instance.start(current)
    instance.fly(PEOPLE // 8)
    began, before = time.time(), instance.accepted()
    for _ in range(trials):
        following = instance.add_run(instance.sending, people=PEOPLE)
        instance.start(following)
        time.sleep(chance.uniform(0.2, 0.5))
        opt_out(instance, current, done)
        time.sleep(chance.uniform(0.9, 1.2))
        stop(instance, current, done)
        current = following
    rate = (instance.accepted() - before) / (time.time() - began)
    stop(instance, current, Trials())
    return rate


def opt_out(instance: Flight, run_id: int, done: Trials) -> None:
    """Let people who are about to be written to say stop, one transaction each as their callbacks come."""
    handles = {address: handle for handle, address in instance.sending.addresses.items()}
    said: dict[str, float] = {}
    while len(said) < BURST:
        with instance.sessions() as session:
            handle = handles[_claimed_last(session, run_id)]
        began = time.time()
        with instance.sessions.begin() as session:
            inbound = Inbound(uuid4().hex, handle, SENDER, "STOP", "sms")
            receive_inbound(session, inbound, instance.vault, account=instance.sending.account)
        said[handle] = time.time()
        done.opting_out.append(said[handle] - began)
    done.said_stop_at.append(said)


def stop(instance: Flight, run_id: int, done: Trials) -> None:
    """Stop a run as a member does; fail if it was over by itself, which would prove nothing."""
    began = time.time()
    with instance.sessions.begin() as session:
        run = session.get_one(Run, run_id)
        stop_run(session, run, by=instance.sending.member_id)
    done.stopped_at[run_id] = time.time()
    done.stopping.append(done.stopped_at[run_id] - began)


def measure_overtaking(instance: Flight, people: int) -> dict[str, Any]:
    """Send a correction while a run of `people` is in full flight, and another once that was stopped."""
    large = instance.add_run(instance.sending, people=people)
    instance.start(large)
    instance.fly(PEOPLE // 4)
    overtaking = correct(instance)
    stop(instance, large, Trials())
    return {"people": people, "corrected": CORRECTED, "overtaking": overtaking, "after_stop": correct(instance)}


def correct(instance: Flight) -> dict[str, Any]:
    """Put a run that is still to be planned before all others; return when its first and last calls came."""
    owner, handles = instance.correcting, list(instance.correcting.addresses)
    with instance.sessions.begin() as session:
        run = a_run(session, session.get_one(Campaign, owner.campaign_id), state=RunState.PLANNING)
        run.frozen, run.started_at = frozen(), None
        hurry_run(session, run, by=owner.member_id)
        run_id = run.id
    committed = time.time()

    def is_over() -> bool:
        with instance.sessions() as session:
            return session.get_one(Run, run_id).state == RunState.DONE

    instance.wait(is_over)
    calls = [at for message in instance.truth_to(handles) if (at := message["accepted_at"]) >= committed]
    assert len(calls) == CORRECTED, len(calls)
    first, last = min(calls) - committed, max(calls) - committed
    return {"first": round(first, 3), "last": round(last, 3), "is_within_limit": last <= MOST}


def _claimed_last(session: Session, run_id: int) -> int:
    """Return the address id of the claimed delivery that waits longest for its call; fail when the run is over."""
    rows = (
        select(Delivery.address_id)
        .join(Address, Address.id == Delivery.address_id)
        .where(Delivery.run_id == run_id, Address.state == AddressState.ACTIVE)
        .limit(1)
    )
    claimed = session.scalar(rows.where(in_state(SendState.SENDING)).order_by(Delivery.id.desc()))
    # Between two claims there may be none for a moment: then whoever comes next.
    return claimed or session.scalars(rows.where(in_state(SendState.QUEUED)).order_by(Delivery.id)).one()


def _last_calls(messages: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Return when the last message of each text, and that to each person, came."""
    last: defaultdict[str, float] = defaultdict(float)
    for message in messages:
        for key in (message["body"], message["to"]):
            last[key] = max(last[key], message["accepted_at"])
    return last


def _percentiles(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
    found = {"p50": statistics.median(ordered), "p99": p99, "max": ordered[-1]}
    return {name: round(value, 3) for name, value in found.items()}


def _keeps_promise(values: list[float]) -> bool:
    found = _percentiles(values)
    return found["p99"] <= P99 and found["max"] <= MOST


@click.command()
@click.option("--trials", default=50, show_default=True)
@click.option("--people", default=100_000, show_default=True, help="Size of the run that is overtaken.")
@measures_each
def main(kind: str, trials: int, people: int) -> dict[str, Any]:
    """Measure how soon stops, opt-outs and corrections take effect, in seconds."""
    return measure(kind, trials, people)


if __name__ == "__main__":
    main()

"""How soon a correction reaches everybody who got a wrong message, and whether it reaches exactly those.

A worker as `fingerpost worker` runs it sends a wrong text, while a large run of another organisation shares its
sender. Once `--people` have it, a few of them say stop, and an approver presses the button: the wrong run is then
still in flight, so that more people turn out to have got it than the rows say at that moment. The sandbox's log is
the judge: who was sent the wrong text and did not say stop before, and nobody else, was sent the correction, once.

`press` is how long the transaction behind the button took, `first` and `last` when the sandbox accepted the first
and the last correction, in seconds from its commit, all on one clock.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any
from uuid import uuid4

import click
from sqlalchemy import select
from sqlalchemy.orm import object_session

from bench.flight import Flight, an_owner, body_of, flight
from bench.harness import measures_each, note
from campaigns.audience.models import Address
from campaigns.delivery.corrections.service import send_correction
from campaigns.delivery.fanout.correction_recipients import may_be_on_the_way
from campaigns.delivery.models import Delivery
from campaigns.delivery.queries import in_state
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.service import receive_inbound
from campaigns.planning.models import Campaign, Run, RunState
from campaigns.staff.models import Organisation, Role
from tests.delivery.builders import frozen
from tests.factories import a_member, a_message
from tests.sandbox.process import SENDER

#: People more than those who have it when the button is pressed, as a share; and of the run beside it.
IN_FLIGHT, BESIDE = 0.2, 100_000
PREFIX, WORDS = "+38063", "Correction: that number was wrong."
#: How many say stop before the button is pressed.
STOPPED = 50
PATIENCE_SECONDS = 900


def measure(kind: str, people: int) -> dict[str, Any]:
    """Return the figures of one database."""
    with flight(kind) as instance:
        wrong = _add_wrong_run(instance, round(people * (1 + IN_FLIGHT)))
        beside = instance.add_run(instance.sending, people=BESIDE)
        instance.start(wrong)
        instance.start(beside)
        instance.wait(lambda: _accepted(instance, wrong) >= people, patience=PATIENCE_SECONDS)
        stopped = _say_stop(instance, wrong)
        began = time.time()
        correction = _press(instance, wrong)
        committed = time.time()
        instance.wait(lambda: _is_over(instance, wrong, correction), patience=PATIENCE_SECONDS)
        figures = _judge(instance, wrong, stopped, since=committed)
    figures = {"people": people, "beside": BESIDE, "press": round(committed - began, 3)} | figures
    note(f"{kind}: {figures}")
    return figures


def _add_wrong_run(instance: Flight, people: int) -> int:
    """Add a campaign to `people` people with a prepared correction, and its run; return the run's id."""
    with instance.sessions.begin() as session:
        sender_id = session.get_one(Campaign, instance.sending.campaign_id).sender_id
        owner = an_owner(session, instance.vault, sender_id, people=people, prefix=PREFIX)
        campaign = session.get_one(Campaign, owner.campaign_id)
        campaign.correction_id = a_message(session, _owner_of(campaign), {"en": WORDS}).id
        message_id = campaign.message_id
    run_id = instance.add_run(owner, people=people)
    with instance.sessions.begin() as session:
        session.get_one(Run, run_id).frozen = frozen(message_id=message_id)
    return run_id


def _accepted(instance: Flight, run_id: int) -> int:
    return instance.count(run_id, SendState.ACCEPTED)


def _say_stop(instance: Flight, wrong: int) -> set[str]:
    """Let some people who got the wrong text say stop, one transaction each as their callbacks come."""
    with instance.reading() as session:
        ids = session.scalars(
            select(Delivery.address_id)
            .where(Delivery.run_id == wrong, in_state(SendState.ACCEPTED))
            .limit(STOPPED)
        ).all()
        rows = session.execute(select(Address.id, Address.ciphertext).where(Address.id.in_(ids))).all()
    seal = {"table": "address", "column": "ciphertext"}
    handles = {instance.vault.open(row.ciphertext, row_id=row.id, **seal) for row in rows}
    for handle in sorted(handles):
        with instance.sessions.begin() as session:
            inbound = Inbound(uuid4().hex, handle, SENDER, "STOP", "sms")
            receive_inbound(session, inbound, instance.vault, account=instance.sending.account)
    return handles


def _press(instance: Flight, wrong: int) -> int:
    with instance.sessions.begin() as session:
        run = session.get_one(Run, wrong)
        approver = a_member(session, _owner_of(run.campaign), Role.APPROVER)
        return send_correction(session, run, by=approver.id, reason="The number is wrong.").id


def _is_over(instance: Flight, wrong: int, correction: int) -> bool:
    """Say whether the correction is done and nobody can turn out any more to have got what was wrong."""
    with instance.reading() as session:
        run = session.get_one(Run, correction)
        is_done = run.state == RunState.DONE and run.planned_through > 0
        return is_done and not may_be_on_the_way(session, run, [wrong])


def _judge(instance: Flight, wrong: int, stopped: set[str], *, since: float) -> dict[str, Any]:
    """Say how long the correction took; fail unless it reached exactly those whom the log names."""
    log = instance.sandbox.whole_truth()
    got = {message["to"] for message in log if message["body"] == body_of(wrong)}
    corrected = [message for message in log if message["body"] == WORDS]
    times = Counter(message["to"] for message in corrected)
    missed, strangers = got - stopped - times.keys(), times.keys() - got
    told = {"missed": len(missed), "strangers": len(strangers), "after_stop": len(times.keys() & stopped)}
    told["twice"] = sum(count > 1 for count in times.values())
    calls = [message["accepted_at"] - since for message in corrected]
    found = {"got": len(got), "stopped": len(stopped), "corrected": len(times), **told}
    assert not any(told.values()), found
    return found | {"first": round(min(calls), 3), "last": round(max(calls), 3)}


def _owner_of(campaign: Campaign) -> Organisation:
    session = object_session(campaign)
    assert session is not None
    return session.get_one(Organisation, campaign.organisation_id)


@click.command()
@click.option(
    "--people", default=20_000, show_default=True, help="Who has the wrong text when the button is pressed."
)
@measures_each
def main(kind: str, people: int) -> dict[str, Any]:
    """Measure a correction, from the press of its button to the last acceptance, in seconds."""
    return measure(kind, people)


if __name__ == "__main__":
    main()

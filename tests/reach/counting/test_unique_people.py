"""People are counted once in a campaign, a month, an organisation and the instance, as a count one by one says."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent.models import PairedHandle
from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.places.models import PlaceCell
from campaigns.planning.models import Run
from campaigns.reach.counting.ladder import CAME_TO, REACHED, Rung, rung_of
from campaigns.reach.counting.service import count_crowd, replace_crowd
from campaigns.reach.counting.unique_people import SENT, Crowd, Measure, Part
from campaigns.reach.models import PeopleReach, Scope
from tests.factories import (
    NOON,
    a_campaign,
    a_contact,
    a_delivery,
    a_member,
    a_place,
    a_run,
    add,
    an_address,
    an_organisation,
)

pytestmark = pytest.mark.one_database

Found = dict[tuple[str, str, str], int]


@pytest.fixture
def runs(session: Session) -> list[Run]:
    """Two campaigns of one organisation, the first with two runs."""
    organisation = an_organisation(session)
    member = a_member(session, organisation)
    first, second = (a_campaign(session, organisation, member) for _ in range(2))
    return [a_run(session, first), a_run(session, first), a_run(session, second)]


def found_in(session: Session, crowd: Crowd) -> Found:
    return {(row["part"], row["measure"], row["key"]): row["people"] for row in count_crowd(session, crowd)}


def total(found: Found, measure: Measure) -> int:
    return sum(people for (part, of, _), people in found.items() if (part, of) == (Part.REGION, measure))


def scatter(session: Session, runs: list[Run], *, seed: int, people: int = 25) -> None:
    """Write to each person in some of the runs, with any outcome, over two months."""
    chance = random.Random(seed)
    for contact_id in range(1, people + 1):
        for run in chance.sample(runs, chance.randint(1, len(runs))):
            a_delivery(
                session,
                run,
                contact_id=contact_id,
                channel=chance.choice(list(Channel)),
                region_id=chance.choice([0, 1, 2]),
                send_state=chance.choice(list(SendState)),
                receipt_state=chance.choice([None, *ReceiptState]),
                intent_at=NOON + timedelta(days=chance.choice([0, 0, 31])),
            )


def counts_for(delivery: Delivery, measure: Measure) -> bool:
    receipt = ReceiptState(delivery.receipt_state) if delivery.receipt_state else None
    channel = Channel(delivery.channel)
    rung = rung_of(channel, None, send_state=SendState(delivery.send_state), receipt_state=receipt)
    return rung in (REACHED[channel] if measure is Measure.REACHED else CAME_TO[Rung(measure.value)])


def one_by_one(session: Session, crowd: Crowd) -> Found:
    """Count in Python what `count_crowd` counts in SQL, from the definition."""
    people: dict[int, list[Delivery]] = defaultdict(list)
    for delivery in session.scalars(select(Delivery).where(Delivery.run_id.in_(crowd.runs()))):
        assert delivery.intent_at is not None
        if crowd.period in ("", f"{delivery.intent_at:%Y-%m}"):
            people[delivery.contact_id].append(delivery)
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    for deliveries in people.values():
        deliveries.sort(key=lambda one: (not counts_for(one, Measure.REACHED), one.intent_at, one.id))
        for measure in SENT:
            channels = {one.channel for one in deliveries if counts_for(one, measure)}
            for channel in channels:
                counts[Part.CHANNEL, measure, channel] += 1
            if channels:
                counts[Part.REGION, measure, str(deliveries[0].region_id)] += 1
    return dict(counts)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("scope", [Scope.CAMPAIGN, Scope.MONTH, Scope.ORGANISATION])
def test_counting_once_equals_one_by_one(session: Session, runs: list[Run], scope: Scope, seed: int) -> None:
    scatter(session, runs, seed=seed)
    whole = Crowd(scope, runs[0].organisation_id, "2026-03" if scope is Scope.MONTH else "")
    crowd = of_campaign(runs[0]) if scope is Scope.CAMPAIGN else whole
    found = found_in(session, crowd)
    compared = {key: people for key, people in found.items() if key[0] in (Part.REGION, Part.CHANNEL)}
    assert compared == one_by_one(session, crowd)


def test_person_of_two_organisations_counts_once_in_the_instance(
    session: Session, runs: list[Run], vault: Vault
) -> None:
    other = an_organisation(session)
    foreign = a_run(session, a_campaign(session, other, a_member(session, other)))
    for run, channel in ((runs[0], Channel.SMS), (foreign, Channel.WHATSAPP)):
        organisation = session.get_one(type(other), run.organisation_id)
        contact = a_contact(session, organisation)
        an_address(session, contact, vault, channel=channel)
        a_delivery(session, run, contact_id=contact.id, send_state=SendState.ACCEPTED)
    a_delivery(session, foreign, send_state=SendState.ACCEPTED)
    assert total(found_in(session, Crowd(Scope.INSTANCE, 0)), Measure.ACCEPTED) == 2
    assert total(found_in(session, Crowd(Scope.ORGANISATION, other.id)), Measure.ACCEPTED) == 2


def test_person_known_by_number_and_by_what_whatsapp_calls_it_counts_once_in_the_instance(
    session: Session, runs: list[Run], vault: Vault
) -> None:
    other = an_organisation(session)
    foreign = a_run(session, a_campaign(session, other, a_member(session, other)))
    handles = ((runs[0], Channel.SMS, "+380670000001"), (foreign, Channel.WHATSAPP, "UA.8f2c1d"))
    for run, channel, handle in handles:
        contact = a_contact(session, session.get_one(type(other), run.organisation_id))
        an_address(session, contact, vault, channel=channel, number=handle)
        a_delivery(session, run, contact_id=contact.id, send_state=SendState.ACCEPTED)
    instance = Crowd(Scope.INSTANCE, 0)
    assert total(found_in(session, instance), Measure.ACCEPTED) == 2
    pair = {"lookup": vault.lookup_hash(*handles[1][1:]), "number": vault.number_hash(handles[0][2])}
    add(session, PairedHandle(**pair, shown_at=NOON))
    assert total(found_in(session, instance), Measure.ACCEPTED) == 1


def test_rehearsal_reaches_nobody(session: Session, runs: list[Run]) -> None:
    runs[2].is_rehearsal = True
    a_delivery(session, runs[2], send_state=SendState.ACCEPTED)
    assert count_crowd(session, of_campaign(runs[2])) == []


def a_reply(session: Session, contact_id: int, **changes: Any) -> None:
    values = {"gateway": "twilio", "provider_id": f"SM{contact_id}{changes}"[:64], "channel": Channel.SMS}
    sealed = {"lookup": b"l" * 32, "sealed_text": b"", "received_at": NOON + timedelta(hours=2)}
    add(session, Reply(contact_id=contact_id, **values, **sealed | {"kind": ReplyKind.TEXT} | changes))


def test_reply_belongs_to_the_last_message_before_it(session: Session, runs: list[Run]) -> None:
    organisation = session.get_one(type(an_organisation(session)), runs[0].organisation_id)
    contacts = [a_contact(session, organisation).id for _ in range(3)]
    for number, run in enumerate(runs):
        for contact_id in contacts:
            sent = {"send_state": SendState.ACCEPTED, "intent_at": NOON + timedelta(hours=number)}
            a_delivery(session, run, contact_id=contact_id, region_id=number, **sent)
    a_reply(session, contacts[0], received_at=NOON + timedelta(minutes=90))
    a_reply(session, contacts[0], received_at=NOON + timedelta(minutes=95))
    a_reply(session, contacts[1])
    a_reply(session, contacts[2], kind=ReplyKind.STOP)
    first, second = (found_in(session, of_campaign(runs[at])) for at in (0, 2))
    assert (total(first, Measure.ENGAGED), total(second, Measure.ENGAGED)) == (1, 1)
    assert first[Part.REGION, Measure.ENGAGED, "1"] == 1


def test_people_at_a_hotspot_are_counted(session: Session, runs: list[Run]) -> None:
    organisation = session.get_one(type(an_organisation(session)), runs[0].organisation_id)
    place = a_place(session, organisation)
    add(session, PlaceCell(cell=77, place_id=place.id, leg=0))
    contact = a_contact(session, organisation, cell=77)
    for run in runs[:2]:
        a_delivery(session, run, contact_id=contact.id, send_state=SendState.ACCEPTED)
    found = found_in(session, of_campaign(runs[0]))
    assert found[Part.PLACE, Measure.ACCEPTED, str(place.id)] == 1


def test_storing_a_count_replaces_the_one_before(session: Session, runs: list[Run]) -> None:
    crowd = of_campaign(runs[0])
    for _ in range(2):
        a_delivery(session, runs[0], send_state=SendState.ACCEPTED)
        replace_crowd(session, crowd, count_crowd(session, crowd), counted_at=clock.now())
    stored = select(PeopleReach.people).where(
        PeopleReach.part == Part.REGION, PeopleReach.measure == Measure.ACCEPTED
    )
    assert session.scalars(stored).all() == [2]


def of_campaign(run: Run) -> Crowd:
    assert run.campaign_id is not None
    return Crowd(Scope.CAMPAIGN, run.campaign_id)

"""Counting a run anew equals counting its deliveries one by one, however often it is done."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, Channel
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Run, RunState
from campaigns.reach.counting.ladder import FAILURES, Rung, rung_of
from campaigns.reach.counting.run_counts import REST, recount_due
from campaigns.reach.counting.service import recount_run
from campaigns.reach.models import RunReach
from tests.factories import (
    NOON,
    a_campaign,
    a_contact,
    a_delivery,
    a_member,
    a_run,
    add,
    an_address,
    an_organisation,
)
from tests.moments import standing_at

pytestmark = pytest.mark.one_database


@pytest.fixture
def run(session: Session) -> Run:
    organisation = an_organisation(session)
    return a_run(session, a_campaign(session, organisation, a_member(session, organisation)))


def scatter(session: Session, run: Run, vault: Vault, *, seed: int, deliveries: int = 60) -> None:
    """Make deliveries in every kind of state, some to numbers of a country without handset receipts."""
    chance = random.Random(seed)
    texts = [add(session, RunText(run_id=run.id, language=language, body="x")).id for language in ("uk", "ar")]
    organisation = run.campaign.organisation_id
    for number in range(deliveries):
        contact = a_contact(session, session.get_one(type(an_organisation(session)), organisation))
        country = chance.choice(["UA", "MD", None])
        address = an_address(session, contact, vault, number=f"+3805012{number:05d}", country=country)
        a_delivery(
            session,
            run,
            contact_id=contact.id,
            address_id=address.id,
            text_id=chance.choice([*texts, 0]),
            region_id=chance.choice([0, 1, 2]),
            send_state=chance.choice(list(SendState)),
            receipt_state=chance.choice([None, *ReceiptState]),
            error=chance.choice([None, "21614", "broken_reply"]),
            receipt_error=chance.choice([None, "30003"]),
        )


def stored(session: Session, run: Run) -> Counter[tuple[object, ...]]:
    rows = session.scalars(
        select(RunReach).where(RunReach.run_id == run.id).execution_options(populate_existing=True)
    )
    return Counter({(row.region_id, row.channel, row.language, row.rung, row.cause): row.people for row in rows})


def counted_one_by_one(session: Session, run: Run) -> Counter[tuple[object, ...]]:
    counts: Counter[tuple[object, ...]] = Counter()
    rows = session.execute(
        select(Delivery, Address.country, RunText.language)
        .outerjoin(Address, Address.id == Delivery.address_id)
        .outerjoin(RunText, RunText.id == Delivery.text_id)
        .where(Delivery.run_id == run.id)
    )
    for delivery, country, language in rows:
        receipt = ReceiptState(delivery.receipt_state) if delivery.receipt_state else None
        rung = rung_of(
            Channel(delivery.channel), country, send_state=SendState(delivery.send_state), receipt_state=receipt
        )
        error = delivery.error if rung is Rung.FAILED else delivery.receipt_error
        cause = (error or "") if rung in FAILURES else ""
        counts[delivery.region_id, delivery.channel, language or "", rung, cause] += 1
    return counts


@pytest.mark.parametrize("seed", range(3))
def test_recount_equals_counting_one_by_one(session: Session, run: Run, vault: Vault, seed: int) -> None:
    scatter(session, run, vault, seed=seed)
    recount_run(session, run.id)
    assert stored(session, run) == counted_one_by_one(session, run)
    assert stored(session, run).total() == 60


def test_counting_twice_is_counting_once(session: Session, run: Run, vault: Vault) -> None:
    scatter(session, run, vault, seed=1, deliveries=20)
    recount_run(session, run.id)
    before = stored(session, run)
    recount_run(session, run.id)
    assert stored(session, run) == before


def test_recount_leaves_other_runs_alone(session: Session, run: Run) -> None:
    other = a_run(session, run.campaign)
    a_delivery(session, run)
    a_delivery(session, other)
    recount_run(session, other.id)
    recount_run(session, run.id)
    assert stored(session, other).total() == stored(session, run).total() == 1


@pytest.mark.both_databases
def test_worker_counts_what_is_due_and_no_more(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        run = a_run(session, a_campaign(session, organisation, a_member(session, organisation)))
        a_delivery(session, run)
    assert [recount_due(sessions), recount_due(sessions)] == [1, 0]
    with sessions() as session:
        assert stored(session, run) == counted_one_by_one(session, run)


@pytest.mark.parametrize(
    ("changes", "minutes"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"planned": 1_000_000}, [6]),
        ({"planned": 1_000_000, "state": RunState.DONE, "finished_at": NOON}, [0, 2, 4, 6]),
        ({"state": RunState.DONE, "finished_at": NOON - 9 * REST}, [0, 3, 6]),
    ],
)
def test_runs_that_just_started_or_ended_long_ago_and_large_ones_are_counted_less_often(
    sessions: sessionmaker[Session], changes: dict[str, Any], minutes: list[int]
) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        campaign = a_campaign(session, organisation, a_member(session, organisation))
        a_run(session, campaign, **{"started_at": NOON} | changes)
    counted = []
    for passed in range(7):
        with standing_at(NOON + timedelta(minutes=passed)):
            counted += [passed] * recount_due(sessions)
    assert counted == minutes


def test_two_counters_at_once_do_not_collide(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        run = a_run(session, a_campaign(session, organisation, a_member(session, organisation)))
        for _ in range(5):
            a_delivery(session, run)

    def count() -> None:
        recount_due(sessions, fresh_for=timedelta(0))
        with sessions.begin() as session:
            recount_run(session, run.id)

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sessions() as session:
        assert stored(session, run).total() == 5

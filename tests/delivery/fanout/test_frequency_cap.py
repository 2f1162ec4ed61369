"""The cap: nobody gets more than so many messages in so many days, whichever organisation sends them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import HashedHandle
from campaigns.audience.consent.pairs import note_pair
from campaigns.audience.consent.person import mark_shared
from campaigns.audience.kept.counting import Span
from campaigns.audience.kept.people_questions import ask_capped
from campaigns.audience.models import Address, AddressState, Channel
from campaigns.audience.rules import AudienceRule, Resolution, SenderChoice
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.fanout.frequency_cap import CALLED, count_capped
from campaigns.delivery.models import Delivery
from campaigns.delivery.monitoring.progress import left_out_of_run
from campaigns.delivery.states import SendState
from campaigns.planning.models import Priority, Run, RunState
from campaigns.planning.policy import USUAL
from campaigns.staff.models import Organisation
from tests.delivery.builders import a_planned_run, frozen, give_addresses, people
from tests.factories import a_contact, a_delivery, a_sender, an_address, an_organisation

pytestmark = pytest.mark.one_database

TWICE_A_WEEK: dict[str, Any] = {"cap_messages": 2, "cap_days": 7}


def a_capped_run(session: Session, organisation: Organisation, **changes: Any) -> int:
    """Add a run that nobody gets who had two messages in a week; return its id."""
    values: dict[str, Any] = {"frozen": frozen(**TWICE_A_WEEK)}
    return a_planned_run(session, organisation=organisation, **values | changes).id


def sent(session: Session, organisation: Organisation, contacts: list[int], **changes: Any) -> Run:
    """Add a run that wrote to these people yesterday; `days` ago, or with another `state`, if said."""
    days, state = changes.pop("days", 1), changes.pop("state", SendState.ACCEPTED)
    at = clock.now() - timedelta(days=days)
    times = {"due_at": at, "intent_at": at, "expires_at": at + timedelta(days=changes.pop("lasts", 2))}
    run = a_planned_run(session, organisation=organisation, **{"state": RunState.RUNNING} | changes)
    for contact_id in contacts:
        a_delivery(session, run, contact_id=contact_id, send_state=state, **times)
    return run


def planned(sessions: sessionmaker[Session], run_id: int) -> tuple[int, dict[str, int]]:
    """Fan the run out in small chunks; return how many it writes to, and how many it leaves out by reason."""
    fan_out(sessions, run_id, policy=USUAL, chunk=3)
    with sessions() as session:
        return session.get_one(Run, run_id).planned, left_out_of_run(session, run_id)


def test_who_had_enough_is_counted_apart(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        contacts = people(session, organisation.id, vault, count=10)
        sent(session, organisation, contacts[:7])
        sent(session, organisation, contacts[3:], state=SendState.QUEUED)
        run_id = a_capped_run(session, organisation)
    assert planned(sessions, run_id) == (6, {"capped": 4})
    with sessions() as session:
        reached = set(session.scalars(select(Delivery.contact_id).where(Delivery.run_id == run_id)))
    assert reached == {*contacts[:3], *contacts[7:]}


def test_organisations_count_together(sessions: sessionmaker[Session], vault: Vault) -> None:
    """The same people are contacts of two organisations, known by two addresses to both."""
    with sessions.begin() as session:
        ours, theirs = an_organisation(session), an_organisation(session)
        at_ours, at_theirs = (people(session, each.id, vault, count=6) for each in (ours, theirs))
        for organisation, contacts in ((ours, at_ours), (theirs, at_theirs)):
            give_addresses(session, organisation.id, vault, contacts, prefix="+38067", channel=Channel.WHATSAPP)
        sent(session, ours, at_ours[:4])
        sent(session, theirs, at_theirs[2:])
        run_id = a_capped_run(session, ours)
    assert planned(sessions, run_id) == (4, {"capped": 2})


@pytest.mark.parametrize("is_ours", [True, False])
def test_messages_on_another_channel_count(sessions: sessionmaker[Session], vault: Vault, is_ours: bool) -> None:
    """Two of our phones are known by WhatsApp too: to others, or in contacts of ours that were made twice."""
    with sessions.begin() as session:
        ours, theirs = an_organisation(session), an_organisation(session)
        people(session, ours.id, vault, count=5)
        owner = ours if is_ours else theirs
        twins = people(session, owner.id, vault, count=2, prefix="+38099")
        give_addresses(session, owner.id, vault, twins, prefix="+38067", channel=Channel.WHATSAPP)
        mark_shared(session, owner.id, [vault.number_hash(f"+38067{number:07}") for number in range(9)])
        for _ in range(2):
            sent(session, owner, twins)
        run_id = a_capped_run(session, ours)
    assert planned(sessions, run_id) == (3, {"capped": 4 if is_ours else 2})


@pytest.mark.both_databases
@pytest.mark.parametrize("by_id", [True, False])
@pytest.mark.parametrize("is_ours", [True, False])
def test_messages_to_what_whatsapp_calls_a_phone_count(
    sessions: sessionmaker[Session], vault: Vault, is_ours: bool, by_id: bool
) -> None:
    """Somebody of ours is known by their number or by that id, and by the other one to others or once more."""
    with sessions.begin() as session:
        ours, theirs = an_organisation(session), an_organisation(session)
        owner = ours if is_ours else theirs
        handles = {False: "+380670000001", True: "UA.8f2c1d"}
        facts: dict[str, Any] = {"channel": Channel.WHATSAPP, "heard_at": clock.now()}
        one, other = (
            an_address(session, a_contact(session, who, language="en"), vault, number=text, **facts)
            for who, text in ((ours, handles[by_id]), (owner, handles[not by_id]))
        )
        note_pair(session, HashedHandle.of(one), HashedHandle.of(other))
        people(session, ours.id, vault, count=2, prefix="+38050")
        for _ in range(2):
            sent(session, owner, [other.contact_id])
        run_id = a_capped_run(
            session, ours, senders=[a_sender(session), a_sender(session, channel=Channel.WHATSAPP)]
        )
    assert planned(sessions, run_id) == (2, {"capped": 2 if is_ours else 1})


@pytest.mark.both_databases
def test_other_organisations_suffice(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        ours, theirs = an_organisation(session), an_organisation(session)
        people(session, ours.id, vault, count=5)
        at_theirs = people(session, theirs.id, vault, count=4)
        for _ in range(2):
            sent(session, theirs, at_theirs)
        run_id = a_capped_run(session, ours)
    assert planned(sessions, run_id) == (1, {"capped": 4})


@pytest.mark.parametrize(("days", "reached"), [(6.9, 0), (7.1, 3)])
def test_old_messages_do_not_count(
    sessions: sessionmaker[Session], vault: Vault, days: float, reached: int
) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        contacts = people(session, organisation.id, vault, count=3)
        for _ in range(2):
            sent(session, organisation, contacts, days=days, created_at=clock.now() - timedelta(days=30))
        run_id = a_capped_run(session, organisation)
    assert planned(sessions, run_id)[0] == reached


@pytest.mark.parametrize("state", SendState)
def test_only_what_may_have_come_counts(sessions: sessionmaker[Session], vault: Vault, state: SendState) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        contacts = people(session, organisation.id, vault, count=3)
        sent(session, organisation, contacts)
        sent(session, organisation, contacts, state=state)
        run_id = a_capped_run(session, organisation)
    assert planned(sessions, run_id) == ((0, {"capped": 3}) if state in {*CALLED, SendState.QUEUED} else (3, {}))


def test_waiting_messages_count_until_they_expire(sessions: sessionmaker[Session], vault: Vault) -> None:
    """A run that was released late waits since long; one that is paused for ever keeps nobody from hearing."""
    with sessions.begin() as session:
        organisation = an_organisation(session)
        contacts = people(session, organisation.id, vault, count=5)
        for _ in range(2):
            sent(session, organisation, contacts[:3], days=30, lasts=31, state=SendState.QUEUED)
            sent(session, organisation, contacts[3:], days=30, lasts=29, state=SendState.QUEUED)
        run_id = a_capped_run(session, organisation)
    assert planned(sessions, run_id) == (2, {"capped": 3})


@pytest.mark.parametrize("priority", [Priority.URGENT, Priority.FIRST])
def test_urgent_runs_and_corrections_reach_everybody(
    sessions: sessionmaker[Session], vault: Vault, priority: Priority
) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        contacts = people(session, organisation.id, vault, count=3)
        for _ in range(2):
            sent(session, organisation, contacts)
        run_id = a_capped_run(session, organisation, priority=priority)
    assert planned(sessions, run_id) == (3, {})


def test_rehearsals_are_not_counted(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        contacts = people(session, organisation.id, vault, count=5)
        sent(session, organisation, contacts)
        sent(session, organisation, contacts[:2])
        sent(session, organisation, contacts, is_rehearsal=True)
        run_id = a_capped_run(session, organisation)
    assert planned(sessions, run_id) == (3, {"capped": 2})


def test_runs_without_a_cap_reach_everybody(sessions: sessionmaker[Session], vault: Vault) -> None:
    stored = frozen()
    del stored["cap_messages"], stored["cap_days"]
    with sessions.begin() as session:
        organisation = an_organisation(session)
        contacts = people(session, organisation.id, vault, count=3)
        for _ in range(4):
            sent(session, organisation, contacts)
        run_id = a_capped_run(session, organisation, frozen=stored)
    assert planned(sessions, run_id) == (3, {})


def test_stop_comes_before_the_cap(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        contacts = people(session, organisation.id, vault, count=4)
        for _ in range(2):
            sent(session, organisation, contacts)
        session.scalars(
            select(Address).where(Address.contact_id == contacts[0])
        ).one().state = AddressState.OPTED_OUT
        run_id = a_capped_run(session, organisation)
    assert planned(sessions, run_id) == (0, {"capped": 3, "opted_out": 1})


@pytest.mark.both_databases
def test_runs_planned_at_once_share_the_cap(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        organisation = an_organisation(session)
        contacts = people(session, organisation.id, vault, count=40)
        sent(session, organisation, contacts)
        runs = [a_capped_run(session, organisation) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda run_id: planned(sessions, run_id), runs))
    assert sum(number for number, _ in found) == 40
    assert [number + left.get("capped", 0) for number, left in found] == [40, 40]
    with sessions() as session:
        messages = select(func.count()).select_from(Delivery).group_by(Delivery.contact_id)
        assert set(session.scalars(messages)) == {2}


@pytest.mark.both_databases
def test_plan_counts_whom_the_run_leaves_out(sessions: sessionmaker[Session], vault: Vault) -> None:
    """What a campaign's page says before it is sent is what its fan-out counts then, own and foreign messages."""
    with sessions.begin() as session:
        ours, theirs = an_organisation(session), an_organisation(session)
        mine = people(session, ours.id, vault, count=6)
        same = people(session, theirs.id, vault, count=6)
        sent(session, ours, mine[:4])
        sent(session, theirs, same[2:])
        run = session.get_one(Run, a_capped_run(session, ours))
        resolution = Resolution((SenderChoice(run.sender_id, Channel.SMS),), ("en",), None, "UTC", clock.now())
        asked = ask_capped(AudienceRule(), resolution, messages=2, days=7)
        counted = list(count_capped(session, asked.values, Span(ours.id, clock.now())))
        run_id, sender_id = run.id, run.sender_id
    assert counted == [("en", sender_id, "UA", 2)]
    assert planned(sessions, run_id)[1] == {"capped": 2}

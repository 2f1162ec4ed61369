"""Every text over a sender that nobody can answer ends with a link, and each person's is their own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, Channel
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import NOBODYS
from campaigns.delivery.engine.ports import Ask, Claimed
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.one_person.channel_fallback import fall_back
from campaigns.delivery.states import SendState
from campaigns.leaving.service import find_address
from campaigns.messages.text.how_to_stop import StopWay
from campaigns.messages.text.sms_parts import count_parts
from campaigns.planning.estimates.rendered_texts import longest_way
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import Policy
from tests.delivery.builders import a_planned_run, frozen, give_addresses, people
from tests.factories import a_sender, an_organisation

POLICY = Policy(36_500, pages="https://info.example")
SENDER = {"channel": "sms", "identity": "NGOINFO"}
NUMBER = {"channel": "sms", "identity": "+15005550006"}
BEGINNING = "Keep it. No more messages: https://info.example/en/e/"


def planned(
    sessions: sessionmaker[Session], vault: Vault, *, names_page: bool = True, pages: str = ""
) -> tuple[int, int]:
    """Plan a run over a name, with a number behind it; return its id and that of the name."""
    with sessions.begin() as session:
        organisation = an_organisation(session)
        senders = [
            a_sender(session, identity="NGOINFO", two_way=False, countries=["PL"]),
            a_sender(session, identity=NUMBER["identity"]),
        ]
        texts = {"en": "Keep it. ((stop))"}
        content = frozen(texts, names_page=names_page, pages=pages, senders=[SENDER, NUMBER])
        run = a_planned_run(session, organisation=organisation, frozen=content, senders=senders)
        ids = people(session, organisation.id, vault, count=3, prefix="+48501")
        for address in session.scalars(select(Address).where(Address.contact_id.in_(ids))):
            address.country = "PL"
        run_id, sender_id = run.id, senders[0].id
    fan_out(sessions, run_id, policy=POLICY)
    return run_id, sender_id


def claim(sessions: sessionmaker[Session], vault: Vault, run_id: int, sender_id: int) -> Sequence[Claimed]:
    with sessions.begin() as session:
        session.get_one(Run, run_id).state = RunState.RUNNING
    return DatabaseStore(sessions, vault).exchange((), Ask(Line(sender_id), run_id, 0, 100, None)).claimed


def test_each_person_gets_a_link_of_their_own(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id, sender_id = planned(sessions, vault)
    claimed = claim(sessions, vault, run_id, sender_id)
    assert len(claimed) == 3
    for each in claimed:
        assert each.body.startswith(BEGINNING)
        with sessions() as session:
            named = find_address(session, each.body.removeprefix(BEGINNING), vault=vault)
            assert named is not None
            assert named.id == each.address_id
        # As long as the text that was counted and approved.
        assert len(each.body) == len(BEGINNING + NOBODYS)
        assert count_parts(each.body) == count_parts(BEGINNING + NOBODYS)


def test_whoever_falls_back_to_a_number_is_told_a_word(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id, _ = planned(sessions, vault)
    with sessions() as session:
        bodies = set(session.scalars(select(RunText.body).where(RunText.run_id == run_id)))
    assert bodies == {BEGINNING + NOBODYS, "Keep it. No more messages: STOP", "Keep it."}


@pytest.mark.both_databases
def test_whoever_cannot_answer_a_number_gets_the_link(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        organisation, sender = an_organisation(session), a_sender(session, identity=NUMBER["identity"])
        content = frozen({"en": "Keep it. ((stop))"}, names_page=True, senders=[NUMBER])
        run = a_planned_run(session, organisation=organisation, frozen=content, senders=[sender])
        # About answers from Ukraine the sources differ.
        people(session, organisation.id, vault, count=1)
        run_id, sender_id = run.id, sender.id
    fan_out(sessions, run_id, policy=POLICY)
    [claimed] = claim(sessions, vault, run_id, sender_id)
    assert claimed.body.startswith(BEGINNING)
    assert longest_way([NUMBER], "UA") == StopWay.LINK
    assert longest_way([NUMBER], "UA", by_link=False) == StopWay.NONE


@pytest.mark.both_databases
def test_whoever_falls_back_to_a_number_they_cannot_answer_gets_the_link(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    bot = {"channel": "telegram", "identity": "bot"}
    with sessions.begin() as session:
        organisation = an_organisation(session)
        senders = [
            a_sender(session, identity="bot", channel=Channel.TELEGRAM, gateway="telegram"),
            a_sender(session, identity=NUMBER["identity"]),
        ]
        content = frozen({"en": "Keep it. ((stop))"}, names_page=True, senders=[bot, NUMBER])
        run = a_planned_run(session, organisation=organisation, frozen=content, senders=senders)
        [contact_id] = people(session, organisation.id, vault, count=1)
        give_addresses(
            session, organisation.id, vault, [contact_id], prefix="70", channel=Channel.TELEGRAM, country=None
        )
        run_id = run.id
    fan_out(sessions, run_id, policy=POLICY)
    with sessions.begin() as session:
        delivery = session.scalars(select(Delivery)).one()
        assert session.get_one(RunText, delivery.text_id).body == "Keep it. No more messages: STOP"
        delivery.send_state = SendState.FAILED
        session.get_one(Run, run_id).state = RunState.RUNNING
        session.flush()
        assert fall_back(session, [delivery.id]) == 1
        session.refresh(delivery)
        assert session.get_one(RunText, delivery.text_id).body == BEGINNING + NOBODYS


def test_run_of_an_earlier_version_over_no_sms_still_tells_the_word(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    facts = [
        {"channel": channel, "identity": "bot", "gateway": "telegram"} for channel in ("telegram", "whatsapp")
    ]
    with sessions.begin() as session:
        organisation = an_organisation(session)
        senders = [a_sender(session, **each) for each in facts]
        # It said of all runs that they name a page.
        content = frozen({"en": "Keep it. ((stop))"}, names_page=True, senders=facts)
        run = a_planned_run(session, organisation=organisation, frozen=content, senders=senders)
        ids = people(session, organisation.id, vault, count=1)
        give_addresses(session, organisation.id, vault, ids, prefix="70", channel=Channel.TELEGRAM, country=None)
        run_id = run.id
    fan_out(sessions, run_id, policy=POLICY)
    with sessions() as session:
        text_id = session.scalars(select(Delivery.text_id)).one()
        assert session.get_one(RunText, text_id).body == "Keep it. No more messages: STOP"


def test_link_has_the_address_that_was_approved(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id, sender_id = planned(sessions, vault, pages="https://approved.example")
    said = "Keep it. No more messages: https://approved.example/en/e/"
    bodies = [each.body for each in claim(sessions, vault, run_id, sender_id)]
    assert [body.startswith(said) for body in bodies] == [True] * 3


def test_run_that_was_frozen_before_keeps_its_words(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id, sender_id = planned(sessions, vault, names_page=False)
    assert {each.body for each in claim(sessions, vault, run_id, sender_id)} == {"Keep it."}

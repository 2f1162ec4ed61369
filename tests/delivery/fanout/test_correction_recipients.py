"""Whom a correction is for, and over which address.

A text in one more language raises the version of a message: what was wrong before is wrong still.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, aliased, sessionmaker

from campaigns.audience.models import Address, AddressState, Channel, Contact
from campaigns.core import clock
from campaigns.core.errors import RefusedError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.corrections.service import send_correction
from campaigns.delivery.fanout.correction_recipients import find_wrong_runs, was_corrected_with
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery, RunLeftOut
from campaigns.delivery.states import SendState
from campaigns.messages.service import save_translation
from campaigns.messages.translations.withdrawals import find_withdrawal
from campaigns.planning.do_no_harm.service import prepare_correction
from campaigns.planning.models import CampaignState, Run, RunState
from campaigns.planning.policy import USUAL
from campaigns.planning.service import fire_due
from tests.factories import a_delivery, a_message, a_run, an_address
from tests.planning.story import DUE, START, Story, a_story

pytestmark = pytest.mark.one_database


@pytest.fixture
def story(session: Session, vault: Vault) -> Iterator[Story]:
    with clock.running_on(lambda: START):
        yield a_correctable_story(session, vault)


def a_correctable_story(session: Session, vault: Vault, people: int = 3) -> Story:
    story = a_story(session, vault, people=people)
    words = {"en": "Wrong number.", "uk": "Хибний номер."}
    message = a_message(session, story.organisation, words, title="Correction")
    prepare_correction(session, story.campaign, message_id=message.id, by=story.author.id)
    story.approved()
    return story


def write(story: Story, language: str, text: str) -> None:
    save_translation(
        story.session, story.campaign.message, language=language, text=text, by=story.author.id, is_draft=True
    )


def correct(story: Story, run: Run) -> Run:
    return send_correction(story.session, run, by=story.approver.id, reason="The number is wrong.")


@pytest.mark.both_databases
def test_other_version_with_the_same_words_is_withdrawn_too(story: Story) -> None:
    session, message = story.session, story.campaign.message
    (run,) = fire_due(session, now=DUE)
    write(story, "ro", "Păstrați pașaportul.")
    assert story.is_sound()  # What is sent is what was approved: the draft is not sent.
    later = a_run(session, story.campaign, frozen=run.frozen, message_version=message.version)
    write(story, "pl", "Zachowaj paszport.")
    correct(story, run)
    session.refresh(later)
    assert later.state == RunState.STOPPED
    assert find_wrong_runs(session, run) == [run.id, later.id]
    wrong, first = aliased(Run), aliased(Run)
    of_it = select(wrong.id).join(first, was_corrected_with(wrong, first)).where(first.id == later.id)
    assert set(session.scalars(of_it)) == {run.id, later.id}
    assert find_withdrawal(session, message.id, message.version) is not None
    session.refresh(story.campaign)
    assert story.campaign.state == CampaignState.DRAFT


def test_one_more_language_does_not_bring_back_what_was_withdrawn(story: Story) -> None:
    (run,) = fire_due(story.session, now=DUE)
    correct(story, run)
    write(story, "ro", "Păstrați pașaportul.")
    write(story, "ro", "Păstrați pașaportul dvs.")
    assert find_withdrawal(story.session, story.campaign.message_id, story.campaign.message.version) is not None
    with pytest.raises(RefusedError, match="withdrawn"):
        story.approved()


def test_run_of_other_words_is_not_corrected(story: Story) -> None:
    session, message = story.session, story.campaign.message
    (run,) = fire_due(session, now=DUE)
    write(story, "uk", "Бережіть паспорт. ((hotline))")
    texts = {**run.frozen["texts"], "uk": "Бережіть паспорт. ((hotline))"}
    other = a_run(session, story.campaign, frozen={**run.frozen, "texts": texts}, message_version=message.version)
    correct(story, run)
    assert find_wrong_runs(session, run) == [run.id]
    session.refresh(other)
    # It pauses for two to decide, since its text in another language is the same.
    assert (other.state, "Another version" in str(other.reason)) == (RunState.PAUSED, True)
    assert find_withdrawal(session, message.id, message.version) is None


class ToldTwice:
    """One person got the wrong text over two addresses: by SMS first, and over WhatsApp in a later run."""

    def __init__(self, sessions: sessionmaker[Session], vault: Vault) -> None:
        self.sessions = sessions
        with sessions() as session:
            story = a_correctable_story(session, vault, people=1)
            (run,) = fire_due(session, now=DUE)
            session.commit()
            fan_out(sessions, run.id, policy=USUAL)
            first = session.scalars(select(Delivery)).one()
            contact = session.get_one(Contact, first.contact_id)
            other = an_address(session, contact, vault, number="+380671234567", channel=Channel.WHATSAPP)
            later = a_run(session, story.campaign, frozen=run.frozen, message_version=run.message_version)
            to = {"contact_id": contact.id, "address_id": other.id, "channel": Channel.WHATSAPP}
            a_delivery(session, later, text_id=first.text_id, **to)
            session.execute(update(Delivery).values(send_state=SendState.ACCEPTED))
            # Whoever wrote a moment ago needs no template.
            other.heard_at = clock.now()
            self.addresses, self._run_id, self._story = (first.address_id, other.id), run.id, story
            session.commit()

    def correct(self, *states: AddressState, **frozen: Any) -> tuple[list[int], dict[str, int]]:
        """Let the addresses be in these states, and return those that are corrected, with who is left out.

        `frozen` is what the correction has of its own.
        """
        with self.sessions() as session:
            for address_id, state in zip(self.addresses, states, strict=True):
                session.get_one(Address, address_id).state = state
            correction = correct(self._story.in_session(session), session.get_one(Run, self._run_id))
            correction.frozen = correction.frozen | frozen
            session.commit()
            fan_out(self.sessions, correction.id, policy=USUAL)
            to = select(Delivery.address_id).where(Delivery.run_id == correction.id)
            why = select(RunLeftOut.reason, RunLeftOut.people).where(RunLeftOut.run_id == correction.id)
            return list(session.scalars(to)), dict(session.execute(why).all())


@pytest.fixture
def told_twice(sessions: sessionmaker[Session], vault: Vault) -> Iterator[ToldTwice]:
    with clock.running_on(lambda: START):
        yield ToldTwice(sessions, vault)


@pytest.mark.both_databases
@pytest.mark.parametrize("state", [AddressState.INVALID, AddressState.PENDING, AddressState.OPTED_OUT])
def test_earlier_address_is_corrected_where_the_latest_is_closed(
    told_twice: ToldTwice, state: AddressState
) -> None:
    """Of one who said stop and START since, the address lives on which they said START."""
    assert told_twice.correct(AddressState.ACTIVE, state) == ([told_twice.addresses[0]], {})


@pytest.mark.both_databases
def test_earlier_address_is_corrected_where_whatsapp_lets_nothing_through(told_twice: ToldTwice) -> None:
    with told_twice.sessions.begin() as session:
        session.execute(update(Address).values(heard_at=None))
    active = (AddressState.ACTIVE, AddressState.ACTIVE)
    assert told_twice.correct(*active) == ([told_twice.addresses[0]], {})


def test_latest_of_living_addresses_is_corrected(told_twice: ToldTwice) -> None:
    active = (AddressState.ACTIVE, AddressState.ACTIVE)
    assert told_twice.correct(*active) == ([told_twice.addresses[1]], {})


def test_stop_leaves_out_whoever_was_told_twice(told_twice: ToldTwice) -> None:
    stopped = (AddressState.OPTED_OUT, AddressState.OPTED_OUT)
    assert told_twice.correct(*stopped) == ([], {"opted_out": 1})


@pytest.mark.both_databases
@pytest.mark.parametrize(("language", "address"), [("en", 1), ("uk", 0)])
def test_correction_in_its_fallback_language_asks_for_the_template_of_that_one(
    told_twice: ToldTwice, language: str, address: int
) -> None:
    """They read Ukrainian, and the correction is in English: a Ukrainian template says nothing of it."""
    with told_twice.sessions.begin() as session:
        session.execute(update(Address).values(heard_at=None))
    templates = {language: {"content_sid": "HX1", "slots": []}}
    own = {"texts": {"en": "Wrong number."}, "fallback_language": "en", "templates": templates}
    active = (AddressState.ACTIVE, AddressState.ACTIVE)
    assert told_twice.correct(*active, **own) == ([told_twice.addresses[address]], {})

"""A question waits for the team, and is answered once, by one member who has read all of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AddressState, Channel, Contact, UrgentContact
from campaigns.core import clock
from campaigns.core.errors import ChangedError, InputError, RefusedError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.inbox.conversations import service
from campaigns.inbox.conversations.hear import REOPENED_WITHIN
from campaigns.inbox.conversations.models import Answer, Conversation, ConversationState, Draft, Outcome
from campaigns.inbox.conversations.queries import count_waiting
from campaigns.inbox.conversations.thread import load_thread
from campaigns.inbox.conversations.wait import began_at
from campaigns.inbox.incoming.triage import assign
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.inbox.service import receive_inbound
from campaigns.inbox.urgency.levels import Urgency
from campaigns.messages.help_numbers import KnownHelp
from campaigns.planning.models import Sender
from campaigns.staff.models import Member, Organisation
from tests.factories import a_member, a_sender, an_address, an_organisation
from tests.inbox.builders import OURS, THEM, came_over, write

pytestmark = pytest.mark.one_database

MORNING = datetime(2026, 3, 2, 9, tzinfo=UTC)
WORDS = "You can sleep at the station tonight, platform 4."


@dataclass
class Desk:
    """An organisation with one SMS sender and two members, and somebody who writes to it."""

    session: Session
    vault: Vault
    organisation: Organisation
    sender: Sender
    first: Member
    second: Member

    def hear(self, text: str, **changes: Any) -> None:
        write(self.session, self.vault, self.organisation.id, text, options={}, **changes)
        self.session.flush()
        self.session.expire_all()

    @property
    def conversation(self) -> Conversation:
        return self.session.scalars(select(Conversation)).one()

    def answer(self, words: str = WORDS, *, by: Member | None = None, seen: service.Seen | None = None) -> Answer:
        conversation = self.conversation
        return service.answer(
            self.session,
            conversation,
            words,
            by=(by or self.first).id,
            seen=seen or service.seen_now(self.session, conversation),
            vault=self.vault,
            known=KnownHelp([], {}, 180),
        )

    def close(self, outcome: Outcome) -> None:
        conversation = self.conversation
        seen = service.seen_now(self.session, conversation)
        service.close(self.session, conversation, outcome, by=self.first.id, seen=seen)

    def state_of_delivery(self) -> SendState:
        return SendState(self.session.scalars(select(Delivery.send_state)).one())


@pytest.fixture
def desk(session: Session, vault: Vault) -> Desk:
    organisation = an_organisation(session)
    sender = a_sender(session, organisation_id=organisation.id, identity=OURS)
    return Desk(
        session,
        vault,
        organisation,
        sender,
        a_member(session, organisation),
        a_member(session, organisation, email="second@example.org"),
    )


def test_question_of_a_stranger_waits_and_agrees_to_nothing(desk: Desk) -> None:
    desk.hear("Where can we sleep with a child?")
    conversation = desk.conversation
    assert (conversation.state, conversation.owner_id) == (ConversationState.NEW, None)
    assert conversation.waiting_since is not None
    assert conversation.sender_id == desk.sender.id
    assert desk.session.scalars(select(Address.state)).all() == [AddressState.PENDING]


def test_answer_leaves_over_the_sender_they_wrote_to(desk: Desk) -> None:
    a_sender(desk.session, organisation_id=desk.organisation.id, identity="+48500100199", name="Other")
    desk.hear("Where can we sleep with a child?")
    desk.answer()
    delivery = desk.session.scalars(select(Delivery)).one()
    assert (delivery.sender_id, delivery.send_state) == (desk.sender.id, SendState.QUEUED)
    conversation = desk.conversation
    assert (conversation.state, conversation.owner_id) == (ConversationState.ANSWERED, desk.first.id)
    assert conversation.waiting_since is None


@pytest.mark.both_databases
@pytest.mark.parametrize("has_another_phone", [False, True])
def test_whoever_is_known_on_one_channel_is_answered_on_the_other(desk: Desk, has_another_phone: bool) -> None:
    whatsapp = {"channel": "whatsapp", "to_handle": "+48500100150"}
    a_sender(desk.session, organisation_id=desk.organisation.id, channel=Channel.WHATSAPP, identity="+48500100150")
    desk.hear("Where can we sleep?")
    known = desk.session.scalars(select(Address)).one()
    if has_another_phone:
        an_address(desk.session, known.contact, desk.vault, number="+380670000002", channel=Channel.WHATSAPP)
    desk.hear("Does nobody read this?", **whatsapp)
    asked = desk.session.scalars(select(Conversation).where(Conversation.channel == "whatsapp")).one()
    seen = service.seen_now(desk.session, asked)
    facts: dict[str, Any] = {
        "by": desk.first.id,
        "seen": seen,
        "vault": desk.vault,
        "known": KnownHelp([], {}, 180),
    }
    service.answer(desk.session, asked, WORDS, **facts)
    written_to = desk.session.get_one(Address, desk.session.scalars(select(Delivery.address_id)).one())
    assert (written_to.channel, written_to.number) == (Channel.WHATSAPP, known.number)
    assert written_to.state == AddressState.PENDING
    assert (written_to.contact_id == known.contact_id) is not has_another_phone


def test_they_write_again_and_it_waits_for_the_same_member(desk: Desk) -> None:
    desk.hear("Where can we sleep?")
    desk.answer()
    desk.hear("And tomorrow?")
    conversation = desk.conversation
    assert (conversation.state, conversation.owner_id) == (ConversationState.OPEN, desk.first.id)
    assert conversation.waiting_since is not None


@pytest.mark.parametrize(("passed", "owned"), [(timedelta(days=1), True), (REOPENED_WITHIN * 2, False)])
def test_closed_one_opens_again(desk: Desk, passed: timedelta, owned: bool) -> None:
    desk.hear("Where can we sleep?")
    desk.close(Outcome.INFORMED)
    desk.session.execute(update(Conversation).values(closed_at=clock.now() - passed))
    desk.hear("It is full")
    conversation = desk.conversation
    assert conversation.owner_id == (desk.first.id if owned else None)
    assert conversation.state == (ConversationState.OPEN if owned else ConversationState.NEW)
    assert conversation.outcome is None


def test_of_two_who_answer_at_once_one_is_told(desk: Desk) -> None:
    desk.hear("Where can we sleep?")
    seen = service.seen_now(desk.session, desk.conversation)
    desk.answer(seen=seen)
    with pytest.raises(ChangedError, match="Somebody of the team answered"):
        desk.answer("Somewhere else", by=desk.second, seen=seen)
    assert len(desk.session.scalars(select(Delivery)).all()) == 1


def test_whoever_writes_meanwhile_is_read_first(desk: Desk) -> None:
    desk.hear("Where can we sleep?")
    seen = service.seen_now(desk.session, desk.conversation)
    desk.hear("He is here now")
    with pytest.raises(ChangedError, match="They wrote something new"):
        desk.answer(seen=seen)
    assert desk.session.scalars(select(Delivery)).all() == []


@pytest.mark.parametrize("words", ["", "  \n ", "x" * 1_601, "Call ((hotline))"])
def test_what_nobody_delivers_is_refused(desk: Desk, words: str) -> None:
    desk.hear("Where can we sleep?")
    with pytest.raises(InputError):
        desk.answer(words)


def test_stop_takes_out_what_is_queued_and_ends_answers(desk: Desk) -> None:
    desk.hear("Where can we sleep?")
    desk.answer()
    desk.hear("STOP")
    assert desk.state_of_delivery() is SendState.SUPPRESSED
    assert desk.conversation.waiting_since is None
    with pytest.raises(RefusedError, match="opted out"):
        desk.answer()


def test_who_writes_after_a_stop_may_be_answered_until_the_next_one(desk: Desk) -> None:
    desk.hear("STOP")
    desk.hear("Please, where can we sleep?")
    desk.answer()
    assert desk.state_of_delivery() is SendState.QUEUED
    assert desk.session.scalars(select(Address.state)).all() == [AddressState.OPTED_OUT]
    desk.hear("STOP")
    assert desk.state_of_delivery() is SendState.SUPPRESSED


def test_who_may_have_said_stop_is_decided_first(desk: Desk) -> None:
    desk.hear("Hello")
    desk.hear("stop the train")
    assert desk.conversation.waiting_since is not None
    with pytest.raises(RefusedError, match="Decide that first"):
        desk.answer()


@pytest.mark.parametrize(("ago", "is_open"), [(-1, True), (0, False), (1, False)])
def test_whatsapp_takes_no_answer_after_a_day(desk: Desk, ago: int, is_open: bool) -> None:
    a_sender(desk.session, organisation_id=desk.organisation.id, channel=Channel.WHATSAPP, identity="+48500100150")
    desk.hear("Where can we sleep?", channel="whatsapp", to_handle="+48500100150")
    now = clock.now()
    with clock.running_on(lambda: now):
        desk.session.execute(update(Address).values(heard_at=now - timedelta(hours=24, seconds=ago)))
        if is_open:
            desk.answer()
            expires_at = desk.session.scalars(select(Delivery.expires_at)).one()
            assert expires_at == now + timedelta(seconds=1)
        else:
            with pytest.raises(RefusedError, match="24 hours"):
                desk.answer()


def test_message_that_comes_late_closes_no_window(desk: Desk) -> None:
    a_sender(desk.session, organisation_id=desk.organisation.id, channel=Channel.WHATSAPP, identity="+48500100150")
    whatsapp = {"channel": "whatsapp", "to_handle": "+48500100150"}
    desk.hear("Where can we sleep?", **whatsapp)
    desk.hear("Is anybody there?", said_at=clock.now() - timedelta(hours=26), **whatsapp)
    desk.answer()
    assert desk.state_of_delivery() is SendState.QUEUED


@pytest.mark.both_databases
def test_whoever_wrote_to_several_is_answered_once_one_of_them_has_it(desk: Desk) -> None:
    a_sender(desk.session, organisation_id=desk.organisation.id, channel=Channel.WHATSAPP, identity="+48500100150")
    facts: Any = {"channel": "whatsapp", "from_handle": THEM, "to_handle": "+48500100160", "provider_id": "WA1"}
    desk.hear("Hello", channel="whatsapp", to_handle="+48500100150")
    desk.session.execute(update(Address).values(heard_at=MORNING))
    others = [desk.organisation.id, an_organisation(desk.session).id]
    inbound = Inbound(**facts, text="Where can we sleep?")
    account = came_over(desk.session, owners=others)
    reply = receive_inbound(desk.session, inbound, desk.vault, account=account)
    assert reply is not None
    assign(desk.session, reply.id, desk.organisation, vault=desk.vault)
    desk.session.expire_all()
    desk.answer()
    assert desk.state_of_delivery() is SendState.QUEUED


def test_nobody_waits_where_the_only_sender_is_off(desk: Desk) -> None:
    desk.hear("Where can we sleep?")
    desk.sender.active = False
    with pytest.raises(RefusedError, match="None of your senders"):
        desk.answer()


def test_wrong_number_ends_its_consent(desk: Desk) -> None:
    desk.hear("You have the wrong person, I am at home")
    desk.session.execute(update(Address).values(state=AddressState.ACTIVE))
    desk.close(Outcome.WRONG_NUMBER)
    assert desk.session.scalars(select(Address.state)).all() == [AddressState.OPTED_OUT]
    assert desk.conversation.outcome == Outcome.WRONG_NUMBER


def test_many_are_closed_but_for_the_urgent(desk: Desk) -> None:
    desk.hear("Where can we sleep?")
    desk.hear("Hello", from_handle="+380670000002")
    urgent, other = desk.session.scalars(select(Conversation).order_by(Conversation.id)).all()
    urgent.urgency = Urgency.DANGER
    desk.session.flush()
    assert close_many(desk, Outcome.NOT_FOR_US) == (1, 1)
    assert (urgent.state, other.state) == (ConversationState.NEW, ConversationState.CLOSED)
    with pytest.raises(InputError):
        close_many(desk, Outcome.WRONG_NUMBER)


def close_many(desk: Desk, outcome: Outcome, *, seen: dict[int, int] | None = None) -> tuple[int, int]:
    found = desk.session.scalars(select(Conversation)).all()
    shown = {each.id: each.last_reply_id or 0 for each in found} if seen is None else seen
    return service.close_many(desk.session, found, outcome, by=desk.first.id, seen=shown)


@pytest.mark.parametrize("unread", ["", "ನಮಗೆ ಮಲಗಲು ಎಲ್ಲಿ ಸ್ಥಳವಿದೆ"])
def test_what_nobody_can_read_is_not_closed_among_many(desk: Desk, unread: str) -> None:
    desk.hear(unread)
    assert close_many(desk, Outcome.NOT_FOR_US) == (0, 1)
    assert desk.conversation.state == ConversationState.NEW


def test_what_came_meanwhile_is_not_closed_among_many(desk: Desk) -> None:
    desk.hear("Hello")
    shown = {desk.conversation.id: desk.conversation.last_reply_id or 0}
    desk.hear("Are you there?")
    assert close_many(desk, Outcome.NO_REPLY, seen=shown) == (0, 1)
    assert desk.conversation.state == ConversationState.NEW
    assert close_many(desk, Outcome.NO_REPLY) == (1, 0)


@pytest.mark.both_databases
def test_what_came_meanwhile_but_was_written_before_is_not_closed_among_many(desk: Desk) -> None:
    """A message that its provider tells late is not the last that they wrote, and nobody has seen it."""
    desk.hear("Hello")
    shown = {desk.conversation.id: desk.conversation.last_reply_id or 0}
    late = clock.now() - timedelta(minutes=5)
    desk.hear("Where can we sleep tonight?", said_at=late)
    assert close_many(desk, Outcome.NO_REPLY, seen=shown) == (0, 1)
    # The list still shows what they wrote last: whoever closes it has to open it.
    assert close_many(desk, Outcome.NO_REPLY) == (0, 1)
    assert desk.conversation.state == ConversationState.NEW
    desk.hear("Anybody?")
    assert close_many(desk, Outcome.NO_REPLY) == (1, 0)


def test_put_off_until_they_write(desk: Desk) -> None:
    desk.hear("Where can we sleep?")
    until = clock.now() + timedelta(days=1)
    service.snooze(desk.session, desk.conversation, by=desk.first.id, until=until)
    snoozed_until = desk.conversation.snoozed_until
    desk.hear("Hello?")
    assert (snoozed_until, desk.conversation.snoozed_until) == (until, None)
    with pytest.raises(InputError):
        service.snooze(desk.session, desk.conversation, by=desk.first.id, until=clock.now())


def test_taken_given_back_closed_and_opened_again(desk: Desk) -> None:
    desk.hear("Where can we sleep?")
    by = desk.second.id
    service.take(desk.session, desk.conversation, by=by)
    assert (desk.conversation.state, desk.conversation.owner_id) == (ConversationState.OPEN, by)
    service.give_back(desk.session, desk.conversation, by=by)
    assert (desk.conversation.state, desk.conversation.owner_id) == (ConversationState.NEW, None)
    desk.close(Outcome.INFORMED)
    with pytest.raises(TransitionError):
        desk.close(Outcome.INFORMED)
    service.reopen(desk.session, desk.conversation, by=by)
    assert (desk.conversation.state, desk.conversation.waiting_since is None) == (ConversationState.OPEN, False)


def test_what_was_put_off_waits_once_it_is_given_back(desk: Desk) -> None:
    desk.hear("Where can we sleep?")
    now, ours = clock.now(), desk.organisation.id
    service.snooze(desk.session, desk.conversation, by=desk.first.id, until=now + timedelta(days=7))
    assert count_waiting(desk.session, ours, now=now) == 0
    service.give_back(desk.session, desk.conversation, by=desk.first.id)
    assert count_waiting(desk.session, ours, now=now) == 1
    # Of the steps taken until now whoever had it was told.
    assert (began_at(desk.conversation) or now) >= now


@pytest.mark.both_databases
def test_whoever_is_answered_after_the_close_has_no_outcome_yet(desk: Desk) -> None:
    desk.hear("Hello")
    desk.close(Outcome.NO_REPLY)
    desk.answer("We are here again.")
    found = desk.conversation
    assert (found.state, found.outcome, found.closed_at) == (ConversationState.ANSWERED, None, None)


def test_draft_is_sealed_and_goes_with_the_answer(desk: Desk) -> None:
    desk.hear("Where can we sleep?")
    service.keep_draft(desk.session, desk.conversation, WORDS, by=desk.first.id, vault=desk.vault)
    draft = desk.session.scalars(select(Draft)).one()
    assert WORDS.encode() not in draft.sealed_text
    desk.answer()
    assert desk.session.scalars(select(Draft)).all() == []


def test_most_urgent_word_counts_with_its_reason(desk: Desk) -> None:
    desk.hear("Hello")
    assert desk.conversation.urgency == Urgency.QUESTION
    desk.hear("they took my passport and I am locked in")
    assert desk.conversation.urgency == Urgency.DANGER
    assert any(each["heading"] == "urgent_trapped" for each in desk.conversation.reasons)


def test_language_of_a_known_contact_is_kept(desk: Desk) -> None:
    desk.hear("?")
    assert desk.conversation.language is None
    desk.session.execute(update(Contact).values(language="uk"))
    desk.hear("?")
    assert desk.conversation.language == "uk"


@pytest.mark.both_databases
def test_campaigns_wait_while_somebody_is_in_danger(desk: Desk) -> None:
    desk.hear("I am locked in and they took my passport")
    assert desk.session.scalars(select(UrgentContact.contact_id)).all() == [desk.conversation.contact_id]
    desk.answer()
    assert desk.state_of_delivery() is SendState.QUEUED
    desk.hear("I am locked in")
    assert desk.state_of_delivery() is SendState.QUEUED
    desk.close(Outcome.INFORMED)
    assert desk.session.scalars(select(UrgentContact.contact_id)).all() == []
    # Who closed it was mistaken.
    service.reopen(desk.session, desk.conversation, by=desk.first.id)
    assert desk.session.scalars(select(UrgentContact.contact_id)).all() == [desk.conversation.contact_id]


def test_what_reaches_us_late_is_read_first_as_well(desk: Desk) -> None:
    now = clock.now()
    desk.hear("Where can we sleep?", said_at=now)
    seen = service.seen_now(desk.session, desk.conversation)
    desk.hear("He is here", said_at=now - timedelta(minutes=5))
    with pytest.raises(ChangedError, match="They wrote something new"):
        desk.answer(seen=seen)


def test_message_beside_an_answer_is_the_last(desk: Desk) -> None:
    now = clock.now()
    desk.hear("Where can we sleep?", said_at=now - timedelta(minutes=9))
    desk.answer()
    desk.hear("STOP", said_at=now - timedelta(minutes=8))
    desk.hear("Please answer", said_at=now - timedelta(minutes=7))
    desk.answer()


def test_sad_smile_is_no_blank(desk: Desk) -> None:
    desk.hear("Where can we sleep?")
    desk.answer("I am sorry (( The station is open tonight")


def test_wait_begins_anew_when_it_becomes_more_urgent_and_after_each_answer(desk: Desk) -> None:
    moments = iter(MORNING + timedelta(minutes=minutes) for minutes in count(0, 10))
    at = MORNING

    def hear(text: str) -> None:
        nonlocal at
        at = next(moments)
        with clock.running_on(lambda: at):
            desk.hear(text)

    hear("Where can we sleep?")
    hear("And is there food?")
    assert desk.conversation.urgent_since == MORNING
    hear("Help, he is beating me now")
    assert (desk.conversation.urgency, desk.conversation.urgent_since) == (Urgency.DANGER, at)
    danger = at
    hear("Where is the station?")
    assert (desk.conversation.urgency, desk.conversation.urgent_since) == (Urgency.DANGER, danger)
    with clock.running_on(lambda: at):
        desk.answer()
    hear("And tomorrow?")
    assert (desk.conversation.urgency, desk.conversation.urgent_since) == (Urgency.QUESTION, at)


def test_who_writes_while_put_off_waits_since_then(desk: Desk) -> None:
    with clock.running_on(lambda: MORNING):
        desk.hear("Help, he is beating me now")
        until = MORNING + timedelta(hours=4)
        service.snooze(desk.session, desk.conversation, by=desk.first.id, until=until)
    with clock.running_on(lambda: MORNING + timedelta(hours=1)):
        desk.hear("Where is the station?")
    conversation = desk.conversation
    assert conversation.urgent_since == MORNING + timedelta(hours=1)
    assert conversation.waiting_since == MORNING


@pytest.mark.parametrize(
    "text",
    [
        *("STOP\nhe beats me", "start\nthey locked me in", "СТОП\nпомогите меня бьют"),
        *("STOP 🆘", "🆘 стоп", "🛑🆘", "START 🆘"),
    ],
)
def test_danger_beside_a_word_that_is_done_is_read_by_a_person(desk: Desk, text: str) -> None:
    desk.hear(text)
    assert desk.conversation.urgency == Urgency.DANGER
    assert desk.conversation.waiting_since is not None


@pytest.mark.parametrize("text", ["STOP\nWhere can my sister sleep tonight?", "стоп\nДе мені подати документи"])
def test_question_beside_a_stop_is_read_by_a_person(desk: Desk, text: str) -> None:
    desk.hear(text)
    assert desk.session.scalars(select(Reply.kind)).one() == ReplyKind.STOP
    assert desk.conversation.waiting_since is not None


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "stop\n\nстоп",
        "ከዝርዝር አውጡኝ",
        "STOP\nthank you",
        "STOP\nSent from my iPhone",
        "start\nstop",
        "STOP\nОлена Петренко",
    ],
)
def test_word_that_is_done_waits_for_nobody(desk: Desk, text: str) -> None:
    desk.hear(text)
    assert desk.session.scalars(select(Conversation)).all() == []


@pytest.mark.both_databases
def test_place_that_a_member_asked_for_waits_and_is_shown(desk: Desk) -> None:
    desk.hear("Where can we sleep?")
    desk.answer("Where are you now?")
    desk.hear("", location=(49.78, 22.77), happening=Happening.SHARED_LOCATION)
    conversation = desk.conversation
    assert (conversation.state, conversation.owner_id) == (ConversationState.OPEN, desk.first.id)
    assert conversation.waiting_since is not None
    # Who answers has to have seen it.
    entries = load_thread(desk.session, conversation, vault=desk.vault, now=clock.now())
    assert [entry.heard.kind for entry in entries if entry.heard] == [ReplyKind.TEXT, ReplyKind.LOCATION]

"""What somebody writes is answered by itself where it asks for what a reviewed text says.

Only who wrote just now, is not opted out and has nobody of the team is answered so, and never often. It happens
in the transaction that keeps the message, so each is answered at most once. A failure here costs no message.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import HashedHandle
from campaigns.audience.consent.ledger import revive
from campaigns.audience.consent.person import lock_person
from campaigns.audience.keywords import moved_to
from campaigns.audience.models import Address, AddressState, Contact
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.languages import UNKNOWN_LANGUAGE, all_languages
from campaigns.delivery.answers.answer_runs import AnswerText
from campaigns.directory.signposting.choice import Need
from campaigns.gateways.callbacks import Happening, Inbound
from campaigns.inbox.automatic.chosen_texts import PLACE, find_chosen, languages_offered
from campaigns.inbox.automatic.loop_guard import LOOKED_BACK, Past, is_exhausted, is_repeated
from campaigns.inbox.automatic.models import OpenQuestion, Subject
from campaigns.inbox.automatic.moving import move, region_shown, understand_place
from campaigns.inbox.automatic.off_duty import find_off_duty, write_again, zone_of
from campaigns.inbox.automatic.open_questions import (
    Choice,
    ask,
    find_asked,
    forget_asked,
    numbered,
    read_answer,
)
from campaigns.inbox.automatic.sayings import find_saying, queue_saying
from campaigns.inbox.complaints.readers import readers_of
from campaigns.inbox.conversations.addressees import Addressee, load_addressee, load_need
from campaigns.inbox.conversations.hear import hold_in_passing, note_in_passing
from campaigns.inbox.conversations.models import WAITING, Answer, Conversation, ConversationState, Occasion
from campaigns.inbox.conversations.window import find_obstacle
from campaigns.inbox.duty.queries import load_readers
from campaigns.inbox.incoming.order import REFUSALS
from campaigns.inbox.incoming.questions import judge_heard, know_writer, put_in_conversation, says_more
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.inbox.urgency.judging import Judged
from campaigns.inbox.urgency.levels import Urgency
from campaigns.messages.text.placeholders import AGAIN
from campaigns.planning.policy import Policy

#: What reached us later than this is for a member alone: by then somebody else may hold the phone.
ANSWERED_WITHIN = timedelta(hours=1)
#: A conversation that a member has is theirs for so long after the last word.
TAKEN_FOR = timedelta(days=7)
#: Nobody is welcomed twice within it.
WELCOMED_ONCE_IN = timedelta(days=30)
#: Nobody is told twice within it that nobody is on duty, but for whoever turns out to be in danger; and nobody to
#: whom a member wrote just now.
TOLD_OFF_DUTY, TOLD_IN_DANGER = timedelta(hours=12), timedelta(hours=1)
JUST_NOW = timedelta(minutes=5)
_READ_BY_PEOPLE = (ReplyKind.TEXT, ReplyKind.YES, ReplyKind.HELP)
_OCCASIONS = {
    ReplyKind.HELP: Occasion.HELP,
    ReplyKind.INFO: Occasion.INFO,
    ReplyKind.MOVED: Occasion.MOVED,
    ReplyKind.LOCATION: Occasion.MOVED,
}
_BEGINNINGS = (ReplyKind.JOIN, ReplyKind.START)
_ANSWERABLE = (AddressState.ACTIVE, AddressState.PENDING)

_log = logging.getLogger(__name__)


class Left(StrEnum):
    """What a message still needs."""

    #: Nobody has to read it.
    NOTHING = "nothing"
    #: Somebody of the team.
    TEAM = "team"
    #: The same, but perhaps another machine wrote it.
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a message asks of a machine of ours."""

    occasion: Occasion
    #: What it chose of what we asked; None: we asked nothing.
    choice: Choice | None = None
    #: When somebody of the team reads again (UTC), where nobody is on duty.
    again: datetime | None = None
    #: Whether its writer has joined by it.
    has_joined: bool = False


@dataclass(frozen=True, slots=True)
class _Scene:
    """Who is answered, where, and what is known of them."""

    conversation: Conversation
    addressee: Addressee
    need: Need
    judged: Judged
    #: What machines of ours wrote to them lately.
    past: Sequence[Past]


def hand_on(
    session: Session,
    reply: Reply,
    inbound: Inbound,
    *,
    vault: Vault,
    policy: Policy | None,
    has_joined: bool = False,
) -> None:
    """Let what somebody wrote be answered by itself, or wait for the team; without a policy it waits.

    Whoever `has_joined` by the same message is welcomed where nothing else answers it.
    """
    if inbound.happening is Happening.SHARED_LOCATION:
        # The street and house that may come with a place are read by nobody.
        inbound = replace(inbound, text="")
    left = Left.TEAM
    if policy is not None:
        left = AutomaticAnswers(session, vault, policy).answer(reply, inbound, has_joined=has_joined)
    if left is not Left.NOTHING:
        is_machines = left is Left.DOUBT
        put_in_conversation(
            session, reply, inbound.text, inbound.from_handle, vault=vault, is_machines=is_machines
        )


@dataclass(frozen=True, slots=True)
class AutomaticAnswers:
    """Answers one message after the other by the organisation's texts."""

    session: Session
    vault: Vault
    policy: Policy

    def answer(self, reply: Reply, inbound: Inbound, *, has_joined: bool = False) -> Left:
        """Answer a message that was kept and done just now, if anything is to be said by itself."""
        if reply.kind in REFUSALS and reply.contact_id is not None:
            forget_asked(self.session, reply.contact_id)
        asked = self._find_occasion(reply, inbound, has_joined=has_joined)
        if asked is None or not know_writer(self.session, reply, inbound.from_handle, vault=self.vault):
            return Left.TEAM
        try:
            with self.session.begin_nested():
                return self._answer(reply, inbound, asked)
        except Exception:
            # Whatever is wrong with an answer, the message itself must be kept.
            _log.exception("reply %s is not answered by itself", reply.id)
            return Left.TEAM

    def _find_occasion(self, reply: Reply, inbound: Inbound, *, has_joined: bool) -> _Asked | None:
        is_late = reply.received_at < clock.now() - ANSWERED_WITHIN
        if reply.organisation_id is None or reply.is_unheeded or reply.kind in REFUSALS or is_late:
            return None
        # Where a provider answers this word itself, its answer is enough.
        if inbound.raw.get("OptOutType"):
            return None
        if reply.kind in _BEGINNINGS:
            return _Asked(Occasion.WELCOME)
        if reply.happening in (Happening.BLOCKED, Happening.UNBLOCKED):
            return None
        # A number behind a code may be of the code.
        if reply.kind in (ReplyKind.TEXT, ReplyKind.YES) and reply.contact_id is not None and not has_joined:
            now = clock.now()
            question = find_asked(self.session, reply.organisation_id, reply.contact_id, at=now)
            choice = read_answer(question, inbound.text) if question is not None else None
            if question is not None and choice is not None:
                return _Asked(_occasion_after(question), choice)
        occasion = _OCCASIONS.get(ReplyKind(reply.kind))
        is_for_team = occasion in (None, Occasion.HELP) and reply.kind in _READ_BY_PEOPLE
        if is_for_team and (again := find_off_duty(self.session, reply.organisation_id, self.policy)) is not None:
            return _Asked(Occasion.OFF_DUTY, again=again, has_joined=has_joined)
        if occasion is None and has_joined:
            return _Asked(Occasion.WELCOME)
        return _Asked(occasion) if occasion is not None else None

    def _answer(self, reply: Reply, inbound: Inbound, asked: _Asked) -> Left:
        scene = self._prepare(reply, inbound, asked)
        if scene is None:
            return Left.TEAM
        now, is_question = clock.now(), asked.choice is None
        if asked.again is not None:
            if not self._tell_off_duty(reply, scene, asked.again) and asked.has_joined:
                self._welcome(reply, None, scene)
            return Left.TEAM
        is_welcome, is_choice = asked.occasion is Occasion.WELCOME, not is_question
        if not is_welcome and is_exhausted(scene.past, asked.occasion, now=now, is_choice=is_choice):
            return Left.DOUBT
        if is_question and is_repeated(scene.past, asked.occasion, now=now):
            return Left.TEAM
        if not self._react(reply, inbound, asked, scene):
            return Left.TEAM
        # A place comes without words, and is answered by what there is.
        is_urgent = reply.kind != ReplyKind.LOCATION and scene.judged.urgency >= Urgency.DAY
        is_open = is_urgent or scene.conversation.state in WAITING or says_more(inbound.text, reply.kind)
        return Left.TEAM if is_open else Left.NOTHING

    def _tell_off_duty(self, reply: Reply, scene: _Scene, again: datetime) -> bool:
        """Say where there is help while nobody of the team reads, and return whether anything was said."""
        # Whoever turns out to be in danger is told once more.
        apart = TOLD_IN_DANGER if scene.judged.urgency >= Urgency.DANGER else TOLD_OFF_DUTY
        is_told = self._was_written(scene.conversation, Occasion.OFF_DUTY, within=apart)
        is_machine = scene.judged.urgency <= Urgency.MACHINE
        if is_told or is_machine or is_exhausted(scene.past, Occasion.HELP, now=clock.now()):
            return False
        is_said = self._write(reply, Occasion.OFF_DUTY, scene, again=again)
        return is_said or (reply.kind == ReplyKind.HELP and self._write_help(reply, scene))

    def _write_help(self, reply: Reply, scene: _Scene) -> bool:
        """Say to whoever calls for help what is said by day, where that of the night cannot be said as it is."""
        is_again = is_repeated(scene.past, Occasion.HELP, now=clock.now())
        return not is_again and self._write(reply, Occasion.HELP, scene)

    def _prepare(self, reply: Reply, inbound: Inbound, asked: _Asked) -> _Scene | None:
        """Return who is answered, locked; None where nothing may be written to them by itself."""
        # Addresses before conversations, as whoever answers has it, and all of the person, as a stop does.
        lock_person(self.session, [reply.number or reply.lookup], [reply.lookup])
        revive(self.session, HashedHandle.of(reply))
        conversation, now = hold_in_passing(self.session, reply), clock.now()
        if self._is_taken(conversation, at_night=asked.again is not None):
            return None
        judged = judge_heard(inbound.text, ReplyKind(reply.kind))
        note_in_passing(self.session, conversation, reply, inbound.text, judged, vault=self.vault)
        addressee = load_addressee(self.session, conversation, locked=True)
        address = addressee.address
        if address is None or address.state not in _ANSWERABLE:
            return None
        # They wrote just now: what is noted of that comes after this.
        heard = replace(addressee.writer, heard_at=now)
        if find_obstacle(heard, now=now) is not None:
            return None
        lately = select(Answer.occasion, Answer.written_at).where(
            Answer.conversation_id == conversation.id,
            Answer.member_id.is_(None),
            Answer.written_at > now - LOOKED_BACK,
        )
        return _Scene(
            conversation,
            replace(addressee, writer=heard),
            self._need(conversation, address, inbound),
            judged,
            [Past(Occasion(row.occasion), row.written_at) for row in self.session.execute(lately) if row.occasion],
        )

    def _is_taken(self, conversation: Conversation, *, at_night: bool) -> bool:
        """Say whether somebody of the team has a conversation: nothing comes between the two."""
        if conversation.owner_id is None or conversation.state == ConversationState.CLOSED:
            return False
        if not self._still_answers(conversation, conversation.owner_id):
            return False
        now = clock.now()
        if not at_night:
            return conversation.last_at > now - TAKEN_FOR
        # At night nobody of the team has it, unless a member has just written: what the person wrote, or a machine
        # of ours, is no word of a member's.
        by_member = select(Answer.id).where(
            Answer.conversation_id == conversation.id,
            Answer.member_id.is_not(None),
            Answer.written_at > now - JUST_NOW,
        )
        return self.session.scalar(by_member.limit(1)) is not None

    def _still_answers(self, conversation: Conversation, member_id: int) -> bool:
        """Say whether a member still works here, and answers people or, where it is one, reads this complaint."""
        if conversation.is_complaint:
            return member_id in readers_of(self.session, [conversation.id]).get(conversation.id, ())
        return member_id in load_readers(self.session, conversation.organisation_id)

    def _need(self, conversation: Conversation, address: Address | None, inbound: Inbound) -> Need:
        need = load_need(self.session, conversation, address, now=clock.now())
        said = inbound.language.partition("-")[0]
        is_known = need.language != UNKNOWN_LANGUAGE
        return need if is_known or said not in all_languages() else replace(need, language=said)

    def _react(self, reply: Reply, inbound: Inbound, asked: _Asked, scene: _Scene) -> bool:
        """Do what was asked and write; say whether that is all that it asks."""
        if asked.occasion is Occasion.WELCOME:
            # What somebody says beside a code is read by a person.
            return self._welcome(reply, asked.choice, scene) and reply.kind not in _READ_BY_PEOPLE
        if asked.occasion is Occasion.MOVED:
            return self._note_place(reply, inbound, asked.choice, scene)
        is_written = self._write(reply, asked.occasion, scene)
        # Whoever asks for help is read by a person, whatever a machine says meanwhile.
        return is_written and asked.occasion is not Occasion.HELP

    def _welcome(self, reply: Reply, choice: Choice | None, scene: _Scene) -> bool:
        contact = self.session.get_one(Contact, scene.conversation.contact_id)
        if choice is not None:
            reply.kind = ReplyKind.CHOICE
            contact.language = scene.conversation.language = choice.language
            forget_asked(self.session, contact.id)
            theirs = replace(scene, need=replace(scene.need, language=choice.language))
            return self._write(reply, Occasion.WELCOME, theirs)
        if self._was_written(scene.conversation, Occasion.WELCOME, within=WELCOMED_ONCE_IN):
            return False
        message = find_chosen(self.session, contact.organisation_id, Occasion.WELCOME)
        offered = languages_offered(message) if message and contact.language == UNKNOWN_LANGUAGE else []
        return self._write(reply, Occasion.WELCOME, scene, choices=offered, subject=Subject.LANGUAGE)

    def _note_place(self, reply: Reply, inbound: Inbound, choice: Choice | None, scene: _Scene) -> bool:
        conversation, language = scene.conversation, scene.need.language
        if choice is not None:
            reply.kind = ReplyKind.CHOICE
            forget_asked(self.session, conversation.contact_id)
            return self._write_of_place(reply, inbound, scene, choice)
        if reply.kind == ReplyKind.LOCATION:
            shown = region_shown(self.session, conversation.contact_id, language)
            return bool(shown) and self._write(reply, Occasion.MOVED, scene, place=shown)
        understood = understand_place(self.session, conversation, moved_to(inbound.text), language)
        if understood.place is not None:
            is_written = self._write_of_place(reply, inbound, scene, understood.place)
            return is_written and understood.is_all
        if understood.choices:
            return self._write(reply, Occasion.WHICH_PLACE, scene, choices=understood.choices)
        if not self._was_written(conversation, Occasion.UNKNOWN_PLACE, within=timedelta(days=1)):
            self._write(reply, Occasion.UNKNOWN_PLACE, scene)
        return False

    def _write_of_place(self, reply: Reply, inbound: Inbound, scene: _Scene, place: Choice) -> bool:
        """Let them be where they said, and write what there is."""
        conversation, address = scene.conversation, scene.addressee.address
        move(self.session, conversation.contact_id, place.standing, at=reply.received_at)
        there = replace(scene, need=self._need(conversation, address, inbound))
        return self._write(reply, Occasion.MOVED, there, place=place.shown)

    def _was_written(self, conversation: Conversation, occasion: Occasion, *, within: timedelta) -> bool:
        found = select(Answer.id).filter_by(conversation_id=conversation.id, occasion=occasion)
        return self.session.scalar(found.where(Answer.written_at > clock.now() - within).limit(1)) is not None

    def _write(
        self,
        reply: Reply,
        occasion: Occasion,
        scene: _Scene,
        *,
        place: str = "",
        again: datetime | None = None,
        choices: Sequence[Choice] = (),
        subject: Subject = Subject.PLACE,
    ) -> bool:
        """Queue the organisation's text for an occasion, with choices below it; say whether there is one."""
        conversation, now = scene.conversation, clock.now()
        given = {PLACE: place} if place else {}
        if again is not None:
            zone = zone_of(self.session, conversation)
            given[AGAIN] = write_again(again, zone, now=now)
        saying = find_saying(self.session, conversation, occasion, scene.need, given, policy=self.policy)
        if saying is None:
            return False
        body = "\n".join(filter(None, (saying.body, numbered(choices))))
        text = AnswerText(saying.language, body, saying.service_ids)
        is_said = queue_saying(
            self.session, conversation, scene.addressee, text, occasion, reply_id=reply.id, vault=self.vault
        )
        if is_said and choices:
            ask(self.session, conversation, subject, choices, at=now)
        return is_said


def _occasion_after(question: OpenQuestion) -> Occasion:
    return Occasion.WELCOME if question.subject == Subject.LANGUAGE else Occasion.MOVED

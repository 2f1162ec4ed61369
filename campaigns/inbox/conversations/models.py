"""A conversation is everything between an organisation and one person; these tables hold where it stands."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId, rows_with
from campaigns.inbox.urgency.theme_list import Theme

#: What belongs to a conversation names it so, and goes with it.
_OURS = "conversation.id"


class _Level(TypeDecorator[int]):
    """An urgency, kept below zero: one index then has the most urgent first, and of them whoever waits longest."""

    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        return None if value is None else -value

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:
        return None if value is None else -value


class ConversationState(StrEnum):
    """Where a conversation stands; somebody waits for the team in the first two only."""

    #: Nobody of the team has it.
    NEW = "new"
    #: A member has it, or had it when the person wrote again.
    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


#: States in which a person waits for the team.
WAITING = (ConversationState.NEW, ConversationState.OPEN)


class Outcome(StrEnum):
    """How a conversation ended, as a member says it."""

    INFORMED = "informed"
    GIVEN_HELPLINE = "given_helpline"
    #: Another organisation acts.
    HANDED_OVER = "handed_over"
    NO_REPLY = "no_reply"
    #: The number belongs to somebody else by now: its consent ends.
    WRONG_NUMBER = "wrong_number"
    NOT_FOR_US = "not_for_us"
    ABUSE = "abuse"


class Occasion(StrEnum):
    """What makes a machine of ours write to somebody who wrote, or joined."""

    WELCOME = "welcome"
    HELP = "help"
    INFO = "info"
    #: They told where they are, and it was understood.
    MOVED = "moved"
    #: They told, and several places have that name.
    WHICH_PLACE = "which_place"
    #: They told, and no place that is known has that name.
    UNKNOWN_PLACE = "unknown_place"
    #: They wrote while nobody of the team is on duty.
    OFF_DUTY = "off_duty"
    #: They asked days ago, and nobody has answered.
    STILL_WAITING = "still_waiting"
    #: A member of the team marked what they wrote as a complaint about it.
    COMPLAINT = "complaint"


class Conversation(Base):
    """Where the talk with one person stands; what was said is in replies, answers and deliveries."""

    __tablename__ = "conversation"
    __table_args__ = (
        UniqueConstraint("organisation_id", "contact_id"),
        # The queue in its order; few of all conversations wait.
        Index(
            "ix_conversation_waiting",
            "organisation_id",
            "urgency",
            "waiting_since",
            "id",
            **rows_with("waiting_since IS NOT NULL"),
        ),
        Index("ix_conversation_last", "organisation_id", "state", "last_at", "id"),
        Index("ix_conversation_latest", "organisation_id", "last_at", "id"),
        Index(
            "ix_conversation_mine",
            "owner_id",
            "urgency",
            "waiting_since",
            "id",
            **rows_with("waiting_since IS NOT NULL"),
        ),
        Index(
            "ix_conversation_snoozed",
            "organisation_id",
            "snoozed_until",
            "id",
            **rows_with("snoozed_until IS NOT NULL"),
        ),
        Index("ix_conversation_complaint", "organisation_id", "contact_id", **rows_with("is_complaint")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), index=True)
    state: Mapped[ConversationState] = mapped_column(String(10))
    #: Urgency of what waits, or of what was written last.
    urgency: Mapped[int] = mapped_column(_Level)
    #: Why: phrases that were found, as JSON of Reason (urgency/judging.py).
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    #: Member who has it; None: nobody.
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    #: When the oldest message that nobody answered came; None: nobody waits.
    waiting_since: Mapped[datetime | None]
    #: Since when it waits as urgently as now: somebody who asked yesterday may be in danger since a minute.
    urgent_since: Mapped[datetime | None]
    #: When anything was written last, by either side.
    last_at: Mapped[datetime]
    #: What they wrote last: who answers says that they have seen it.
    last_reply_id: Mapped[int | None] = mapped_column(BigId)
    #: Where they wrote last, a Channel or WEB, and the sender that it came to.
    channel: Mapped[str] = mapped_column(String(10))
    sender_id: Mapped[int | None] = mapped_column(ForeignKey("sender.id"))
    #: BCP 47 code of what they write; None: nobody knows.
    language: Mapped[str | None] = mapped_column(String(10))
    #: It does not wait until then, or until they write.
    snoozed_until: Mapped[datetime | None]
    outcome: Mapped[Outcome | None] = mapped_column(String(20))
    closed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    #: About us: those who read complaints (inbox/complaints) see it, and the team does not.
    is_complaint: Mapped[bool] = mapped_column(default=False, server_default=false())


class ConversationTag(Base):
    """What a conversation is about, by the headings of the word lists or by a member; never about the person."""

    __tablename__ = "conversation_tag"
    __table_args__ = (Index("ix_conversation_tag_tag", "tag", "conversation_id"),)

    conversation_id: Mapped[int] = mapped_column(ForeignKey(_OURS, ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(30), primary_key=True)


class ConversationTheme(Base):
    """What a conversation was about on a day, and where its person was then; it goes with the conversation."""

    __tablename__ = "conversation_theme"
    __table_args__ = (Index("ix_conversation_theme_day", "organisation_id", "on_day"),)

    conversation_id: Mapped[int] = mapped_column(ForeignKey(_OURS, ondelete="CASCADE"), primary_key=True)
    theme: Mapped[Theme] = mapped_column(String(10), primary_key=True)
    #: In UTC, as periods of publications are.
    on_day: Mapped[date] = mapped_column(primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    #: None: nobody knew.
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))


class ConversationWord(Base):
    """Keyed hash of a word that was written in a conversation: texts are sealed, and found by these alone."""

    __tablename__ = "conversation_word"

    organisation_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    #: The first eight bytes of the hash, as a signed number.
    word: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    conversation_id: Mapped[int] = mapped_column(
        ForeignKey(_OURS, ondelete="CASCADE"), primary_key=True, index=True, autoincrement=False
    )


class Answer(Base):
    """What the team or a machine of ours wrote back; its words and how it fares are with its run.

    What answers a report without a name has no run: its words stand here, until somebody asks for them.
    """

    __tablename__ = "answer"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey(_OURS, ondelete="CASCADE"), index=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"), unique=True)
    #: Sealed for ("answer", "sealed_text", id); None where a run has the words.
    sealed_text: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: None: automatic.
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    #: Why it was written by itself; None where a member wrote it.
    occasion: Mapped[Occasion | None] = mapped_column(String(20))
    #: The last message that it answers.
    reply_id: Mapped[int | None] = mapped_column(BigId)
    written_at: Mapped[datetime]


class LeftAnswerService(Base):
    """A service that an answer names which was left for its reader; AnswerService holds those that were sent."""

    __tablename__ = "left_answer_service"
    __table_args__ = (
        Index("ix_left_answer_service_alive", "service_id", "named_at", **rows_with("died_at IS NULL")),
    )

    answer_id: Mapped[int] = mapped_column(ForeignKey("answer.id", ondelete="CASCADE"), primary_key=True)
    service_id: Mapped[int] = mapped_column(ForeignKey("service.id"), primary_key=True)
    named_at: Mapped[datetime]
    #: When a worker saw that its number is dead, and put the conversation back; None: it is not known to be.
    died_at: Mapped[datetime | None]


class UnnamedReport(Base):
    """What a conversation has that somebody began on a page for people, without a name, a number or an account.

    Its contact is nobody's: it holds place and language, counts as erased from the beginning, and goes with the
    report.
    """

    __tablename__ = "unnamed_report"

    conversation_id: Mapped[int] = mapped_column(
        ForeignKey(_OURS, ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    #: Vault.lookup_hash of the code by which its writer comes back; the code itself is nowhere.
    code: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    may_answer: Mapped[bool]
    #: Where it is about, as they said (alpha-2); '' for nowhere.
    country: Mapped[str] = mapped_column(String(2))
    #: The least of the keyed hashes of its words: near-equal texts nearly always have it in common.
    likeness: Mapped[int | None] = mapped_column(BigInteger, index=True)
    #: The conversation of a report that says nearly the same and waited already: the queue shows that one.
    same_as_id: Mapped[int | None] = mapped_column(ForeignKey(_OURS, ondelete="SET NULL"), index=True)
    #: The message in which they left a way to reach them.
    contact_reply_id: Mapped[int | None] = mapped_column(BigId)

    @property
    def id(self) -> int:
        """Id for the audit log: there is one row for a conversation."""
        return self.conversation_id


class Draft(Base):
    """What a member wrote and did not send: it is offered to them until they send something."""

    __tablename__ = "draft"

    conversation_id: Mapped[int] = mapped_column(ForeignKey(_OURS, ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)
    #: Sealed for ("draft", "sealed_text", conversation_id).
    sealed_text: Mapped[bytes] = mapped_column(LargeBinary)
    saved_at: Mapped[datetime]


class Presence(Base):
    """Which member had a conversation open when."""

    __tablename__ = "presence"

    conversation_id: Mapped[int] = mapped_column(ForeignKey(_OURS, ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)
    seen_at: Mapped[datetime]

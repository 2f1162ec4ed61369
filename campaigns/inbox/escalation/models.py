"""What happened because nobody answered is written here, each step once, and who was told of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId, rows_with
from campaigns.inbox.duty.targets import Step

_ORGANISATION, _MEMBER = "organisation.id", "member.id"


class EscalationStep(Base):
    """One step of one wait in a conversation; whoever writes the row first takes the step."""

    __tablename__ = "escalation_step"
    __table_args__ = (
        UniqueConstraint("conversation_id", "since", "step"),
        Index("ix_escalation_step_taken", "organisation_id", "taken_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    organisation_id: Mapped[int] = mapped_column(ForeignKey(_ORGANISATION))
    #: When the wait began that it belongs to.
    since: Mapped[datetime]
    step: Mapped[Step] = mapped_column(String(12))
    taken_at: Mapped[datetime]


class PostState(StrEnum):
    """What became of a mail."""

    #: Handed to the mail server, or about to be.
    SENDING = "sending"
    SENT = "sent"
    #: No server took it.
    FAILED = "failed"
    #: At every try the server refused its member's address.
    REFUSED = "refused"


#: A mail of these reached nobody.
NOT_TAKEN = (PostState.FAILED, PostState.REFUSED)


class StepMail(Base):
    """A mail that tells a member how many conversations wait, or that an urgent run is under way; no content."""

    __tablename__ = "step_mail"
    __table_args__ = (
        Index("ix_step_mail_latest", "member_id", "created_at"),
        Index("ix_step_mail_open", "changed_at", **rows_with("state <> 'sent'")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey(_ORGANISATION), index=True)
    member_id: Mapped[int] = mapped_column(ForeignKey(_MEMBER))
    #: Urgency of all that it tells of.
    urgency: Mapped[int] = mapped_column(SmallInteger)
    #: How many conversations, offers or urgent runs it tells of.
    conversations: Mapped[int]
    state: Mapped[PostState] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class StepTold(Base):
    """A member who is to be told of a step, by the mail that does or will."""

    __tablename__ = "told"
    __table_args__ = (Index("ix_told_pending", "member_id", **rows_with("settled_at IS NULL")),)

    step_id: Mapped[int] = mapped_column(ForeignKey("escalation_step.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey(_MEMBER), primary_key=True)
    mail_id: Mapped[int | None] = mapped_column(ForeignKey("step_mail.id"), index=True)
    #: When it was put into a mail, or the person was answered before; None: it waits for a mail.
    settled_at: Mapped[datetime | None]


class OfferTold(Base):
    """A member who is to be told that an offer waits for them, by the mail that does or will."""

    #: Of those who agree as the second one it told first, and of receivers since.
    __tablename__ = "second_member_told"
    __table_args__ = (Index("ix_second_member_told_pending", "member_id", **rows_with("settled_at IS NULL")),)

    hand_over_id: Mapped[int] = mapped_column(ForeignKey("hand_over.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey(_MEMBER), primary_key=True)
    mail_id: Mapped[int | None] = mapped_column(ForeignKey("step_mail.id"), index=True)
    #: When it was put into a mail; None: it waits for one.
    settled_at: Mapped[datetime | None]


class EscalationSwitch(Base):
    """Whether an organisation's members are told by mail, and how it was proved that mail arrives."""

    __tablename__ = "escalation_switch"

    organisation_id: Mapped[int] = mapped_column(ForeignKey(_ORGANISATION), primary_key=True)
    is_on: Mapped[bool] = mapped_column(default=False)
    #: When somebody read a test mail and gave its code.
    proved_at: Mapped[datetime | None]
    #: What a test mail says, who gets it, and how that went; None: no test waits for its code.
    code: Mapped[str | None] = mapped_column(String(8))
    code_for_id: Mapped[int | None] = mapped_column(ForeignKey(_MEMBER))
    code_made_at: Mapped[datetime | None]
    #: None: no worker has sent it yet.
    code_state: Mapped[PostState | None] = mapped_column(String(10))
    wrong_codes: Mapped[int] = mapped_column(SmallInteger, default=0)

    @property
    def id(self) -> int:
        """What an audit entry calls it."""
        return self.organisation_id


class UrgentRunTold(Base):
    """A member who is told that an urgent run is under way, by the mail that does or will."""

    __tablename__ = "urgent_run_told"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey(_MEMBER), primary_key=True)
    #: None: it was told before that was kept.
    mail_id: Mapped[int | None] = mapped_column(ForeignKey("step_mail.id"), index=True)
    #: When it was put into the mail.
    told_at: Mapped[datetime]


class OnCall(Base):
    """Another organisation that is told when nobody answers; it is only once it has agreed."""

    __tablename__ = "on_call"

    organisation_id: Mapped[int] = mapped_column(ForeignKey(_ORGANISATION), primary_key=True)
    partner_id: Mapped[int] = mapped_column(ForeignKey(_ORGANISATION), index=True)
    asked_by_id: Mapped[int] = mapped_column(ForeignKey(_MEMBER))
    asked_at: Mapped[datetime]
    agreed_by_id: Mapped[int | None] = mapped_column(ForeignKey(_MEMBER))
    agreed_at: Mapped[datetime | None]

    @property
    def id(self) -> int:
        """What an audit entry calls it."""
        return self.organisation_id

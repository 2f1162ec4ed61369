"""These tables hold campaigns, their senders, schedules and approvals, and runs (one firing, frozen)."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, SmallInteger, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.audience.models import Audience, Channel
from campaigns.core.database import Base, BigId, WallClock, rows_with
from campaigns.core.sentences import Sentence
from campaigns.messages.models import Message

#: How long a message may wait to be sent unless a member says otherwise, in minutes. A day is longer than any
#: night: whom quiet hours hold back in the evening, it still reaches in the morning.
EXPIRES_AFTER_MINUTES = 24 * 60


class Health(StrEnum):
    """How a sender fares, as the engine sees it."""

    WELL = "well"
    #: The provider refuses or does not answer; the engine tries again by itself.
    TROUBLED = "troubled"
    #: The provider blames the sender; a member must mend it and switch it on again.
    PAUSED = "paused"


class Sender(Base):
    """A number, name or bot messages are sent from, with the pace its route allows."""

    __tablename__ = "sender"
    __table_args__ = (
        # One that is switched off does not count: its number may be another's by now.
        Index("ix_sender_identity", "gateway", "channel", "identity", unique=True, **rows_with("active")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: None: shared by every organisation of the instance.
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    channel: Mapped[Channel] = mapped_column(String(10))
    #: Which gateway carries it: a name of gateways/kinds.py ("twilio").
    gateway: Mapped[str] = mapped_column(String(30))
    #: E.164 number, alphanumeric name, Messaging Service id, or the name of a bot.
    identity: Mapped[str] = mapped_column(String(60))
    #: Name of the credential in the settings.
    secret_name: Mapped[str] = mapped_column(String(60))
    #: Parts per second.
    pace: Mapped[float] = mapped_column(default=10.0)
    #: Whether people can answer it (alphanumeric names cannot receive).
    two_way: Mapped[bool] = mapped_column(default=True)
    active: Mapped[bool] = mapped_column(default=True)
    #: Countries (alpha-2) of the numbers it may write to; empty: all.
    countries: Mapped[list[str]] = mapped_column(JSON, default=list)
    #: People it may write to in any 24 hours (WhatsApp's tier); None: no such limit.
    daily_limit: Mapped[int | None]
    #: Dollars for a part or message by country of the number ("*": elsewhere); prices.py knows the rest.
    prices: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    #: Written by the engine; a member who switches the sender on again makes it well.
    health: Mapped[Health] = mapped_column(String(10), default=Health.WELL)
    #: The provider's code, or our word, for why it is not well.
    health_code: Mapped[str] = mapped_column(String(40), default="")
    health_at: Mapped[datetime | None]
    #: When a member had its provider asked last; None: never.
    tested_at: Mapped[datetime | None]
    #: The provider's code, or our word, for why it did not know us then; '' when it did.
    test_code: Mapped[str] = mapped_column(String(40), default="", server_default="")


class CampaignSender(Base):
    """One sender of a campaign in its order: each person is written to over the first that can reach them."""

    __tablename__ = "campaign_sender"
    __table_args__ = (UniqueConstraint("campaign_id", "sender_id"),)

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    #: From 0.
    rank: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    sender_id: Mapped[int] = mapped_column(ForeignKey("sender.id"))
    sender: Mapped[Sender] = relationship()


class CampaignState(StrEnum):
    """Where a campaign stands (moves in lifecycle.py)."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    ARCHIVED = "archived"


class FallbackPolicy(StrEnum):
    """What a contact gets when the message has no text in their language."""

    DO_NOT_SEND = "do_not_send"
    BASE_LANGUAGE = "base_language"
    NAMED_LANGUAGE = "named_language"


class Campaign(Base):
    """What is said, to whom, over which sender, and under which limits."""

    __tablename__ = "campaign"
    __table_args__ = (
        CheckConstraint("NOT is_example OR state IN ('draft', 'archived')", name="example_never_leaves"),
        UniqueConstraint("organisation_id", "code"),
        # A service that hears a code does not know whose campaign it is.
        Index("ix_campaign_code", "code", unique=True),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    name: Mapped[str] = mapped_column(String(200))
    #: Short code people can quote to a service ("K7").
    code: Mapped[str] = mapped_column(String(10))
    state: Mapped[CampaignState] = mapped_column(String(10))
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"))
    audience_id: Mapped[int] = mapped_column(ForeignKey("audience.id"))
    sender_id: Mapped[int] = mapped_column(ForeignKey("sender.id"))
    fallback_policy: Mapped[FallbackPolicy] = mapped_column(String(15))
    fallback_language: Mapped[str | None] = mapped_column(String(10))
    #: Largest number of parts a rendered text may have.
    max_parts: Mapped[int]
    #: Address of the page behind ((link)), or None.
    link: Mapped[str | None] = mapped_column(String(200))
    #: Whether an unknown delivery the provider has never seen is sent again without asking.
    resend_unknown: Mapped[bool] = mapped_column(default=False)
    #: What one run may cost at most, in cents of a dollar; None: no limit.
    budget_cents: Mapped[int | None]
    #: How many people without a text in their language the author agreed to leave out; None: nobody agreed yet.
    accepted_left_out: Mapped[int | None]
    #: The message that corrects this one; None: not yet. Adopted: it is the organisation's, named by submitting.
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"))
    correction_adopted: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Why it goes before others, as its author says; None: it does not. It takes an approval as urgent, too.
    urgent_reason: Mapped[str | None] = mapped_column(String(300))
    #: It came with the example: it is rehearsed with its unreviewed texts, and never submitted.
    is_example: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    message: Mapped[Message] = relationship(foreign_keys=[message_id])
    correction: Mapped[Message | None] = relationship(foreign_keys=[correction_id])
    audience: Mapped[Audience] = relationship()
    sender: Mapped[Sender] = relationship()
    #: In the order in which they are tried.
    ranked_senders: Mapped[list[CampaignSender]] = relationship(
        order_by="CampaignSender.rank", cascade="all, delete-orphan"
    )
    #: Those in force; a removed schedule stays behind its runs.
    schedules: Mapped[list[Schedule]] = relationship(
        back_populates="campaign",
        order_by="Schedule.id",
        primaryjoin="and_(Campaign.id == Schedule.campaign_id, Schedule.removed_at.is_(None))",
    )
    approvals: Mapped[list[Approval]] = relationship(back_populates="campaign", order_by="Approval.id")

    @property
    def sender_ids(self) -> tuple[int, ...]:
        """Its senders, in their order."""
        return tuple(each.sender_id for each in self.ranked_senders)


class CommonCorrection(Base):
    """The message that corrects every campaign of an organisation that names no other one, where it covers it."""

    __tablename__ = "common_correction"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"))
    chosen_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    chosen_at: Mapped[datetime]


class ZonePolicy(StrEnum):
    """Whose clock a schedule's wall-clock time is read on."""

    FIXED = "fixed"
    RECIPIENT = "recipient"


class Schedule(Base):
    """When a campaign fires, in wall-clock time; the row decides what is due."""

    __tablename__ = "schedule"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    #: First occurrence on the wall clock.
    starts_at: Mapped[datetime] = mapped_column(WallClock)
    #: RFC 5545 RRULE without DTSTART ("FREQ=WEEKLY;COUNT=4"), or None to fire once.
    recurrence: Mapped[str | None] = mapped_column(String(200))
    zone_policy: Mapped[ZonePolicy] = mapped_column(String(10))
    #: IANA zone of a fixed policy; with the recipient policy, the zone of contacts without a known one.
    time_zone: Mapped[str] = mapped_column(String(40))
    #: It fires once, as soon as an approver agrees, whatever its time says.
    on_approval: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: A firing later than this becomes a held run, in minutes.
    grace_minutes: Mapped[int] = mapped_column(default=60)
    #: A delivery not sent so long after its due time expires, in minutes.
    expires_after_minutes: Mapped[int] = mapped_column(default=EXPIRES_AFTER_MINUTES)
    #: Next occurrence and the instant it fires; None when nothing is left. Written by planning alone.
    next_occurrence: Mapped[datetime | None] = mapped_column(WallClock)
    next_fire_at: Mapped[datetime | None] = mapped_column(index=True)
    #: Set when a member removes it.
    removed_at: Mapped[datetime | None]
    campaign: Mapped[Campaign] = relationship(back_populates="schedules")

    @property
    def awaits_approval(self) -> bool:
        """Whether the approval that is to come starts it."""
        is_to_come = self.on_approval and self.next_occurrence is not None
        return is_to_come and self.campaign.state in (CampaignState.DRAFT, CampaignState.SUBMITTED)


class Decision(StrEnum):
    """What an approver decided."""

    APPROVED = "approved"
    RETURNED = "returned"


class Approval(Base):
    """One decision of a second member over an exact digest of everything that will be sent."""

    __tablename__ = "approval"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    decision: Mapped[Decision] = mapped_column(String(10))
    #: SHA-256 of campaign_content.py; compared again when a run starts.
    digest: Mapped[str] = mapped_column(String(64))
    #: What the digest names, as JSON, to show later approvers what changed; None in decisions older than that.
    content: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    reason: Mapped[str] = mapped_column(String(500), default="")
    #: Whether it was approved as urgent, as its author asked for.
    as_urgent: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: How many people the audience held when it was approved.
    people: Mapped[int]
    decided_at: Mapped[datetime]
    #: Set by the first edit afterwards.
    voided_at: Mapped[datetime | None]
    campaign: Mapped[Campaign] = relationship(back_populates="approvals")


class RunState(StrEnum):
    """Where a run stands (moves in lifecycle.py)."""

    HELD = "held"
    PLANNING = "planning"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"


class Priority(IntEnum):
    """How urgent a run is; the higher goes first wherever runs wait for one another."""

    ORDINARY = 0
    #: Marked so by its author, and approved as such.
    URGENT = 5
    #: A correction, or what else a reviewer puts before all others.
    FIRST = 10
    ANSWER = 20


#: A run that ended without a message; in words, so that both databases see that an index has them.
EMPTY = "planned = 0 AND state = 'done'"


class Run(Base):
    """One firing of a schedule, or an answer to one person, with everything frozen that it needs."""

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("schedule_id", "occurrence"),
        # Pages look for the few urgent ones among all runs, of which there is one for each answer.
        Index("ix_run_urgent", "organisation_id", **rows_with(f"priority = {Priority.URGENT:d}")),
        Index("ix_run_empty", "organisation_id", "finished_at", **rows_with(EMPTY)),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    #: None: it answers one person.
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"), index=True)
    #: None: a rehearsal or an answer, which no schedule asked for.
    schedule_id: Mapped[int | None] = mapped_column(ForeignKey("schedule.id"))
    occurrence: Mapped[datetime] = mapped_column(WallClock)
    state: Mapped[RunState] = mapped_column(String(10), index=True)
    #: Why it is held, paused or stopped; None where there is nothing to say.
    reason: Mapped[Sentence | None]
    sender_id: Mapped[int] = mapped_column(ForeignKey("sender.id"))
    channel: Mapped[Channel] = mapped_column(String(10))
    #: Digest recomputed and compared when the run was made.
    digest: Mapped[str] = mapped_column(String(64))
    message_version: Mapped[int]
    #: FrozenRun of campaign_content.py as JSON: texts by language, audience rule, fallback, limits, time policy.
    frozen: Mapped[dict[str, Any]]
    #: Fan-out cursor: contacts up to this id are planned.
    planned_through: Mapped[int] = mapped_column(BigId, default=0)
    #: Deliveries made by the fan-out.
    planned: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    #: Sent to the sandbox instead of to people, with stand-ins for their addresses; never counts as reach.
    is_rehearsal: Mapped[bool] = mapped_column(default=False)
    #: Runs of a higher one are sent first where they share a sender; what is due of equal ones takes turns.
    priority: Mapped[int] = mapped_column(SmallInteger, default=Priority.ORDINARY, server_default="0")
    #: The run whose people this one corrects; they are named by its deliveries, not by an audience.
    corrects_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"), index=True)
    #: The engine paused it, not a member: two members are needed to resume it.
    paused_by_itself: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: The member who asked that such a run goes on; another one confirms.
    resume_asked_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    resume_asked_at: Mapped[datetime | None]
    campaign: Mapped[Campaign] = relationship()
    sender: Mapped[Sender] = relationship()
    ranked_senders: Mapped[list[RunSender]] = relationship(order_by="RunSender.rank", cascade="all, delete-orphan")

    @property
    def is_urgent(self) -> bool:
        """Whether it was approved as urgent."""
        return self.priority == Priority.URGENT


class RunSender(Base):
    """One sender of a run, in the order the campaign had when the run was made."""

    __tablename__ = "run_sender"
    __table_args__ = (UniqueConstraint("run_id", "sender_id"),)

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    #: From 0.
    rank: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    sender_id: Mapped[int] = mapped_column(ForeignKey("sender.id"))
    channel: Mapped[Channel] = mapped_column(String(10))
    #: Countries (alpha-2) it covers; empty: all.
    countries: Mapped[list[str]] = mapped_column(JSON, default=list)
    sender: Mapped[Sender] = relationship()


class TemplateState(StrEnum):
    """Where a WhatsApp template stands at the provider."""

    #: Asked for by a member; the worker has not told the provider yet.
    WANTED = "wanted"
    UNSUBMITTED = "unsubmitted"
    RECEIVED = "received"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    PAUSED = "paused"
    DISABLED = "disabled"


class TemplateCategory(StrEnum):
    """What WhatsApp takes a template for; it decides on price and on how often a person may get one."""

    MARKETING = "MARKETING"
    UTILITY = "UTILITY"


class WhatsAppTemplate(Base):
    """One text of a message in one language, as the provider approves it before WhatsApp lets it be sent."""

    __tablename__ = "whatsapp_template"
    __table_args__ = (UniqueConstraint("secret_name", "message_id", "language", "text_digest"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    #: Account at the provider, by the name of its credential, and the gateway it is asked over.
    secret_name: Mapped[str] = mapped_column(String(60))
    gateway: Mapped[str] = mapped_column(String(30))
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"))
    language: Mapped[str] = mapped_column(String(10))
    #: SHA-256 of the text it was made of; another text needs another template.
    text_digest: Mapped[str] = mapped_column(String(64))
    #: The provider's name for it: small letters, digits and underscores.
    name: Mapped[str] = mapped_column(String(100))
    #: The text with {{1}}, {{2}} … in place of its placeholders.
    body: Mapped[str]
    #: What fills each slot, in their order: the name of a placeholder, or name??fallback.
    slots: Mapped[list[str]] = mapped_column(JSON, default=list)
    category: Mapped[TemplateCategory] = mapped_column(String(15))
    state: Mapped[TemplateState] = mapped_column(String(12))
    #: Why it was rejected, in the provider's words.
    reason: Mapped[str] = mapped_column(String(300), default="")
    #: The provider's id ("HX…"); None until it knows the template.
    content_sid: Mapped[str | None] = mapped_column(String(40))
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    asked_at: Mapped[datetime]
    #: When the provider was last asked for its state.
    synced_at: Mapped[datetime | None]

"""These tables hold deliveries (the queue itself), rendered texts, people left out, attempts and receipts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    TextClause,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.audience.models import Channel
from campaigns.core.database import Base, BigId, rows_with
from campaigns.delivery.states import ReceiptState, SendState

#: Longest reason that a member gives for a correction, or for sending again.
LONGEST_REASON = 300


class RunZone(Base):
    """When the deliveries of one time zone and country are due and expire in a run."""

    __tablename__ = "run_zone"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    time_zone: Mapped[str] = mapped_column(String(40), primary_key=True)
    #: Alpha-2 code of the country that issued the number, whose quiet hours count; "": another address, or any.
    country: Mapped[str] = mapped_column(String(2), primary_key=True, default="", server_default="")
    due_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class RunQuiet(Base):
    """Quiet hours of one time zone and country that fall into the time of a run: what is due then waits."""

    __tablename__ = "run_quiet"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    time_zone: Mapped[str] = mapped_column(String(40), primary_key=True)
    #: As in RunZone.
    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    begins_at: Mapped[datetime] = mapped_column(primary_key=True)
    #: The first instant after them.
    ends_at: Mapped[datetime]


class RunText(Base):
    """A text rendered once for a combination; deliveries only point to it. '' and 0 stand for "any"."""

    __tablename__ = "run_text"
    __table_args__ = (
        UniqueConstraint(
            "run_id",
            "language",
            "channel",
            "region_id",
            "time_zone",
            "place_id",
            "roaming",
            "stop",
            name="uq_run_text_combination",
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    #: Language of the text, after fallback.
    language: Mapped[str] = mapped_column(String(10))
    #: Where a channel has words of its own.
    channel: Mapped[str] = mapped_column(String(10), default="", server_default="")
    region_id: Mapped[int] = mapped_column(BigId, default=0)
    time_zone: Mapped[str] = mapped_column(String(40), default="")
    place_id: Mapped[int] = mapped_column(BigId, default=0)
    #: For SIMs of another country than the region, which cannot dial every number.
    roaming: Mapped[bool] = mapped_column(default=False)
    #: A StopWay of messages/text/how_to_stop.py, where the text says how to stop.
    stop: Mapped[str] = mapped_column(String(5), default="", server_default="")
    #: Services that the text names.
    service_ids: Mapped[list[int]] = mapped_column(JSON, default=list, server_default="[]")
    #: None: there is no number to name, so people of this combination are left out; or it is sealed.
    body: Mapped[str | None]
    #: What one person is answered, sealed for ("run_text", "sealed_body", id).
    sealed_body: Mapped[bytes | None] = mapped_column(LargeBinary)
    parts: Mapped[int] = mapped_column(SmallInteger, default=0)
    #: The approved WhatsApp template that says it, and what fills its slots; None: there is none.
    content_sid: Mapped[str | None] = mapped_column(String(40))
    content_variables: Mapped[dict[str, str] | None] = mapped_column(JSON)


class FormerText(Base):
    """What a text of a run said until it was rendered anew: what was called for earlier said this."""

    __tablename__ = "former_text"

    text_id: Mapped[int] = mapped_column(ForeignKey("run_text.id"), primary_key=True)
    #: When it was rendered anew; no call that began before said anything else.
    until: Mapped[datetime] = mapped_column(primary_key=True)
    service_ids: Mapped[list[int]] = mapped_column(JSON, default=list, server_default="[]")
    body: Mapped[str | None]
    parts: Mapped[int] = mapped_column(SmallInteger, default=0)
    content_sid: Mapped[str | None] = mapped_column(String(40))
    content_variables: Mapped[dict[str, str] | None] = mapped_column(JSON)


class RunAnswer(Base):
    """Marks a run that answers one person, who may have said stop before they wrote again.

    It is sent whatever they said before; one refusal more closes it.
    """

    __tablename__ = "run_answer"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    #: How many stops and holds the ledger had of the address when the answer was written.
    refusals: Mapped[int]


class AnswerService(Base):
    """A service that an answer names: whoever got it is found again when its number turns out to be dead."""

    __tablename__ = "answer_service"
    __table_args__ = (
        Index("ix_answer_service_alive", "service_id", "named_at", **rows_with("died_at IS NULL")),
        Index("ix_answer_service_dead", "service_id", "run_id", **rows_with("died_at IS NOT NULL")),
    )

    run_id: Mapped[int] = mapped_column(ForeignKey("run_answer.run_id"), primary_key=True)
    service_id: Mapped[int] = mapped_column(ForeignKey("service.id"), primary_key=True)
    named_at: Mapped[datetime]
    #: When a worker saw that its number is dead, and put the conversation back; None: it is not known to be.
    died_at: Mapped[datetime | None]


class RunLeftOut(Base):
    """How many people of the audience a run did not write to, and why."""

    __tablename__ = "run_left_out"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    #: A LeftOut value of audience/rules.py.
    reason: Mapped[str] = mapped_column(String(20), primary_key=True)
    #: 0: no known region.
    region_id: Mapped[int] = mapped_column(BigId, primary_key=True, default=0)
    language: Mapped[str] = mapped_column(String(10), primary_key=True)
    people: Mapped[int]


class CanaryState(StrEnum):
    """Where the first few messages of a run stand, before the rest follows."""

    #: They are being sent.
    SENDING = "sending"
    #: They are sent; receipts, failures and opt-outs are awaited.
    WAITING = "waiting"
    #: They went well, and the rest follows.
    PASSED = "passed"
    #: Too many failed or said stop: the run is paused.
    FAILED = "failed"


#: States in which the rest of a run waits.
OPEN_CANARY = (CanaryState.SENDING, CanaryState.WAITING, CanaryState.FAILED)


class RunCanary(Base):
    """How the canary of a run fares; a run without one sends everything at once."""

    __tablename__ = "run_canary"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    state: Mapped[CanaryState] = mapped_column(String(10))
    people: Mapped[int]
    #: When the last of them was called.
    sent_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]
    #: As counted last.
    failed: Mapped[int] = mapped_column(default=0)
    opted_out: Mapped[int] = mapped_column(default=0)


class CanaryDelivery(Base):
    """One delivery of a canary. No foreign keys, as with deliveries."""

    __tablename__ = "canary_delivery"

    run_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(BigId, primary_key=True)


def _is_either(*states: str) -> TextClause:
    """Return the predicate of a partial index: for SQLite a state implies OR, but not IN."""
    return text(" OR ".join(f"send_state = '{state}'" for state in states))


class Delivery(Base):
    """One message to one contact in one run. No foreign keys: fan-out writes it from their own tables."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("run_id", "contact_id"),
        Index("ix_delivery_reference", "reference", unique=True),
        Index(
            "ix_delivery_queued",
            "run_id",
            "sender_id",
            "id",
            sqlite_where=text("send_state = 'queued'"),
            postgresql_where=text("send_state = 'queued'"),
        ),
        Index(
            "ix_delivery_open",
            "send_state",
            "intent_at",
            sqlite_where=_is_either("sending", "unknown"),
            postgresql_where=_is_either("sending", "unknown"),
        ),
        # For members who look at what did not go well; a message that goes well never enters them.
        Index(
            "ix_delivery_closed",
            "run_id",
            "send_state",
            "id",
            sqlite_where=_is_either("failed", "suppressed", "expired", "unconfirmed"),
            postgresql_where=_is_either("failed", "suppressed", "expired", "unconfirmed"),
        ),
        Index(
            "ix_delivery_undelivered",
            "run_id",
            "receipt_error",
            "id",
            sqlite_where=text("receipt_error IS NOT NULL"),
            postgresql_where=text("receipt_error IS NOT NULL"),
        ),
        Index(
            "ix_delivery_cancelled",
            "run_id",
            "id",
            sqlite_where=text("send_state = 'cancelled'"),
            postgresql_where=text("send_state = 'cancelled'"),
        ),
        # For daily limits, which WhatsApp has; SMS, of which there are most, pays nothing for it.
        Index(
            "ix_delivery_called",
            "sender_id",
            "intent_at",
            sqlite_where=text("channel <> 'sms'"),
            postgresql_where=text("channel <> 'sms'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(BigId)
    contact_id: Mapped[int] = mapped_column(BigId)
    address_id: Mapped[int] = mapped_column(BigId)
    channel: Mapped[Channel] = mapped_column(String(10))
    #: Sender that serves it, one of the run's.
    sender_id: Mapped[int] = mapped_column(BigId)
    text_id: Mapped[int] = mapped_column(BigId)
    #: Region at planning time, where reach is counted; 0 when unknown.
    region_id: Mapped[int] = mapped_column(BigId)
    send_state: Mapped[SendState] = mapped_column(String(11))
    receipt_state: Mapped[ReceiptState | None] = mapped_column(String(11))
    #: The receipt that set receipt_state; merging compares (rank, id).
    receipt_id: Mapped[int | None] = mapped_column(BigId)
    #: Word by which receipts name it, in the callback URL or the provider's own; unique for ever.
    reference: Mapped[str] = mapped_column(String(64))
    #: Claim that holds the row while it is `sending`.
    token: Mapped[str | None] = mapped_column(String(32))
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    #: Not before, not after; a retry moves due_at.
    due_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    #: When the intent to call was committed, before the first byte.
    intent_at: Mapped[datetime | None]
    provider_id: Mapped[str | None] = mapped_column(String(64))
    #: Code of the last failed attempt, by the engine; and of the failing receipt, by receipts.
    error: Mapped[str | None] = mapped_column(String(40))
    receipt_error: Mapped[str | None] = mapped_column(String(40))


#: Indexes that get two more entries of each delivery on PostgreSQL, from the claim and from the result. Pages that
#: fan-out left full would be split for them: half of a page stays free, and the server has a quarter less to do.
ROOMY_INDEXES = ("pk_delivery", "uq_delivery_run_id_contact_id", "ix_delivery_reference")
for _name in ROOMY_INDEXES:
    _leave_room = DDL(f"ALTER INDEX {_name} SET (fillfactor = 50)")  # type: ignore[no-untyped-call]
    event.listen(Delivery.__table__, "after_create", _leave_room.execute_if(dialect="postgresql"))
#: What PostgreSQL is told of tables that live by update: half of a page of deliveries stays free, so that receipts
#: change rows in place and no index gets an entry; and both are vacuumed before a fifth of them is dead.
KEPT_CLEAN = "autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05"
LIVING_BY_UPDATE = {"delivery": f"fillfactor = 50, {KEPT_CLEAN}", "receipt": KEPT_CLEAN}


class SenderAccount(Base):
    """Since when a sender's messages go over one account of its provider, as the engine opened it.

    Its credential may be pointed at another account at any time; the list of that one says nothing of what was
    called before. A row is written when a lane is opened over another account than the last one was.
    """

    __tablename__ = "sender_account"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    sender_id: Mapped[int] = mapped_column(ForeignKey("sender.id"), index=True)
    is_rehearsal: Mapped[bool] = mapped_column(default=False)
    #: The provider's name of the account ("AC…"); no secret.
    account: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime]


class Attempt(Base):
    """A call that ended in anything but a clean acceptance, or a change a member or repair made."""

    __tablename__ = "attempt"
    __table_args__ = (
        # For daily limits: what a sender had sent before the delivery went on over another one.
        Index(
            "ix_attempt_sent",
            "sender_id",
            "at",
            sqlite_where=text("provider_id IS NOT NULL"),
            postgresql_where=text("provider_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(BigId, index=True)
    number: Mapped[int] = mapped_column(SmallInteger)
    at: Mapped[datetime]
    #: "rejected", "throttled", "not_sent", "unknown", "reaped", "reconciled", "resent", "fell_back".
    outcome: Mapped[str] = mapped_column(String(12))
    error: Mapped[str | None] = mapped_column(String(40))
    #: Of an acceptance that failed for good on its channel, before the delivery went on over another one.
    sender_id: Mapped[int | None] = mapped_column(BigId)
    address_id: Mapped[int | None] = mapped_column(BigId)
    reference: Mapped[str | None] = mapped_column(String(64))
    provider_id: Mapped[str | None] = mapped_column(String(64))


class Receipt(Base):
    """A provider's status callback as it came; kept raw until retention removes it."""

    __tablename__ = "receipt"
    __table_args__ = (
        Index(
            "ix_receipt_waiting",
            "id",
            sqlite_where=text("applied_at IS NULL"),
            postgresql_where=text("applied_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    gateway: Mapped[str] = mapped_column(String(30))
    #: From the callback URL; '' when it had none.
    reference: Mapped[str] = mapped_column(String(64))
    provider_id: Mapped[str] = mapped_column(String(64))
    #: The provider's word, unknown ones included.
    status: Mapped[str] = mapped_column(String(30))
    error: Mapped[str | None] = mapped_column(String(40))
    #: The Action that the gateway read in the error.
    action: Mapped[str | None] = mapped_column(String(20))
    #: Further fields of the callback, without From and To.
    raw: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]
    #: When it was merged into its delivery, or found to belong to none of ours.
    applied_at: Mapped[datetime | None]


for _name, _settings in LIVING_BY_UPDATE.items():
    _tell = DDL(f"ALTER TABLE {_name} SET ({_settings})")  # type: ignore[no-untyped-call]
    event.listen(Base.metadata.tables[_name], "after_create", _tell.execute_if(dialect="postgresql"))

"""These tables hold what messages cost, by us and by providers, and what campaigns of a month may cost."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId


class SpendingLimit(Base):
    """What the campaigns of an organisation may spend in a calendar month (UTC)."""

    __tablename__ = "spending_limit"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    #: In cents of a dollar.
    cents: Mapped[int]
    set_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    set_at: Mapped[datetime]


class RunCost(Base):
    """What the messages of a run cost over one sender, to the numbers of one country, by our own prices.

    Without a foreign key to the run: what an answer cost stays in the sum when its writer is erased.
    """

    __tablename__ = "run_cost"
    __table_args__ = (Index("ix_run_cost_month", "organisation_id", "month"),)

    run_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    sender_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    #: Alpha-2 code of the country that issued the numbers; "": it is not known.
    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    #: In which the run began, as "2026-03" (UTC).
    month: Mapped[str] = mapped_column(String(7))
    #: Messages that the provider took, and the SMS parts that they have.
    messages: Mapped[int]
    parts: Mapped[int]
    #: What these cost, and what those will that still wait to be sent, in millionths of a dollar.
    micros: Mapped[int] = mapped_column(BigId)
    coming_micros: Mapped[int] = mapped_column(BigId)


class RunCostCount(Base):
    """When the cost of a run was counted last; counts of one run wait for each other on this row."""

    __tablename__ = "run_cost_count"

    run_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    counted_at: Mapped[datetime]


class ToldCost(Base):
    """What a provider charged an organisation on one day, for messages with people of one country."""

    __tablename__ = "told_cost"
    __table_args__ = (Index("ix_told_cost_month", "organisation_id", "month"),)

    #: Account at the provider, by the name of its credential.
    secret_name: Mapped[str] = mapped_column(String(60), primary_key=True)
    #: In UTC.
    day: Mapped[date] = mapped_column(primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    #: As in RunCost.
    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    #: As in ISO 4217; "" of messages whose price is not told yet.
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    month: Mapped[str] = mapped_column(String(7))
    messages: Mapped[int]
    parts: Mapped[int]
    #: In millionths of the currency.
    micros: Mapped[int] = mapped_column(BigId)


class ToldDay(Base):
    """When a provider was asked last what the messages of a day cost."""

    __tablename__ = "told_day"

    secret_name: Mapped[str] = mapped_column(String(60), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    read_at: Mapped[datetime]


class AccountBalance(Base):
    """What is left on an account at a provider, as it said last."""

    __tablename__ = "account_balance"

    secret_name: Mapped[str] = mapped_column(String(60), primary_key=True)
    gateway: Mapped[str] = mapped_column(String(30))
    #: In millionths of the currency.
    micros: Mapped[int] = mapped_column(BigId)
    currency: Mapped[str] = mapped_column(String(3))
    told_at: Mapped[datetime]


class SpendingNotice(Base):
    """That an administrator was told by mail of money that runs out: once for each cause and time."""

    __tablename__ = "spending_notice"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)
    #: A Cause of spending_mails.py.
    cause: Mapped[str] = mapped_column(String(10), primary_key=True)
    #: The month of a limit, or the Monday of the week in which a balance was low.
    period: Mapped[str] = mapped_column(String(10), primary_key=True)
    told_at: Mapped[datetime]

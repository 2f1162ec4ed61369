"""The duty roster: who of an organisation answers in which hours of the week and languages; and its teams."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId, rows_with


class Part(StrEnum):
    """What a member has to do with a duty."""

    #: Answers.
    ANSWERS = "answers"
    #: Is told when those do not.
    LEAD = "lead"
    #: Is told with the lead.
    RESERVE = "reserve"


class Duty(Base):
    """Hours of the week in which a team of members answers."""

    __tablename__ = "duty"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    #: Digits of the weekdays on which it begins; 0 is Monday.
    days: Mapped[str] = mapped_column(String(7))
    #: Minutes of the day in the organisation's time zone; until the next day where the end is not after the begin.
    begin: Mapped[int] = mapped_column(SmallInteger)
    end: Mapped[int] = mapped_column(SmallInteger)
    #: Languages (BCP 47) that it is for; empty: all.
    languages: Mapped[list[str]]
    created_at: Mapped[datetime]


class DutyMember(Base):
    """A member's part in a duty."""

    __tablename__ = "duty_member"
    __table_args__ = (
        Index("uq_duty_member_lead", "duty_id", unique=True, **rows_with("part = 'lead'")),
        Index("ix_duty_member_member_id", "member_id"),
    )

    duty_id: Mapped[int] = mapped_column(ForeignKey("duty.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)
    part: Mapped[Part] = mapped_column(String(10), primary_key=True)


class Team(Base):
    """Members of an organisation to whom a conversation may be offered together."""

    __tablename__ = "team"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    name: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime]


class TeamMember(Base):
    """A member of a team."""

    __tablename__ = "team_member"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True, index=True)


class Cause(StrEnum):
    """Why mail does not reach a member."""

    #: The mail server did not take the last mails.
    REFUSED = "refused"
    #: It took one, and gave it back later.
    BOUNCED = "bounced"


class Unreachable(Base):
    """A member whom mail does not reach at an address; another address is another matter."""

    __tablename__ = "unreachable_member"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    cause: Mapped[Cause] = mapped_column(String(10))
    since: Mapped[datetime]

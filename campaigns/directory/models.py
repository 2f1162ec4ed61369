"""These tables hold services, who verified each and when, and numbers for emergencies."""

from __future__ import annotations

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId

_FREE_IN = re.compile(r"free in ([A-Z]{2})")


class ServiceKind(StrEnum):
    """What kind of help a service gives; a signpost never swaps one for another."""

    TRAFFICKING = "trafficking"
    EMERGENCY = "emergency"
    LABOUR = "labour"
    CONSULAR = "consular"
    CHILD = "child"
    VIOLENCE = "violence"
    VICTIMS = "victims"
    INFORMATION = "information"
    SHELTER = "shelter"
    LEGAL = "legal"
    OTHER = "other"


class OperatorType(StrEnum):
    """Who answers: a government line may expose somebody without papers."""

    NGO = "ngo"
    IGO = "igo"
    CONSULATE = "consulate"
    GOVERNMENT = "government"
    POLICE = "police"
    UNKNOWN = "unknown"


class ForeignSim(StrEnum):
    """Whether a roaming SIM can dial a service's national number."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


#: `Service.country` of numbers that work in every member state of the European Union.
EUROPEAN_UNION = "EU"
#: Among `Service.languages`: every other language too, through an interpreter (ISO 639-2: multiple languages).
INTERPRETED = "mul"
#: `Service.source_status` of a row that names a source; any other wording cannot be verified.
SOURCED = "sourced"
#: `Service.verified_how` of a demo; no member of a live instance may say so.
SIMULATED = "simulated"
#: How it is known that a service is wrong when a member says so who changes it.
AS_STATED = "as stated"


class Service(Base):
    """Where help is: a helpline, shelter or office, usable only while its verification is fresh."""

    __tablename__ = "service"
    __table_args__ = (UniqueConstraint("organisation_id", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    key: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(200))
    #: A ServiceKind.
    kind: Mapped[str] = mapped_column(String(30))
    #: Alpha-2, or "EU" for numbers that work in every member state.
    country: Mapped[str] = mapped_column(String(2), index=True)
    #: ISO 3166-2 codes it covers; empty means the whole country.
    region_codes: Mapped[list[str]]
    number_national: Mapped[str | None] = mapped_column(String(60))
    number_from_abroad: Mapped[str | None] = mapped_column(String(60))
    #: Further numbers of the same line, shown to members only.
    other_numbers: Mapped[list[str]] = mapped_column(default=list)
    #: A ForeignSim.
    works_from_foreign_sim: Mapped[str] = mapped_column(String(10), default=ForeignSim.UNKNOWN)
    #: Language codes spoken; empty means not stated.
    languages: Mapped[list[str]]
    #: Days of the languages that are not spoken every day: {"ru": ["mon"]}.
    language_days: Mapped[dict[str, Any]] = mapped_column(default=dict)
    #: The source's wording on languages and hours, shown to members.
    languages_note: Mapped[str] = mapped_column(String(200), default="")
    hours_note: Mapped[str] = mapped_column(String(200), default="")
    #: {"mon": [["08:30", "16:30"]], …} in time_zone; {} means not stated; all days ["00:00", "24:00"] is 24/7.
    hours: Mapped[dict[str, Any]]
    time_zone: Mapped[str] = mapped_column(String(40))
    #: It sees nobody who has no appointment, whatever its hours.
    by_appointment: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: An OperatorType.
    operator_type: Mapped[str] = mapped_column(String(20), default=OperatorType.UNKNOWN)
    operator: Mapped[str] = mapped_column(String(200), default="")
    cost: Mapped[str] = mapped_column(String(100), default="")
    confidential: Mapped[bool | None]
    scope: Mapped[str] = mapped_column(String(200), default="")
    source: Mapped[str] = mapped_column(String(300), default="")
    source_date: Mapped[str] = mapped_column(String(100), default="")
    #: The work list's judgement of its source; only SOURCED rows may be verified.
    source_status: Mapped[str] = mapped_column(String(100), default="")
    note: Mapped[str] = mapped_column(String(300), default="")
    verified_on: Mapped[date | None]
    verified_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    #: "test call, local SIM" …; "simulated" in the demo.
    verified_how: Mapped[str | None] = mapped_column(String(100))
    #: Last day of a line that is known to end; never used after it.
    expires_on: Mapped[date | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    @property
    def free_in(self) -> str:
        """The country (alpha-2) in which alone a call is free, where `cost` says just that, else nothing."""
        found = _FREE_IN.fullmatch(self.cost)
        return found[1] if found else ""


class CheckOutcome(StrEnum):
    """What came of trying a service."""

    ANSWERS = "answers"
    #: Nobody answered: it is not used until somebody does.
    SILENT = "silent"
    #: It is known to be closed for good.
    CLOSED = "closed"
    #: What is stated of it is not so: it is not used until somebody has tried what is right.
    WRONG = "wrong"


class ServiceCheck(Base):
    """One line of the append-only history of a service: who tried it, when, how, and what came of it."""

    __tablename__ = "service_check"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    service_id: Mapped[int] = mapped_column(ForeignKey("service.id"), index=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    checked_on: Mapped[date]
    #: As Service.verified_how.
    how: Mapped[str] = mapped_column(String(100))
    outcome: Mapped[CheckOutcome] = mapped_column(String(10))
    #: The numbers that were tried.
    numbers: Mapped[list[str]]
    recorded_at: Mapped[datetime]


class EmergencyNumber(Base):
    """The number for emergencies that a member has confirmed for a country; the latest row of a country counts."""

    __tablename__ = "emergency_number"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    #: Alpha-2.
    country: Mapped[str] = mapped_column(String(2))
    number: Mapped[str] = mapped_column(String(10))
    #: The document that states it, and its date: an emergency number is never tried by a call.
    document: Mapped[str] = mapped_column(String(300))
    document_date: Mapped[date]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    created_at: Mapped[datetime]

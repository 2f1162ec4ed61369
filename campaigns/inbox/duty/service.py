"""Administrators change the duty roster with these verbs; each leaves one audit entry and none commits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.languages import all_languages
from campaigns.core.words import N_
from campaigns.inbox.duty.models import Duty, DutyMember, Part
from campaigns.inbox.duty.queries import load_readers
from campaigns.staff import audit


@dataclass(frozen=True, slots=True)
class PlannedDuty:
    """A duty as an administrator wants it."""

    name: str
    #: 0 is Monday.
    days: Collection[int]
    #: Minutes of the day.
    begin: int
    end: int
    languages: Collection[str]
    answering: Collection[int]
    lead: int | None
    reserve: Collection[int]

    def parts(self) -> set[tuple[int, Part]]:
        """Return who has which part."""
        lead = () if self.lead is None else ((self.lead, Part.LEAD),)
        return {
            *((member_id, Part.ANSWERS) for member_id in self.answering),
            *lead,
            *((member_id, Part.RESERVE) for member_id in self.reserve),
        }


def add_duty(session: Session, organisation_id: int, planned: PlannedDuty, *, by: int) -> Duty:
    """Add a duty to the roster. Raises InputError for one that nobody could keep."""
    duty = Duty(organisation_id=organisation_id, created_at=clock.now())
    _write(session, duty, planned)
    _record(session, "duty.add", duty, by=by)
    return duty


def change_duty(session: Session, duty: Duty, planned: PlannedDuty, *, by: int) -> None:
    """Replace a duty of the roster. Raises InputError as `add_duty` does."""
    _write(session, duty, planned)
    _record(session, "duty.change", duty, by=by)


def remove_duty(session: Session, duty: Duty, *, by: int) -> None:
    """Take a duty off the roster."""
    session.execute(delete(DutyMember).where(DutyMember.duty_id == duty.id))
    session.delete(duty)
    session.flush()
    _record(session, "duty.remove", duty, by=by)


def _write(session: Session, duty: Duty, planned: PlannedDuty) -> None:
    _check(session, duty.organisation_id, planned)
    duty.name, duty.begin, duty.end = planned.name.strip(), planned.begin, planned.end
    duty.days = "".join(map(str, sorted(set(planned.days))))
    duty.languages = [code for code in all_languages() if code in planned.languages]
    session.add(duty)
    session.flush()
    session.execute(delete(DutyMember).where(DutyMember.duty_id == duty.id))
    for member_id, part in sorted(planned.parts()):
        session.add(DutyMember(duty_id=duty.id, member_id=member_id, part=part))
    session.flush()


def _check(session: Session, organisation_id: int, planned: PlannedDuty) -> None:
    if not planned.name.strip():
        raise InputError(N_("A name is needed."))
    if not planned.days:
        raise InputError(N_("Choose at least one day of the week."))
    if not planned.answering:
        raise InputError(N_("Choose at least one member who answers: a duty that nobody keeps is a gap."))
    known = load_readers(session, organisation_id)
    if any(member_id not in known for member_id, _part in planned.parts()):
        raise InputError(N_("Only active members who are responders can be on duty."))


def _record(session: Session, action: str, duty: Duty, *, by: int) -> None:
    audit.record(session, action, subject=duty, organisation_id=duty.organisation_id, member_id=by)

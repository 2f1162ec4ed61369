"""This watches what could be used to look for single people: contact files only checked, and small audiences.

How many files a member and an organisation may have checked in a day is limited. Who had many small ones checked,
or looked at many small audiences, is shown to data managers and administrators, who ask what for.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.models import ContactImport, SmallLook
from campaigns.audience.rules import AudienceRule
from campaigns.core import clock
from campaigns.core.errors import QuotaError
from campaigns.core.small_numbers import SMALLEST_SHOWN
from campaigns.core.words import N_
from campaigns.staff.models import Member
from campaigns.staff.queries import hold_organisation, owned

LATELY = timedelta(days=1)
#: Files that may be checked within a day.
CHECKS_OF_MEMBER, CHECKS_OF_ORGANISATION = 20, 60
#: Small files, and looks at small audiences, within a day by one member that are told of.
MANY_FILES, MANY_LOOKS = 5, 10
#: More looks of a member within a day are not written down: everybody knows by then.
MOST_LOOKS = 200


class Kind(StrEnum):
    """What a member did often."""

    FILES = "files"
    AUDIENCES = "audiences"


@dataclass(frozen=True, slots=True)
class Watched:
    """A member who had to do with small numbers of people many times within a day."""

    name: str
    kind: Kind
    times: int


def spend_check(session: Session, organisation_id: int, *, member_id: int | None) -> None:
    """Allow one more file to be checked. Raises QuotaError when the member or the organisation had too many.

    Holds the organisation until the transaction ends, so that two files at once are two. Who works on the
    machine itself (no member) has no limit.
    """
    if member_id is not None:
        hold_organisation(session, organisation_id)
        check_quota(session, organisation_id, member_id=member_id)


def check_quota(session: Session, organisation_id: int, *, member_id: int) -> None:
    """Raise QuotaError when the member or the organisation had too many files checked within a day."""
    lately = (ContactImport.organisation_id == organisation_id, ContactImport.created_at > clock.now() - LATELY)
    rows = session.execute(
        select(ContactImport.member_id, func.count()).where(*lately).group_by(ContactImport.member_id)
    )
    checks: Counter[int | None] = Counter()
    for by, count in rows:
        checks[by] += count
    if checks[member_id] >= CHECKS_OF_MEMBER or checks.total() >= CHECKS_OF_ORGANISATION:
        raise QuotaError(
            N_(
                "Within a day, a member may have %(own)s contact files checked, and an organisation %(all)s."
                " Put the people into fewer files, or go on tomorrow."
            ),
            own=CHECKS_OF_MEMBER,
            all=CHECKS_OF_ORGANISATION,
        )


def note_look(session: Session, organisation_id: int, rule: AudienceRule, *, member_id: int) -> None:
    """Write down that a member saw that a rule means few people, or nobody: once for each rule and day."""
    stored: Mapping[str, Any] = rule.to_json()
    digest = hashlib.sha256(json.dumps(stored, sort_keys=True).encode()).hexdigest()
    now = clock.now()
    looks = owned(select(SmallLook.digest), SmallLook, organisation_id)
    seen = set(
        session.scalars(
            looks.where(SmallLook.member_id == member_id, SmallLook.at > now - LATELY).limit(MOST_LOOKS)
        )
    )
    if digest not in seen and len(seen) < MOST_LOOKS:
        session.add(SmallLook(organisation_id=organisation_id, member_id=member_id, at=now, digest=digest))
        session.flush()


def find_watched(session: Session, organisation_id: int, *, now: datetime) -> list[Watched]:
    """Return who had many small files checked, or looked at many small audiences, within a day; most first."""
    rows = ContactImport.report["rows"].as_integer()
    files = owned(
        select(Member.name, func.count()).join(ContactImport, ContactImport.member_id == Member.id),
        ContactImport,
        organisation_id,
    )
    small = files.where(ContactImport.created_at > now - LATELY, rows < SMALLEST_SHOWN)
    looks = owned(
        select(Member.name, func.count()).join(SmallLook, SmallLook.member_id == Member.id),
        SmallLook,
        organisation_id,
    )
    found = [
        Watched(name, kind, times)
        for kind, statement, many in (
            (Kind.FILES, small, MANY_FILES),
            (Kind.AUDIENCES, looks.where(SmallLook.at > now - LATELY), MANY_LOOKS),
        )
        for name, times in session.execute(statement.group_by(Member.id, Member.name).having(func.count() >= many))
    ]
    return sorted(found, key=lambda each: -each.times)

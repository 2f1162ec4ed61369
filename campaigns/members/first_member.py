"""The first member of a system and their organisation come from the browser, as long as there is nobody yet.

None of these verbs commits.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import available_timezones

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.errors import RefusedError
from campaigns.core.words import N_
from campaigns.staff import service
from campaigns.staff.models import Member, Organisation, Role
from campaigns.staff.queries import has_members

#: All but the approver's: whoever approves must be somebody else, and is the second member.
FIRST_ROLES = (Role.ADMIN, Role.AUTHOR, Role.RESPONDER, Role.STEWARD)
#: Key of the advisory lock between two who set a system up at once ("first" in ASCII).
_FIRST_LOCK = 0x6669727374
#: A short name where the organisation's own has no Latin letters.
_UNNAMED = "organisation"
_LONGEST_SLUG = 60


@dataclass(frozen=True, slots=True)
class FirstMember:
    """What the first member says of themselves and their organisation."""

    organisation: str
    #: Short name of the organisation in commands and addresses; '': made of its name.
    slug: str
    time_zone: str
    name: str
    email: str
    #: Languages (BCP 47) that they read and write for people.
    languages: tuple[str, ...] = ()


def found(session: Session, first: FirstMember) -> Organisation:
    """Make the organisation of the first member, whoever else tries the same at once.

    Raises RefusedError once there is a member, InputError as `create_organisation` does.
    """
    _hold(session)
    if has_members(session):
        raise RefusedError(N_("This system was set up already. Sign in, or ask its administrator to add you."))
    slug = first.slug.strip() or slug_of(first.organisation)
    return service.create_organisation(session, slug, name=first.organisation, time_zone=first.time_zone)


def join(session: Session, organisation: Organisation, first: FirstMember, *, password_hash: str) -> Member:
    """Make the first member, who has every role but the approver's. Raises InputError as `create_member` does."""
    member = service.create_member(
        session, organisation, email=first.email, name=first.name, password_hash=password_hash, roles=FIRST_ROLES
    )
    if first.languages:
        service.set_languages(session, member, first.languages)
    return member


def slug_of(name: str) -> str:
    """Return a short name made of the Latin letters and digits of a name."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST_SLUG].strip("-") or _UNNAMED


def zone_of_machine(localtime: Path = Path("/etc/localtime")) -> str:
    """Return the IANA zone that this machine keeps, or UTC."""
    _, found, zone = str(localtime.resolve()).partition("/zoneinfo/")
    is_a_place = found and "/" in zone and not zone.startswith("Etc/")
    return zone if is_a_place and zone in available_timezones() else "UTC"


def _hold(session: Session) -> None:
    """Let whoever founds next wait for us; on SQLite a transaction that writes is alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_FIRST_LOCK)))

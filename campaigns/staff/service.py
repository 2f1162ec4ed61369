"""These verbs change organisations and members; each leaves one audit entry and none commits."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable
from datetime import datetime
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError
from campaigns.core.folding import looks_of, words_of
from campaigns.core.languages import all_languages
from campaigns.core.mail.smtp import is_address
from campaigns.core.words import N_
from campaigns.staff import audit, queries
from campaigns.staff.models import TRUSTED, Member, Membership, Organisation, Role
from campaigns.staff.tokens import revoke_tokens_of

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
#: How the audit names it that a member proved another phone to be theirs; administrators are told.
CHANGE_PHONE = "member.change_phone"
LAST_ADMIN = N_("The last administrator of an organisation keeps this role. Name another one first.")


def create_organisation(
    session: Session, slug: str, *, name: str, time_zone: str = "UTC", by: int | None = None
) -> Organisation:
    """Create an organisation.

    Raises InputError for a slug that is taken or malformed, a name that reads as another's, or an unknown zone.
    """
    if not _SLUG.fullmatch(slug):
        raise InputError(N_("A short name has small letters, digits and hyphens only."))
    if queries.find_organisation(session, slug) is not None:
        raise InputError(N_("The short name %(name)s is taken."), name=slug)
    organisation = Organisation(
        slug=slug, name=own_name(session, name), time_zone=_known_zone(time_zone), created_at=clock.now()
    )
    session.add(organisation)
    session.flush()
    audit.record(
        session, "organisation.create", subject=organisation, organisation_id=organisation.id, member_id=by
    )
    return organisation


def update_organisation(
    session: Session, organisation: Organisation, *, name: str, time_zone: str, by: int
) -> None:
    """Change an organisation's name and the zone its members read times in; the audit keeps both names.

    Raises InputError as `create_organisation` does: by its name people are handed over to it.
    """
    before, organisation.name = organisation.name, own_name(session, name, organisation.id)
    organisation.time_zone = _known_zone(time_zone)
    audit.record(
        session,
        "organisation.update",
        subject=organisation,
        organisation_id=organisation.id,
        member_id=by,
        time_zone=time_zone,
        **({"before": before, "after": organisation.name} if before != organisation.name else {}),
    )


def own_name(session: Session, name: str, organisation_id: int | None = None) -> str:
    """Return the name that an organisation takes (an id, or None: a new one), without needless spaces.

    Raises InputError for none, one that is too long, and one that reads as another organisation's.
    """
    own = _named(name)
    others = select(Organisation.name).where(Organisation.id != (organisation_id or 0))
    if any(_read_as(other) == _read_as(own) for other in session.scalars(others)):
        raise InputError(N_("Another organisation is called %(name)s, or what reads the same."), name=own)
    return own


def set_mandate(session: Session, organisation: Organisation, codes: Iterable[str] | None) -> None:
    """Say to the people of which countries ("PL") and regions ("UA-46") an organisation may write; None: anywhere.

    Only whoever runs the instance does so. Raises InputError for what is no such code.
    """
    mandate = None if codes is None else sorted({code.strip().upper() for code in codes})
    for code in mandate or ():
        if not _PLACE.fullmatch(code):
            raise InputError(N_("“%(text)s” is no country such as PL, and no region such as PL-18."), text=code)
    organisation.mandate = mandate
    audit.record(
        session,
        "organisation.mandate",
        subject=organisation,
        organisation_id=organisation.id,
        member_id=None,
        mandate="everywhere" if mandate is None else " ".join(mandate),
    )


def create_member(
    session: Session,
    organisation: Organisation,
    *,
    email: str,
    name: str,
    password_hash: str,
    roles: Iterable[str],
    temporary: bool = False,
    by: int | None = None,
) -> Member:
    """Create a member of `organisation`; a `temporary` password must be changed at the first sign-in.

    Raises InputError for an address that is no e-mail address or already a member's, or for unknown roles.
    """
    address = email.strip().casefold()
    if not _EMAIL.fullmatch(address) or not is_address(address):
        raise InputError(N_("This is not an e-mail address."))
    if queries.find_member(session, address) is not None:
        raise InputError(N_("This e-mail address already belongs to a member."))
    member = Member(
        email=address,
        name=_named(name),
        password=password_hash,
        password_is_temporary=temporary,
        fs_uniquifier=secrets.token_hex(16),
        created_at=clock.now(),
    )
    session.add(member)
    session.flush()
    _join(session, organisation, member, roles=roles, action="member.create", by=by)
    return member


def add_membership(
    session: Session, organisation: Organisation, member: Member, *, roles: Iterable[str], by: int | None = None
) -> Membership:
    """Give an existing member roles in one more organisation. Raises InputError when they have some already."""
    if any(one.organisation_id == organisation.id for one in member.memberships):
        raise InputError(N_("This member already belongs to the organisation."))
    return _join(session, organisation, member, roles=roles, action="member.join", by=by)


def set_roles(
    session: Session,
    membership: Membership,
    roles: Iterable[str],
    *,
    approves_from: datetime | None = None,
    by: int | None = None,
) -> None:
    """Replace a membership's roles and end the member's sessions; one who becomes an approver waits that long.

    Raises InputError for unknown roles, RefusedError when the organisation would be left without an admin.
    """
    wanted = _known_roles(roles)
    hold_roles(session, membership.organisation_id, membership.member)
    if Role.ADMIN in membership.roles and Role.ADMIN not in wanted and _is_last_admin(session, membership):
        raise RefusedError(LAST_ADMIN)
    before, membership.roles = membership.roles, wanted
    if Role.APPROVER not in before or Role.APPROVER not in wanted:
        membership.approves_from = approves_from
    end_sessions(membership.member)
    if Role.ADMIN in before and Role.ADMIN not in wanted:
        revoke_tokens_of(session, membership.member, membership.organisation_id)
    audit.record(
        session,
        "member.set_roles",
        subject=membership.member,
        organisation_id=membership.organisation_id,
        member_id=by,
        before=before,
        after=wanted,
    )


def hold_roles(session: Session, organisation_id: int, member: Member | None = None) -> None:
    """Hold a member and the roles of an organisation, and read them anew, before somebody's roles are changed.

    All of them, because what one may lose or be given depends on who else has it.
    """
    if member is not None:
        session.refresh(member, with_for_update={"key_share": True})
    rows = queries.owned(select(Membership), Membership, organisation_id).order_by(Membership.id)
    session.scalars(rows.with_for_update(key_share=True).execution_options(populate_existing=True)).all()


def set_active(session: Session, membership: Membership, active: bool, *, by: int) -> None:
    """Let a member sign in again, or bar them and end their sessions.

    Who is barred loses what they were trusted with: giving it back takes two administrators.
    Raises RefusedError for oneself, for a member whom another organisation trusts too, and when the organisation
    would be left without an admin.
    """
    member = membership.member
    if member.id == by:
        raise RefusedError(N_("You cannot remove your own access."))
    check_sole_organisation(member)
    hold_roles(session, membership.organisation_id, member)
    before = membership.roles
    if not active and Role.ADMIN in before and _is_last_admin(session, membership):
        raise RefusedError(LAST_ADMIN)
    if not active:
        membership.roles = sorted(set(before) - TRUSTED) or [str(Role.VIEWER)]
    member.active = active
    end_sessions(member)
    if not active:
        revoke_tokens_of(session, member)
    audit.record(
        session,
        "member.unbar" if active else "member.bar",
        subject=member,
        organisation_id=membership.organisation_id,
        member_id=by,
        before=before,
        after=membership.roles,
    )


def issue_password(session: Session, membership: Membership, password_hash: str, *, by: int | None = None) -> None:
    """Replace a member's forgotten password by a one-time one; `by` is None for whoever runs the instance.

    Raises RefusedError as `set_active` does.
    """
    if by is not None:
        check_sole_organisation(membership.member)
    membership.member.password_is_temporary = True
    _replace_password(membership.member, password_hash)
    audit.record(
        session,
        "member.issue_password",
        subject=membership.member,
        organisation_id=membership.organisation_id,
        member_id=by,
    )


def change_password(session: Session, member: Member, password_hash: str) -> None:
    """Set a member's own new password; every session of theirs ends."""
    member.password_is_temporary = False
    _replace_password(member, password_hash)
    audit.record(session, "member.change_password", subject=member, organisation_id=None, member_id=member.id)


def set_locale(session: Session, member: Member, locale: str) -> None:
    """Remember the interface language a member chose."""
    member.locale = locale
    audit.record(
        session, "member.set_locale", subject=member, organisation_id=None, member_id=member.id, locale=locale
    )


def set_languages(session: Session, member: Member, codes: Collection[str]) -> None:
    """Remember which languages (BCP 47) a member reads and writes for people."""
    member.languages = [code for code in all_languages() if code in codes]
    audit.record(session, "member.set_languages", subject=member, organisation_id=None, member_id=member.id)


def sign_in(session: Session, member: Member, *, from_known_device: bool) -> None:
    """Note that a member signed in, in each of their organisations: each one's administrators read their own."""
    for organisation_id in organisations_of(member):
        audit.record(
            session,
            "member.sign_in",
            subject=member,
            organisation_id=organisation_id,
            member_id=member.id,
            from_known_device=from_known_device,
        )


def end_guessed_sessions(session: Session, member_id: int, session_key: str) -> None:
    """End the sessions of a member in one of which the password was guessed at, unless they ended meanwhile."""
    member = session.get_one(Member, member_id, with_for_update=True)
    if member.fs_uniquifier == session_key:
        end_sessions(member)
        audit.record(
            session,
            "member.end_sessions",
            subject=member,
            organisation_id=None,
            member_id=None,
            wrong_passwords=True,
        )


def organisations_of(member: Member) -> list[int | None]:
    """Return the ids of a member's organisations, and None for a member of none: whose trail tells of them."""
    return [one.organisation_id for one in member.memberships] or [None]


def sign_out(session: Session, member: Member) -> None:
    """End every session of a member: a copied cookie must not outlive the sign-out."""
    end_sessions(member)
    audit.record(session, "member.sign_out", subject=member, organisation_id=None, member_id=member.id)


def end_sessions(member: Member) -> None:
    """Make every session of the member invalid."""
    member.fs_uniquifier = secrets.token_hex(16)


def _replace_password(member: Member, password_hash: str) -> None:
    member.password = password_hash
    end_sessions(member)


def _join(
    session: Session,
    organisation: Organisation,
    member: Member,
    *,
    roles: Iterable[str],
    action: str,
    by: int | None,
) -> Membership:
    membership = Membership(member=member, organisation=organisation, roles=_known_roles(roles))
    session.add(membership)
    session.flush()
    audit.record(
        session,
        action,
        subject=member,
        organisation_id=organisation.id,
        member_id=by,
        roles=membership.roles,
    )
    return membership


def _known_roles(roles: Iterable[str]) -> list[str]:
    wanted = sorted(set(roles))
    if not wanted:
        raise InputError(N_("Choose at least one role."))
    unknown = [role for role in wanted if role not in set(Role)]
    if unknown:
        raise InputError(N_("There is no role %(name)s."), name=unknown[0])
    return [str(role) for role in wanted]


def _is_last_admin(session: Session, membership: Membership) -> bool:
    others = queries.owned(select(Membership), Membership, membership.organisation_id).where(
        Membership.id != membership.id
    )
    return not any(Role.ADMIN in other.roles and other.member.active for other in session.scalars(others))


def check_sole_organisation(member: Member) -> None:
    """Raise RefusedError for a member of several organisations."""
    # One organisation must not be able to take over or shut out a member of another.
    if len(member.memberships) > 1:
        raise RefusedError(N_("This member belongs to another organisation too. Ask the operator of this system."))


def _named(name: str) -> str:
    if not name.strip():
        raise InputError(N_("A name is needed."))
    return name.strip()


def _read_as(name: str) -> str:
    return looks_of("".join(words_of(name))) or name


def _known_zone(time_zone: str) -> str:
    if time_zone not in available_timezones():
        raise InputError(N_("There is no time zone %(name)s."), name=time_zone)
    return time_zone

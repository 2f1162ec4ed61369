"""Partners' programs ask by tokens of 256 random bits, shown once and kept only as their SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.staff import audit
from campaigns.staff.models import ApiToken, Member, Membership, Role
from campaigns.staff.queries import owned

#: By which a leaked token is recognised, by people and by scanners.
PREFIX = "fp_"
LONGEST_NAME = 100
#: Days after which a token must be made anew, at the latest.
LONGEST_LIFE = 366


class ApiScope(StrEnum):
    """What a token lets a program do."""

    READ_RELEASES = "releases:read"
    READ_PLACES = "places:read"
    WRITE_REACH = "reach:write"
    WRITE_ASSISTED = "assisted:write"


def issue_token(
    session: Session, organisation_id: int, *, name: str, scopes: Iterable[str], days: int, by: int
) -> tuple[ApiToken, str]:
    """Make a token and return its row and, this once, the token itself.

    Raises InputError for a name, scope or number of days that cannot be.
    """
    name, chosen = " ".join(name.split()), sorted(set(scopes))
    if not 0 < len(name) <= LONGEST_NAME:
        raise InputError(N_("Say whose program it is, in at most %(count)s characters."), count=LONGEST_NAME)
    if not chosen or not set(chosen) <= set(ApiScope):
        raise InputError(N_("Choose what the API key allows."))
    if not 0 < days <= LONGEST_LIFE:
        raise InputError(N_("An API key is valid for 1 to %(count)s days."), count=LONGEST_LIFE)
    token, now = PREFIX + secrets.token_urlsafe(32), clock.now()
    row = ApiToken(
        organisation_id=organisation_id,
        name=name,
        digest=_digest(token),
        scopes=chosen,
        created_by_id=by,
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        "token.issue",
        subject=row,
        organisation_id=organisation_id,
        member_id=by,
        scopes=chosen,
        days=days,
    )
    return row, token


def revoke_token(session: Session, token: ApiToken, *, by: int) -> None:
    """Make a token worthless at once; one that is already stays as it is."""
    token.revoked_at = token.revoked_at or clock.now()
    audit.record(session, "token.revoke", subject=token, organisation_id=token.organisation_id, member_id=by)


def select_tokens(organisation_id: int) -> Select[ApiToken]:
    """Select an organisation's tokens, the newest first."""
    return owned(select(ApiToken), ApiToken, organisation_id).order_by(ApiToken.id.desc())


def find_token(session: Session, token: str, *, now: datetime) -> ApiToken | None:
    """Return the row of a token that is still good, or None."""
    if not token.startswith(PREFIX) or len(token) > 100:
        return None
    row = session.scalar(select(ApiToken).where(ApiToken.digest == _digest(token)))
    is_dead = row is None or not is_good(row, now=now) or not _has_maker(session, row)
    return None if is_dead else row


def is_good(token: ApiToken, *, now: datetime) -> bool:
    """Say whether a token still opens anything, as far as its row says."""
    return token.revoked_at is None and token.expires_at > now


def revoke_tokens_of(session: Session, member: Member, organisation_id: int | None = None) -> int:
    """Make the tokens that a member made worthless, in one organisation or in all; return how many there were.

    Whoever made a token may have kept it. To be called by a verb that leaves the audit entry.
    """
    theirs = select(ApiToken).where(ApiToken.created_by_id == member.id, ApiToken.revoked_at.is_(None))
    if organisation_id is not None:
        theirs = owned(theirs, ApiToken, organisation_id)
    tokens = session.scalars(theirs).all()
    for token in tokens:
        token.revoked_at = clock.now()
    return len(tokens)


def _has_maker(session: Session, token: ApiToken) -> bool:
    """Say whether the member who made a token is still an active administrator of its organisation."""
    membership = session.scalar(
        owned(select(Membership), Membership, token.organisation_id)
        .join(Membership.member)
        .where(Membership.member_id == token.created_by_id, Member.active)
    )
    return membership is not None and Role.ADMIN in membership.roles


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

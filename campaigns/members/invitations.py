"""An invitation is a signed link by which a new member chooses a password once; the database keeps nothing of it.

It holds as long as the password that was made for them: whoever chose one of their own, was barred, or got another
one-time password has no invitation any more.
"""

from __future__ import annotations

import hashlib

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.orm import Session

from campaigns.core.errors import ForbiddenError
from campaigns.core.words import N_
from campaigns.staff.models import Member

#: For how long it can be used, in days.
VALID_DAYS = 3
_DAY = 86_400
_OVER = N_("This invitation was used already, or is too old. Ask your administrator for a new one.")


def invite(member: Member, secret_key: str) -> str:
    """Return the token of an invitation for a member with a one-time password."""
    token: str = _signer(secret_key).dumps([member.id, _fingerprint(member)])
    return token


def get_invited(session: Session, token: str, secret_key: str, *, for_update: bool = False) -> Member:
    """Return whom an invitation is for. Raises ForbiddenError for one that is forged, used or too old."""
    try:
        member_id, fingerprint = _signer(secret_key).loads(token, max_age=VALID_DAYS * _DAY)
    except (BadSignature, ValueError, TypeError):
        raise ForbiddenError(_OVER) from None
    member = session.get(Member, member_id, populate_existing=True, with_for_update=for_update or None)
    if member is None or not member.active or not member.password_is_temporary:
        raise ForbiddenError(_OVER)
    if fingerprint != _fingerprint(member):
        raise ForbiddenError(_OVER)
    return member


def _fingerprint(member: Member) -> str:
    """Return what changes with the password, without telling anything of its hash."""
    return hashlib.sha256(f"{member.fs_uniquifier} {member.password}".encode()).hexdigest()[:32]


def _signer(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt="invitation")

"""Passwords have Argon2id hashes as the sign-in verifies them; one-time passwords can be read aloud."""

from __future__ import annotations

import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from campaigns.core.errors import InputError
from campaigns.core.words import N_

#: Length counts, composition does not: where a password is the only factor it has 15 characters (NIST SP
#: 800-63B-4, 3.1.1.2).
SHORTEST = 15
LONGEST = 256

#: Without letters and digits that look alike.
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 4, 5


def hash_password(password: str) -> str:
    """Return the Argon2id hash of `password`. Raises InputError when it is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(
            N_("A password has at least %(least)s and at most %(most)s characters."), least=SHORTEST, most=LONGEST
        )
    return PasswordHasher().hash(_normal(password))


def is_password_of(hashed: str | None, password: str) -> bool:
    """Say whether `password` is the one that was hashed."""
    try:
        return hashed is not None and PasswordHasher().verify(hashed, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def renewed_hash(hashed: str, password: str) -> str | None:
    """Return the hash to keep when `password` is the right one; made anew if it is weaker than today's."""
    if not is_password_of(hashed, password):
        return None
    hasher = PasswordHasher()
    return hasher.hash(_normal(password)) if hasher.check_needs_rehash(hashed) else hashed


def make_one_time_password() -> str:
    """Return a random password of four readable groups (about 99 bits)."""
    groups = ("".join(secrets.choice(_READABLE) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)


def _normal(password: str) -> str:
    # The sign-in library compares in this form, so that keyboards may compose letters as they like.
    return unicodedata.normalize("NFKD", password)

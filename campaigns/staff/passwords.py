"""Passwords: Argon2id hashes as the sign-in verifies them, and one-time passwords that can be read aloud."""

from __future__ import annotations

import secrets

from argon2 import PasswordHasher

from campaigns.core.errors import InputError

#: Length counts, composition does not (NIST SP 800-63B, 5.1.1.2).
SHORTEST = 12
LONGEST = 256

#: Without letters and digits that look alike.
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 4, 5


def hash_password(password: str) -> str:
    """Return the Argon2id hash of `password`. Raises InputError when it is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(f"A password has at least {SHORTEST} and at most {LONGEST} characters.")
    return PasswordHasher().hash(password)


def make_one_time_password() -> str:
    """Return a random password of four readable groups (about 99 bits)."""
    groups = ("".join(secrets.choice(_READABLE) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)

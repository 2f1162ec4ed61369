"""A code printed where the server was started opens the first page of a system that has no member yet; pure."""

from __future__ import annotations

import hashlib
import hmac
import secrets

#: Without letters and digits that look alike.
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 2, 5


def make_code() -> str:
    """Return a code of two readable groups (about 49 bits), to be typed once."""
    groups = ("".join(secrets.choice(_READABLE) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)


def digest_of(code: str) -> str:
    """Return what is kept of a code, hexadecimal; capitals, spaces and hyphens make no difference."""
    typed = "".join(letter for letter in code.casefold() if letter.isalnum())
    return hashlib.sha256(typed.encode(errors="surrogatepass")).hexdigest()


def is_code_of(digest: str, typed: str) -> bool:
    """Say whether what somebody typed is the code of which only the digest is known."""
    return hmac.compare_digest(digest, digest_of(typed))

"""A member proves by a code that a number is theirs; pure. Only a keyed hash of it is kept."""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta

from campaigns.core.folding import digits_of
from campaigns.core.keys.crypto import Vault

#: What a code has, how long it holds, and how often one may be typed for it.
DIGITS, LIVES, MOST_TRIES = 6, timedelta(minutes=10), 5
#: More than anybody types, with whatever stands between the digits.
LONGEST_TYPED = 40


def make_code() -> str:
    """Return a new code."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"


def hash_of_code(code: str, phone_id: int, vault: Vault) -> bytes:
    """Return what is kept of the code for a phone."""
    return vault.lookup_hash("phone code", f"{phone_id} {code}")


def is_code(typed: str, code_hash: bytes, phone_id: int, vault: Vault) -> bool:
    """Say whether somebody typed the code of a phone, in digits of any script, with spaces or dashes."""
    return hmac.compare_digest(hash_of_code(digits_of(typed[:LONGEST_TYPED]), phone_id, vault), code_hash)

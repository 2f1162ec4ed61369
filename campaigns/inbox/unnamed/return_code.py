"""Whoever reports something without a name comes back by a code of 16 digits; pure.

It looks like the number of a card, so that it can be kept among others. Nothing but its keyed hash is stored.
"""

from __future__ import annotations

import secrets

from campaigns.core.folding import digits_of
from campaigns.core.keys.crypto import Vault

#: Of 10,000 living codes somebody who tries 60 a minute, all year, hits one with a chance of 3 in 100,000; and who
#: tries from 860,000 networks a day, so that 1,260 a minute are looked at, with 7 in 10,000.
DIGITS = 16
#: More than anybody types, with whatever stands between the digits.
LONGEST_TYPED = 100


def new_code() -> str:
    """Return a code that nobody can guess."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"


def in_fours(code: str) -> list[str]:
    """Return a code in groups that can be copied by hand."""
    return [code[start : start + 4] for start in range(0, DIGITS, 4)]


def hash_of_code(typed: str, vault: Vault) -> bytes:
    """Return what is stored of a code, typed in digits of any script, with spaces or dashes."""
    return vault.lookup_hash("code", digits_of(typed[:LONGEST_TYPED]))

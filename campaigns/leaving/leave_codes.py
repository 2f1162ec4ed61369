"""Whoever cannot answer proves by a code that a number is theirs; pure.

The code is made of the ticket that its form carries, by a key: the database holds neither of them.
"""

from __future__ import annotations

import hmac

from campaigns.core.folding import digits_of
from campaigns.core.keys.crypto import Vault

#: Three codes a day with five tries each: one stranger's guess in 66,000 days ends somebody's messages.
DIGITS, MOST_TRIES = 6, 5
#: More than anybody types, with whatever stands between the digits.
LONGEST_TYPED = 60


def hash_of_ticket(ticket: str, vault: Vault) -> bytes:
    """Return what is stored of a ticket."""
    return vault.lookup_hash("leave ticket", ticket[:LONGEST_TYPED])


def code_of(ticket: bytes, vault: Vault) -> str:
    """Return the code that belongs to the hash of a ticket."""
    number = int.from_bytes(vault.lookup_hash("leave code", ticket.hex())) % 10**DIGITS
    return f"{number:0{DIGITS}}"


def is_code(typed: str, ticket: bytes, vault: Vault) -> bool:
    """Say whether somebody typed the code of a ticket, in digits of any script, with spaces or dashes."""
    return hmac.compare_digest(digits_of(typed[:LONGEST_TYPED]), code_of(ticket, vault))

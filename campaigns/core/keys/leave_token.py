"""The address by which somebody who cannot answer ends their messages names one of our addresses, sealed; pure.

Nobody makes one up or finds another one from it: it is kept nowhere, and only who holds the lookup key reads it.
The proof is of the handle too: the id of somebody who was erased may be given to somebody else.
"""

from __future__ import annotations

import re

from campaigns.core.keys.crypto import Vault

#: Letters and digits that nobody mistakes for another; what is mistaken for them is read as them.
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_MISTAKEN = str.maketrans("ilo", "110")
_BITS = 5
LENGTH = 14
#: Of a token's 70 bits so many are the id of an address, and the others prove it.
_ID_BITS, _PROOF_BITS = 34, 36
#: Stands in a rendered text where each person's own token is put; it names nobody.
NOBODYS = "0" * LENGTH
_NOBODYS_LINK = f"/e/{NOBODYS}"
#: A token where it ends a link of ours.
_IN_A_LINK = re.compile(rf"(?<=/e/)[{_DIGITS}]{{{LENGTH}}}(?![0-9A-Za-z])")


def token_of(address_id: int, lookup: bytes, vault: Vault) -> str:
    """Return the token of an address, whose handle has the keyed hash `lookup`."""
    proof = _proof(address_id, lookup, vault)
    number = proof << _ID_BITS | address_id ^ _bits(vault, "hidden", str(proof), _ID_BITS)
    return "".join(_DIGITS[number >> _BITS * place & 31] for place in reversed(range(LENGTH)))


def read_address_id(token: str, vault: Vault) -> int | None:
    """Return the id that a token names, in letters of any size, to be proved; None for what is no token."""
    number = _number_of(token)
    if number is None:
        return None
    return number & ((1 << _ID_BITS) - 1) ^ _bits(vault, "hidden", str(number >> _ID_BITS), _ID_BITS)


def is_token_of(token: str, address_id: int, lookup: bytes, vault: Vault) -> bool:
    """Say whether a token was made for an address."""
    return token_of(address_id, lookup, vault) == token.casefold().translate(_MISTAKEN)


def has_nobodys_link(body: str) -> bool:
    """Say whether each person's own link is to stand in a rendered text."""
    return _NOBODYS_LINK in body


def with_own_link(body: str, address_id: int, channel: str, handle: str, vault: Vault) -> str:
    """Return a rendered text as one address gets it: with its own token in place of nobody's, where a link has it.

    Nothing is hashed for a text without one: all that is sent comes by here.
    """
    if not has_nobodys_link(body):
        return body
    token = token_of(address_id, vault.lookup_hash(channel, handle), vault)
    return body.replace(_NOBODYS_LINK, f"/e/{token}")


def with_hidden_link(body: str) -> str:
    """Return a rendered text as everybody may see it: nobody's token, where a link has it, is left out."""
    return body.replace(_NOBODYS_LINK, "/e/…")


def with_nobodys_link(body: str) -> str:
    """Return a text that somebody got as it was rendered: with nobody's token in place of theirs."""
    return _IN_A_LINK.sub(NOBODYS, body)


def _number_of(token: str) -> int | None:
    written = token.casefold().translate(_MISTAKEN)
    if len(written) != LENGTH or not set(written) <= set(_DIGITS):
        return None
    number = 0
    for digit in written:
        number = number << _BITS | _DIGITS.index(digit)
    return number


def _proof(address_id: int, lookup: bytes, vault: Vault) -> int:
    return _bits(vault, "proof", f"{address_id} {lookup.hex()}", _PROOF_BITS)


def _bits(vault: Vault, purpose: str, value: str, bits: int) -> int:
    return int.from_bytes(vault.lookup_hash(f"leave {purpose}", value)) >> 256 - bits

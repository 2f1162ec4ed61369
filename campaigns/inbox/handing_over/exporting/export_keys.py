"""An organisation names the public key of its exports, and proves that it has the other half.

Nothing here commits. The format is that of `age` (age-encryption.org): the receiver opens an export with any
program that knows it, on a computer of its own.
"""

from __future__ import annotations

import hmac
import secrets

import pyrage
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.inbox.handing_over.models import ExportKey
from campaigns.staff import audit
from campaigns.staff.queries import owned

LONGEST_KEY, LONGEST_WORD = 80, 40
#: Letters that are told apart in every font, and make no word of any language.
_LETTERS, _LENGTH = "bcdfghjkmnpqrstvwxz", 10


def find_key(session: Session, organisation_id: int) -> ExportKey | None:
    """Return the key of an organisation, confirmed or not."""
    return session.scalar(owned(select(ExportKey), ExportKey, organisation_id))


def find_confirmed(session: Session, organisation_id: int) -> ExportKey | None:
    """Return the key to which an organisation's exports may be encrypted."""
    key = find_key(session, organisation_id)
    return key if key is not None and key.confirmed_at is not None else None


def add_key(session: Session, organisation_id: int, recipient: str, *, by: int, vault: Vault) -> ExportKey:
    """Name a key, and encrypt a word to it; until that is told back nothing else is encrypted to it.

    A key that was there before is forgotten. Raises InputError for what is no public key of `age`.
    """
    written = recipient.strip()
    to = _parsed(written)
    word = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    key = find_key(session, organisation_id) or ExportKey(organisation_id=organisation_id)
    key.recipient, key.added_by_id, key.added_at = str(to), by, clock.now()
    key.encrypted_word = pyrage.encrypt(f"{word}\n".encode(), [to], armored=True).decode()
    key.word_hash = _hash(word, vault)
    key.confirmed_by_id = key.confirmed_at = None
    session.add(key)
    session.flush()
    _record(session, "add", key, by=by)
    return key


def confirm_key(session: Session, key: ExportKey, word: str, *, by: int, vault: Vault) -> None:
    """Note that somebody told the word, so that the organisation can open what is encrypted to its key.

    Raises InputError for another word, TransitionError for a key that was confirmed.
    """
    session.refresh(key, with_for_update=True)
    if key.confirmed_at is not None:
        raise TransitionError(N_("This key was confirmed already."))
    if not hmac.compare_digest(_hash("".join(word.split()).lower(), vault), key.word_hash):
        raise InputError(N_("This is not the word. Decrypt it again, with the secret half of this key."))
    key.confirmed_by_id, key.confirmed_at = by, clock.now()
    session.flush()
    _record(session, "confirm", key, by=by)


def remove_key(session: Session, key: ExportKey, *, by: int) -> None:
    """Forget a key: nothing is exported until there is another one."""
    session.delete(key)
    session.flush()
    _record(session, "remove", key, by=by)


def encrypt_to(key: ExportKey, plain: bytes) -> bytes:
    """Encrypt a file to a confirmed key; raise TransitionError for another one."""
    if key.confirmed_at is None:
        raise TransitionError(N_("This key is not confirmed."))
    encrypted: bytes = pyrage.encrypt(plain, [_parsed(key.recipient)])
    return encrypted


def _parsed(written: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(written)
    except pyrage.RecipientError:
        if written.upper().startswith("AGE-SECRET-KEY"):
            raise InputError(
                N_("This is the secret half. Make a new key, as this one was shown, and keep that half.")
            ) from None
        raise InputError(N_("This is no public key of age: it begins with age1 and has 62 characters.")) from None


def _hash(word: str, vault: Vault) -> bytes:
    return vault.lookup_hash("export key", word)


def _record(session: Session, verb: str, key: ExportKey, *, by: int) -> None:
    audit.record(session, f"export_key.{verb}", subject=key, organisation_id=key.organisation_id, member_id=by)

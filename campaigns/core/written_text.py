"""Texts are kept normalised, without characters that no phone shows, and are known by a digest."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping

from campaigns.core.errors import InputError
from campaigns.core.words import N_

#: Longest text that Twilio takes (error 21617 beyond).
TEXT_LIMIT = 1600


def clean_text(text: str) -> str:
    """Return `text` in NFC with plain line ends, stripped. Raises InputError for what cannot be stored or sent."""
    clean = unicodedata.normalize("NFC", clean_line_ends(text)).strip()
    for character in clean:
        if character != "\n" and unicodedata.category(character) in ("Cc", "Cs"):
            raise InputError(
                N_("The text holds a character that cannot be sent (%(code)s)."), code=f"U+{ord(character):04X}"
            )
    if len(clean) > TEXT_LIMIT:
        raise InputError(
            N_("The text has %(length)s characters; %(limit)s is the most that can be sent."),
            length=len(clean),
            limit=TEXT_LIMIT,
        )
    return clean


def clean_line(text: str, *, what: str, limit: int) -> str:
    """Return a name or title as one clean line; `what` begins the sentence of a fault.

    Raises InputError when it is empty, too long or not storable.
    """
    line = " ".join(clean_text(text).split())
    if not line:
        raise InputError(N_("%(what)s is missing."), what=what)
    if len(line) > limit:
        raise InputError(N_("%(what)s is longer than %(limit)s characters."), what=what, limit=limit)
    return line


def clean_line_ends(text: str) -> str:
    """Return `text` with LF only: a browser's form sends CR LF, which would cost one more unit a line."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def digest_of(text: str) -> str:
    """Return the SHA-256 (hexadecimal) by which a text is recognised."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_wordings(text: str, wordings: Mapping[str, str]) -> str:
    """Return the digest of a text with the other words that single channels have; without any it is digest_of."""
    if not wordings:
        return digest_of(text)
    return digest_of(json.dumps([text, wordings], sort_keys=True, ensure_ascii=False))

"""How texts are kept: normalised, without characters that no phone shows, and known by a digest."""

from __future__ import annotations

import hashlib
import unicodedata

from campaigns.core.errors import InputError

#: Longest text that Twilio takes (error 21617 beyond).
TEXT_LIMIT = 1600


def clean_text(text: str) -> str:
    """Return `text` in NFC with plain line ends, stripped. Raises InputError for what cannot be stored or sent."""
    clean = unicodedata.normalize("NFC", clean_line_ends(text)).strip()
    for character in clean:
        if character != "\n" and unicodedata.category(character) in ("Cc", "Cs"):
            raise InputError(f"The text holds a character that cannot be sent (U+{ord(character):04X}).")
    if len(clean) > TEXT_LIMIT:
        raise InputError(f"The text has {len(clean)} characters; {TEXT_LIMIT} is the most that can be sent.")
    return clean


def clean_line(text: str, *, what: str, limit: int) -> str:
    """Return a name or title as one clean line. Raises InputError when it is empty, too long or not storable."""
    line = " ".join(clean_text(text).split())
    if not line:
        raise InputError(f"{what} is missing.")
    if len(line) > limit:
        raise InputError(f"{what} is longer than {limit} characters.")
    return line


def clean_line_ends(text: str) -> str:
    """Return `text` with LF only: a browser's form sends CR LF, which would cost one more unit a line."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def digest_of(text: str) -> str:
    """Return the SHA-256 (hexadecimal) by which a text is recognised."""
    return hashlib.sha256(text.encode()).hexdigest()

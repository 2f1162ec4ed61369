"""Names of places are compared as people type them; pure, so that who reads a file need load no geocoder."""

from __future__ import annotations

import unicodedata

#: Letters that Unicode does not take apart, but that people type without their stroke or dot.
_UNSTROKED = str.maketrans("łøđħŧı’ʼ'`", "lodhti    ")


def fold(text: str) -> str:
    """Return a text as it is compared: without case, accents, strokes, apostrophes or repeated spaces."""
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_UNSTROKED)
    return " ".join("".join(letter for letter in plain if unicodedata.category(letter) != "Mn").split())

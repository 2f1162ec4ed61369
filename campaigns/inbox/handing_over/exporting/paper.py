"""Sets a hand-over on paper: a PDF that is tagged, in any script of the languages that people write."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import manimgx_fonts
import typst

from campaigns.core.languages import is_right_to_left

#: The strong letters by which a paragraph has its direction.
_STRONG = {"L": False, "R": True, "AL": True}


def set_on_paper(title: str, rows: Iterable[tuple[str, str]], *, language: str) -> bytes:
    """Return a PDF with a title and labelled words; nothing in them is read as markup.

    `language` (BCP 47) is that of the title and labels; each paragraph has the direction of its own words.
    """
    is_rtl = is_right_to_left(language)
    told = {
        "title": title,
        "language": language.partition("-")[0],
        "is_right_to_left": is_rtl,
        "rows": [
            [label, [[_direction(each, is_rtl), each] for each in words.splitlines() if each.strip()]]
            for label, words in rows
        ],
    }
    inputs = {"told": json.dumps(told, ensure_ascii=False)}
    return typst.compile(_template(), format="pdf", font_paths=_fonts(), sys_inputs=inputs)


def _direction(words: str, usual: bool) -> bool:
    kinds = (unicodedata.bidirectional(letter) for letter in words)
    return next((_STRONG[kind] for kind in kinds if kind in _STRONG), usual)


@cache
def _template() -> bytes:
    return files(__package__).joinpath("data", "hand_over.typ").read_bytes()


@cache
def _fonts() -> typst.Fonts:
    """Return the fonts: none of this machine, so that papers look alike. To look through them takes long."""
    folder = str(files(manimgx_fonts))
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder])

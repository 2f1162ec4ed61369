"""Texts are kept normalised, and what no phone can show is refused."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import InputError
from campaigns.core.written_text import clean_line, clean_text, digest_of


@pytest.mark.parametrize("character", ["\x00", "\x07", "\t", "\x7f", "\u0085", "\ud800"])
def test_unsendable_character_is_named(character: str) -> None:
    with pytest.raises(InputError, match=f"U.{ord(character):04X}"):
        clean_text(f"a{character}b")


def test_too_long_text_is_refused() -> None:
    assert len(clean_text("x" * 1600)) == 1600
    with pytest.raises(InputError, match="1600 is the most"):
        clean_text("x" * 1601)


def test_joiners_and_marks_are_kept() -> None:
    assert clean_text("می\u200cخواهم 👩\u200d👩 \u200fعربي") == "می\u200cخواهم 👩\u200d👩 \u200fعربي"


def test_line_is_one_line() -> None:
    assert clean_line(" Keep\n your  papers ", what="The title", limit=20) == "Keep your papers"
    with pytest.raises(InputError, match="The title is longer than 5"):
        clean_line("x" * 6, what="The title", limit=5)


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=200))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    clean = clean_text(text)
    assert clean_text(clean) == clean == unicodedata.normalize("NFC", clean)
    assert digest_of(clean) == digest_of(clean_text(clean))

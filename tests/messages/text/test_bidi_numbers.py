"""A number between words that run from the right is still shown in the order in which it is dialled."""

from __future__ import annotations

import pytest

from campaigns.messages.text.bidi_numbers import number_in_text


@pytest.mark.parametrize(
    ("number", "language", "shown"),
    [
        ("+48 22 628 01 20", "ar", "\u200e+48 22 628 01 20"),
        ("0800 505 501", "fa", "\u200e0800 505 501"),
        ("527", "ar", "527"),
        ("+48 22 628 01 20", "uk", "+48 22 628 01 20"),
        ("+48 22 628 01 20", "not a language", "+48 22 628 01 20"),
    ],
)
def test_marked_only_where_it_would_turn(number: str, language: str, shown: str) -> None:
    assert number_in_text(number, language) == shown

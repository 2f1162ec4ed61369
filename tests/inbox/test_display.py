"""A stranger's text cannot turn the page around or hide what it says."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.inbox.display import visible


@pytest.mark.parametrize("text", ["Допоможіть\nбудь ласка", "می‌خواهم", "👩‍👩‍👧", "አቁም", "ქართული"])
def test_honest_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_direction_marks_become_visible() -> None:
    assert visible("pay\u202efdp.exe") == "pay⟦RLO⟧fdp.exe"
    assert visible("a\u2067b\u2069\u200f\u061c") == "a⟦RLI⟧b⟦PDI⟧⟦RLM⟧⟦ALM⟧"


def test_control_and_tag_characters_become_visible() -> None:
    assert visible("a\x07b\U000e0041") == "a⟦U+0007⟧b⟦U+E0041⟧"


@given(st.text())
def test_nothing_invisible_is_left(text: str) -> None:
    left = set(visible(text)) - set("\n\u200c\u200d")
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in left)

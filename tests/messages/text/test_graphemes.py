"""What a reader sees as one character stays one cluster."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.messages.text.graphemes import split_graphemes

WHOLE = {
    "letter with marks": "e\u0301\u0323\u0302",
    "family": "👩‍👩‍👧‍👦",
    "rainbow flag": "🏳️‍🌈",
    "skin tone": "👋🏽",
    "health worker": "👩🏽‍⚕️",
    "variation selector": "❤️",
    "keycap": "1️⃣",
    "flag": "🇺🇦",
    "flag of tags": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "Hangul letters": "\u1100\u1161\u11a8",
    "Hangul syllable with final": "가\u11a8",
    "Arabic number sign": "\u0600١",
    "Thai AM": "ก\u0e33",
}


@pytest.mark.parametrize("cluster", WHOLE.values(), ids=WHOLE)
def test_cluster_stays_whole(cluster: str) -> None:
    assert list(split_graphemes(f"a{cluster}b")) == ["a", cluster, "b"]


def test_flags_pair_from_the_left() -> None:
    assert list(split_graphemes("🇺🇦🇵🇱🇷")) == ["🇺🇦", "🇵🇱", "🇷"]


def test_joiner_needs_pictures_on_both_sides() -> None:
    assert list(split_graphemes("a\u200d👩")) == ["a\u200d", "👩"]
    assert list(split_graphemes("👩ก\u200d👩")) == ["👩", "ก\u200d", "👩"]


def test_controls_stand_alone() -> None:
    assert list(split_graphemes("\r\n\u0301")) == ["\r", "\n", "\u0301"]


@given(st.text())
def test_clusters_join_to_the_text(text: str) -> None:
    assert "".join(split_graphemes(text)) == text


@given(st.text(alphabet="abcdefйжъ .,"))
def test_plain_letters_split_singly(text: str) -> None:
    assert list(split_graphemes(text)) == list(text)

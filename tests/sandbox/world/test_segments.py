"""Parts are counted as Twilio's published calculator counts them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.sandbox.world.segments import clusters, count_segments

RAINBOW = "🏳️‍🌈"
FAMILY = "👨‍👩‍👧‍👦"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("\r\n" * 80, 1),
        ("п" * 70, 1),
        ("п" * 71, 2),
        ("п" * 134, 2),
        ("п" * 135, 3),
        ("😜" + "2" * 68, 1),
        ("😜" + "2" * 69, 2),
        ("🇮🇹" + "2" * 66, 1),
        ("🇮🇹" + "2" * 67, 2),
        (RAINBOW + "2" * 64, 1),
        (RAINBOW + "2" * 65, 2),
        ("«" + "a" * 69, 1),
        ("ç", 1),
        ("ą" + "a" * 70, 2),
    ],
)
def test_known_texts_have_known_parts(text: str, parts: int) -> None:
    assert count_segments(text) == parts


def test_escape_pair_is_never_split() -> None:
    assert count_segments("a" * 152 + "€" + "a" * 152) == 3
    assert count_segments("a" * 151 + "€" + "a" * 152 + "a") == 2


def test_surrogate_pair_is_never_split() -> None:
    assert count_segments("п" * 66 + "😜" + "п" * 66) == 3
    assert count_segments("п" * 65 + "😜" + "п" * 67) == 2


def test_emoji_family_is_never_split() -> None:
    assert count_segments("п" * 60 + FAMILY + "п" * 60) == 3
    assert count_segments("п" * 56 + FAMILY + "п" * 67) == 2


@pytest.mark.parametrize(
    "cluster", ["é", RAINBOW, FAMILY, "🇺🇦", "👍🏽", "한", "각", "नि", "பி", "ที่", "1️⃣", "؀١", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
)
def test_cluster_stays_whole_between_letters(cluster: str) -> None:
    assert list(clusters(f"x{cluster}x")) == ["x", cluster, "x"]


@pytest.mark.parametrize("pair", ["🇺🇦🇵🇱", "ab", "\r\n", "ا\u200f", "🙂🙂", "한국"])
def test_pairs_are_two_clusters(pair: str) -> None:
    assert len(list(clusters(pair))) == 2


@given(st.text())
def test_clusters_add_up_to_the_text(text: str) -> None:
    assert "".join(clusters(text)) == text


@given(st.text(alphabet="aп€😜é🇺🇦\u200d\u0301", max_size=400))
def test_parts_lie_between_bare_division_and_one_cluster_each(text: str) -> None:
    units = sum(2 if ord(letter) > 0xFFFF else 1 for letter in text)
    parts = count_segments(text)
    assert parts >= -(-units // 160)
    assert parts <= max(1, len(list(clusters(text))))

"""SMS parts are counted as Twilio's calculator counts them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.messages.text.sms_parts import GSM_BASIC, GSM_EXTENSION, Length, costly_characters, count_parts
from campaigns.sandbox.world.segments import count_segments

FAMILY = "👩‍👩‍👧‍👦"  # 11 UTF-16 units

#: Text, and what the calculator of Twilio (sms-segments-calculator 1.3.0) says of it.
VECTORS = [
    ("", Length("GSM-7", 0, 1)),
    ("Keep your passport.", Length("GSM-7", 19, 1)),
    ("1" * 160, Length("GSM-7", 160, 1)),
    ("1" * 161, Length("GSM-7", 161, 2)),
    ("1" * 306, Length("GSM-7", 306, 2)),
    ("1" * 307, Length("GSM-7", 307, 3)),
    ("{" + "1" * 158, Length("GSM-7", 160, 1)),
    ("{" + "1" * 159, Length("GSM-7", 161, 2)),
    ("1" * 152 + "€" + "1" * 152, Length("GSM-7", 306, 3)),
    ("я" * 70, Length("UCS-2", 70, 1)),
    ("я" * 71, Length("UCS-2", 71, 2)),
    ("я" * 134, Length("UCS-2", 134, 2)),
    ("я" * 135, Length("UCS-2", 135, 3)),
    ("😜" + "1" * 68, Length("UCS-2", 70, 1)),
    ("😜" + "1" * 69, Length("UCS-2", 71, 2)),
    ("😜" * 67, Length("UCS-2", 134, 3)),
    ("🇮🇹" + "1" * 66, Length("UCS-2", 70, 1)),
    (FAMILY * 6, Length("UCS-2", 66, 1)),
    (FAMILY * 12, Length("UCS-2", 132, 2)),
    ("x" + FAMILY * 12, Length("UCS-2", 133, 2)),
    ("xx" + FAMILY * 12, Length("UCS-2", 134, 3)),
    ("😀" + "]" * 68, Length("UCS-2", 70, 1)),
]

gsm_text = st.text(alphabet=sorted(GSM_BASIC | GSM_EXTENSION), max_size=400)
any_text = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("яІ€[👩‍👧🏽🇺🇦\u0301\r\n")), max_size=200)


@pytest.mark.parametrize(("text", "length"), VECTORS)
def test_known_lengths_are_met(text: str, length: Length) -> None:
    assert count_parts(text) == length


def test_alphabet_is_the_standard_one() -> None:
    assert len(GSM_BASIC) == 127
    assert len(GSM_EXTENSION) == 10


@pytest.mark.parametrize("character", ["`", "ç", "á", "’", "–", "\t", "\u00a0", "ł", "ș", "ї"])
def test_one_letter_makes_it_ucs2(character: str) -> None:
    assert count_parts("Keep" + character).encoding == "UCS-2"
    assert costly_characters("Keep" + character) == (character,)


def test_composed_and_decomposed_cost_alike() -> None:
    assert count_parts("e\u0301") == count_parts("é") == Length("GSM-7", 1, 1)
    assert costly_characters("e\u0301") == ()


def test_costly_characters_come_once_in_order() -> None:
    assert costly_characters("Don’t “go” – don’t 👩🏽‍⚕️") == ("’", "“", "”", "–", "👩🏽‍⚕️")


@given(gsm_text)
def test_gsm_text_costs_no_character(text: str) -> None:
    length = count_parts(text)
    assert length.encoding == "GSM-7"
    assert length.units == sum(2 if character in GSM_EXTENSION else 1 for character in text)
    assert costly_characters(text) == ()


@given(any_text)
def test_units_and_encoding_agree_with_codecs(text: str) -> None:
    length = count_parts(text)
    normal = unicodedata.normalize("NFC", text)
    assert (length.encoding == "UCS-2") == bool(costly_characters(text))
    if length.encoding == "UCS-2":
        assert length.units == len(normal.encode("utf-16-le", "surrogatepass")) // 2


@given(st.lists(st.sampled_from(["я", "😜", "🇺🇦", "👋🏽", FAMILY]), min_size=71))
def test_parts_waste_less_than_a_cluster(clusters: list[str]) -> None:
    length = count_parts("".join(clusters))
    largest = count_parts(FAMILY).units
    assert -(-length.units // 67) <= length.parts <= -(-length.units // (67 - largest + 1))


@given(any_text, any_text)
def test_more_text_never_takes_fewer_parts(text: str, more: str) -> None:
    assert count_parts(text + " " + more).parts >= count_parts(text).parts


@given(any_text)
def test_stand_in_provider_bills_the_same(text: str) -> None:
    normal = unicodedata.normalize("NFC", text)
    assert count_segments(normal) == count_parts(text).parts

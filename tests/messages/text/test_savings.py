"""How to save one SMS is true: the text that is proposed takes the parts that are promised."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from campaigns.messages.text.savings import SavingKind, find_savings
from campaigns.messages.text.sms_parts import count_parts


def test_one_part_needs_no_saving() -> None:
    assert find_savings("Don’t go") == ()


def test_signs_that_look_the_same_are_named() -> None:
    signs, words = find_savings("Don’t go – ask first. " * 4)
    assert (signs.kind, signs.parts, dict(signs.swaps)) == (SavingKind.SIGNS, 1, {"’": "'", "–": "-"})
    assert (words.kind, words.parts) == (SavingKind.WORDS, 1)


def test_letters_lose_their_marks_only_as_a_choice() -> None:
    letters, _words = find_savings("Łączcie się zawsze. " * 5)
    assert letters.kind is SavingKind.LETTERS
    assert dict(letters.swaps) == {"Ł": "L", "ą": "a", "ę": "e"}


def test_other_scripts_only_get_shorter() -> None:
    assert [saving.kind for saving in find_savings("Тримайте паспорт. " * 6)] == [SavingKind.WORDS]


def test_cut_text_takes_the_parts_that_were_promised() -> None:
    text = "a" * 170
    (words,) = find_savings(text)
    assert count_parts(text[: -words.units]).parts == words.parts == 1


@given(st.text(alphabet="abc ąęł’–…ж", min_size=60, max_size=400))
def test_every_swap_keeps_its_promise(text: str) -> None:
    for saving in find_savings(text):
        swapped = text
        for sign, plain in saving.swaps:
            swapped = swapped.replace(sign, plain)
        if saving.swaps:
            assert count_parts(swapped).parts == saving.parts < count_parts(text).parts

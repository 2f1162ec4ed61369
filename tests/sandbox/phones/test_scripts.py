"""A text's direction follows its first strong letter, its language the letters that only one has."""

import pytest

from campaigns.sandbox.phones.scripts import direction_of, language_of


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("Вітаємо", "ltr"),
        ("+961 مرحبا", "rtl"),
        ("SOS مرحبا", "ltr"),
        ("527", "ltr"),
        ("", "ltr"),
        ("שלום", "rtl"),
    ],
)
def test_first_strong_letter_decides(text: str, direction: str) -> None:
    assert direction_of(text) == direction


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Вітаємо в дорозі", "uk"),
        ("Доброе утро, это мы", "ru"),
        ("مرحبا", "ar"),
        ("چطور هستید", "fa"),
        ("ሰላም", "am"),
        ("Zażółć", "pl"),
        ("Karibu", ""),
        ("527", ""),
    ],
)
def test_telling_letters_name_the_language(text: str, language: str) -> None:
    assert language_of(text) == language

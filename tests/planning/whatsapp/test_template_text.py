"""Texts as WhatsApp templates: numbered slots, and the faults that WhatsApp rejects, told with their place."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import PlaceholderError
from campaigns.messages.text.placeholders import render
from campaigns.planning.whatsapp.template_text import template_name, template_of, version_in

PIECES = st.lists(
    st.sampled_from(["Keep your papers. ", "Call ((hotline)) now. ", "Near ((place??you)) there is help. ", "\n"]),
    min_size=1,
    max_size=6,
)


def test_placeholders_become_slots() -> None:
    made = template_of("Help: ((hotline)) day and night, at ((place)) too. Or ((hotline)), free.")
    assert made.body == "Help: {{1}} day and night, at {{2}} too. Or {{3}}, free."
    assert made.slots == ("hotline", "place", "hotline")


def test_text_without_placeholders_stays_as_it_is() -> None:
    made = template_of("Паспорт тримайте при собі (завжди).")
    assert (made.body, made.slots) == ("Паспорт тримайте при собі (завжди).", ())


@given(PIECES)
def test_filled_slots_say_the_rendered_text(pieces: list[str]) -> None:
    """What WhatsApp shows is what the other channels send."""
    text = "".join(pieces).strip() or "Help."
    made = template_of(text)
    values = {"hotline": "+48 22 628 01 20", "place": ""}
    filled = [values.get(slot.partition("??")[0]) or slot.partition("??")[2] for slot in made.slots]
    shown = re.sub(r"\{\{(\d+)\}\}", lambda found: filled[int(found[1]) - 1], made.body)
    assert shown == render(text, values)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("((hotline)) is free of charge.", r"before \(\(hotline\)\)"),
        ("Keep your passport. Help: ((hotline))", r"after “Help: \(\(hotline\)\)”"),
        ("Go to it. Ask ((place)) ((hotline)) for help there.", r"in “Ask \(\(place\)\) \(\(hotline\)\)”"),
        ("Ask ((place))((hotline)) for help.", "side by side"),
        ("Call ((hotline))-((place))!", "too few words"),
        ("Hello {{1}}, how are you?", "takes for a slot"),
        ("Hello ((name)).", "is not an automatic field"),
        ("x" * 1025, "at most 1024"),
    ],
)
def test_what_whatsapp_rejects_is_told(text: str, words: str) -> None:
    with pytest.raises(PlaceholderError, match=words):
        template_of(text)


@pytest.mark.parametrize("language", ["uk", "zh-Hant", "fa-AF"])
def test_names_are_small_letters_digits_underscores(language: str) -> None:
    for version in (1, 2, 12):
        name = template_name(language, 345, text_digest="0a" * 32, version=version)
        assert re.fullmatch(r"[a-z0-9_]{1,100}", name)
        assert version_in(name) == version

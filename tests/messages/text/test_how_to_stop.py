"""How to stop is said where an answer reaches us, never typed, and leaves no trace where nobody would hear it."""

from __future__ import annotations

import pytest

from campaigns.core.errors import PlaceholderError
from campaigns.core.keys.leave_token import NOBODYS
from campaigns.core.languages import all_languages
from campaigns.core.sentences import LanguageName
from campaigns.messages.gates import stop_gate
from campaigns.messages.text.how_to_stop import StopWay, find_typed_stop, how_to_stop, stop_phrases, with_stop_said
from campaigns.messages.text.placeholders import parse, render


def test_every_language_can_say_it() -> None:
    assert set(stop_phrases()) == set(all_languages())
    assert all(phrase.endswith("STOP") for phrase in stop_phrases().values())


def test_said_word_is_the_one_that_is_heard() -> None:
    assert how_to_stop(StopWay.WORD, "uk") == "Відмова: STOP"
    assert how_to_stop(StopWay.NONE, "uk") == ""
    assert how_to_stop("", "uk") == ""


def test_sender_that_cannot_be_written_to_names_a_page() -> None:
    said = how_to_stop(StopWay.LINK, "uk", pages="https://info.example")
    assert said == f"Відмова: https://info.example/uk/e/{NOBODYS}"
    assert how_to_stop(StopWay.LINK, "uk") == ""
    assert how_to_stop(StopWay.NONE, "uk", pages="https://info.example") == ""


def test_nothing_is_left_where_nobody_hears() -> None:
    text = "Keep your passport. ((stop))"
    assert render(text, {"stop": how_to_stop("word", "en")}) == "Keep your passport. No more messages: STOP"
    assert render(text, {"stop": ""}) == "Keep your passport."
    assert render("Keep it.\n((stop))\nBye", {}) == "Keep it.\nBye"


def test_how_to_stop_takes_no_fallback() -> None:
    with pytest.raises(PlaceholderError, match="never typed"):
        parse("((stop??STOP))")


def test_template_says_it_in_words() -> None:
    assert with_stop_said("Call ((hotline)). ((stop))", "en") == "Call ((hotline)). No more messages: STOP"


@pytest.mark.parametrize(
    ("language", "text", "word"),
    [
        ("en", "Keep it. Reply STOP to end.", "STOP"),
        ("uk", "Тримайте паспорт. Відмова: СТОП", "СТОП"),
        ("uk", "Відмова: STOP", "STOP"),
        ("ar", "احتفظ بجواز سفرك. للإيقاف: STOP", "STOP"),
        ("de", "Stop! Geben Sie den Pass nicht her.", None),
        ("en", "Stop at the border. ((stop))", None),
        ("en", "The bus stops here.", None),
        ("uk", "Автобус зупиняється тут. Стоп не треба.", None),
    ],
)
def test_typed_order_is_found(language: str, text: str, word: str | None) -> None:
    assert find_typed_stop(text, language) == word


def test_typed_order_blocks_and_silence_warns() -> None:
    typed = stop_gate(7, [("en", "Reply STOP"), ("uk", "((stop))")])
    assert (typed.passed, typed.sentence.values["languages"]) == (False, (LanguageName("en"),))
    silent = stop_gate(7, [("en", "Keep it."), ("uk", "((stop))")])
    assert (silent.passed, silent.warns, silent.sentence.values["languages"]) == (
        True,
        True,
        (LanguageName("en"),),
    )
    said = stop_gate(7, [("en", "Keep it. ((stop))")])
    assert (said.passed, said.warns) == (True, False)
    texts = [("en", "Keep it."), ("uk", "((stop))")]
    unheard = stop_gate(7, texts, by_link=texts)
    assert (unheard.passed, unheard.sentence.values["languages"]) == (False, (LanguageName("en"),))
    # What goes out over a channel that can be answered needs no link.
    assert stop_gate(7, texts, by_link=texts[1:]).passed
    # A faulty text has a gate of its own.
    assert stop_gate(7, [("en", "((stop")]).passed

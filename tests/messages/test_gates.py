"""Each gate is red for its reason, says it in a sentence, and links to where it is mended."""

from __future__ import annotations

from campaigns.core.sentences import CountryName, LanguageName, People
from campaigns.messages.gates import (
    Gate,
    TranslationFacts,
    length_gates,
    placeholders_gate,
    signposts_gate,
    staleness_gate,
    translations_gate,
    typed_gate,
)
from campaigns.messages.models import TranslationState

PEOPLE = {"uk": 70, "ru": 20, "ar": 0, "": 3}


def translations(**changes: object) -> Gate:
    values = {"people": PEOPLE, "available": {"uk"}, "fallback_language": None, "confirmed": None}
    return translations_gate(7, **{**values, **changes})  # type: ignore[arg-type]


def facts(
    language: str, state: TranslationState, *, translator: int = 1, reviewer: int | None = 2
) -> TranslationFacts:
    return TranslationFacts(language, "text", state, translator, reviewer)


def test_missing_translation_blocks() -> None:
    gate = translations()
    assert not gate.passed
    left_out = (
        "20 people would be left out: no reviewed text that is up to date in an unknown language and Russian."
    )
    assert str(gate.sentence) == left_out
    assert (gate.link_endpoint, gate.link_values) == ("messages.compose", {"message_id": 7, "language": "ru"})


def test_fallback_language_covers_everybody() -> None:
    assert translations(fallback_language="uk").passed
    assert not translations(fallback_language="pl").passed
    assert translations(people={"uk": 5}).passed
    assert translations(people={"ru": 0}).passed


def test_confirmed_count_lets_people_be_left_out() -> None:
    gate = translations(confirmed=23)
    assert gate.passed
    assert str(gate.sentence).startswith("20 people are left out, as confirmed")
    assert not translations(confirmed=22).passed


def test_stale_translation_blocks() -> None:
    gate = staleness_gate(7, [facts("en", TranslationState.REVIEWED), facts("uk", TranslationState.STALE)])
    assert not gate.passed
    assert str(gate.sentence) == "The source text changed after these were translated: Ukrainian."
    assert gate.link_values["language"] == "uk"


def test_own_review_blocks() -> None:
    assert staleness_gate(7, [facts("en", TranslationState.REVIEWED)]).passed
    assert staleness_gate(7, [facts("en", TranslationState.TRANSLATED, reviewer=None)]).passed
    gate = staleness_gate(7, [facts("en", TranslationState.REVIEWED, reviewer=1)])
    assert str(gate.sentence) == "Nobody but the translator has reviewed: English."


def test_long_text_blocks_and_names_what_costs() -> None:
    assert [each.passed for each in length_gates(7, {"en": "x" * 160, "uk": "я" * 134}, max_parts=2)] == [True]
    [plain] = length_gates(7, {"en": "x" * 161}, max_parts=1)
    assert str(plain.sentence) == "English takes 2 parts, allowed are 1. Shorten it."
    [costly] = length_gates(7, {"en": "Don’t – " + "x" * 80}, max_parts=1)
    assert str(costly.sentence).endswith("These characters make each part shorter: ’ –")
    [script] = length_gates(7, {"uk": "абвгґдеєжзиіїйклмн" * 8}, max_parts=2)
    assert str(script.sentence).startswith("Ukrainian takes 3 parts, allowed are 2. In its script")


def test_every_language_that_is_too_long_is_named_with_its_link() -> None:
    gates = length_gates(7, {"en": "x" * 161, "pl": "x", "uk": "я" * 71}, max_parts=1)
    assert [(each.passed, each.link_values["language"]) for each in gates] == [(False, "en"), (False, "uk")]
    assert [str(each.sentence).split()[0] for each in gates] == ["English", "Ukrainian"]


def test_differing_placeholders_block() -> None:
    texts = {"en": "Call ((hotline))", "uk": "Телефонуйте ((hotline??нам))"}
    assert placeholders_gate(7, texts, base_language="en").passed
    gate = placeholders_gate(7, texts | {"uk": "Телефонуйте"}, base_language="en")
    assert str(gate.sentence) == "Other automatic fields than in the source text: Ukrainian."


def test_faulty_placeholder_blocks() -> None:
    gate = placeholders_gate(7, {"en": "((a.__class__)) 100%"}, base_language="en")
    assert not gate.passed
    assert "((a.__class__)) is not an automatic field" in str(gate.sentence)


def test_missing_signposts_block() -> None:
    assert signposts_gate(7, {}).passed
    assert signposts_gate(7, {"PL": 0}).passed
    gate = signposts_gate(7, {"RO": 40, "HU-BU": 2, "PL": 0})
    assert str(gate.sentence) == "40 people have no verified service to be pointed to: HU-BU and RO."
    assert gate.link_endpoint == "directory.index"


def test_nobody_is_said_to_be_pointed_to_what_no_text_names() -> None:
    gate = signposts_gate(7, {}, is_named=False)
    assert (gate.passed, str(gate.sentence)) == (True, "No text names a service.")
    assert not signposts_gate(7, {"PL": 1}, is_named=False).passed


def test_what_is_typed_by_hand_is_warned_of() -> None:
    assert not typed_gate(7, [("en", "Call ((hotline)) in 2026."), ("uk", "((link))")]).warns
    gate = typed_gate(7, [("en", "Call +48 22 628 01 20."), ("uk", "Дзвоніть +48 22 628 01 20, www.la.org")])
    assert (gate.passed, gate.warns, gate.link_endpoint) == (True, True, "messages.compose")
    assert str(gate.sentence).startswith("Typed by hand in English and Ukrainian, so nobody verified it")
    assert "+48 22 628 01 20 and www.la.org" in str(gate.sentence)


def test_sentence_can_be_translated_later() -> None:
    told = signposts_gate(7, {"RO": 40}).sentence
    assert told.values == {"people": People.of(40), "places": (CountryName("RO"),)}
    told = staleness_gate(7, [facts("uk", TranslationState.STALE)]).sentence
    assert told.values == {"languages": (LanguageName("uk"),)}


def test_fallback_in_place_of_a_service_is_said() -> None:
    gate = signposts_gate(7, {}, on_fallback=40)
    assert (gate.passed, gate.warns) == (True, True)
    assert str(gate.sentence).startswith(
        "No verified service fits 40 people: their text names the emergency number"
    )
    assert not signposts_gate(7, {"PL": 1}, on_fallback=40).passed

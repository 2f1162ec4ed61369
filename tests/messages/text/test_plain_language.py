"""Hints name what makes a text hard to read or impossible to correct, and stay silent on a plain one."""

from __future__ import annotations

import pytest

from campaigns.demo.scenario import message_texts
from campaigns.messages.text.plain_language import HintKind, find_hints

LONG = (
    "If you meet somebody at the station who offers you a free lift to another town "
    "then ask who sent him and why he does it."
)


def kinds(text: str, **options: object) -> list[HintKind]:
    return [hint.kind for hint in find_hints(text, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "Keep your passport. Call ((hotline)).",
        "Send STOP by SMS to leave. It is 2022.",
        "تمسك بجوازك. اتصل ((hotline))",
        "((place)): ask for the badge. ((link))",
        "",
    ],
)
def test_plain_text_gets_no_hint(text: str) -> None:
    assert kinds(text) == []


def test_demo_texts_are_plain_in_every_language() -> None:
    assert {language: kinds(text) for language, text in message_texts().items() if kinds(text)} == {}


@pytest.mark.parametrize(
    ("text", "kind", "excerpt"),
    [
        (LONG, HintKind.LONG_SENTENCE, "If you meet somebody at the station who…"),
        ("NEVER GIVE your passport", HintKind.SHOUTING, "NEVER GIVE"),
        ("Це НЕБЕЗПЕЧНО", HintKind.SHOUTING, "НЕБЕЗПЕЧНО"),
        ("Careful!!", HintKind.MARKS, "!!"),
        ("See https://x.org/a", HintKind.LINK, "https://x.org/a"),
        ("See example.org/k7 now", HintKind.LINK, "example.org/k7"),
        ("Call 112", HintKind.NUMBER, "112"),
        ("Call +48 22 628-01-20 today", HintKind.NUMBER, "+48 22 628-01-20"),
        ("اتصل ٠١١٢٣", HintKind.DIGITS, "٠١١٢٣"),
    ],
)
def test_each_fault_is_named(text: str, kind: HintKind, excerpt: str) -> None:
    found = {hint.kind: hint for hint in find_hints(text)}
    assert found[kind].values["excerpt"] == excerpt
    assert excerpt in found[kind].sentence


def test_service_named_by_hand_is_told() -> None:
    assert kinds("Ask La Strada for help", names={"La Strada", "KCIK"}) == [HintKind.NAME]


def test_full_stop_ends_a_sentence_in_every_script() -> None:
    assert kinds(" ".join(["слово"] * 15) + ". " + " ".join(["слово"] * 15) + ".") == []
    assert kinds(" ".join(["ቃል"] * 15) + "። " + " ".join(["ቃል"] * 15) + "።") == []

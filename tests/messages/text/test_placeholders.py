"""Only listed placeholders are filled, and nothing else in a text is ever evaluated."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import PlaceholderError
from campaigns.messages.text.placeholders import ALLOWED, Placeholder, names_in, parse, render, required_names

VALUES = {"hotline": "+48 22 628 01 20", "place": "Medyka", "link": "https://example.org/k7", "code": "K7"}

LITERAL = [
    "{{7*7}}",
    "{% for x in y %}",
    "%s %(hotline)s %d",
    "{0} {hotline} {hotline.__class__}",
    "${hotline} $hotline",
    "<b>{{ config }}</b>",
    "f(x) and (a) and )) and (",
    "((hotline))".replace("((", "（（"),
    "`id`; DROP TABLE message; --",
    "\\((",
]

FAULTY = {
    "((a.__class__))": "((a.__class__)) is not an automatic field",
    "((7*7))": "((7*7)) is not an automatic field",
    "((hotline.number))": "is not an automatic field",
    "((Hotline))": "((Hotline)) is not an automatic field",
    "((hоtline))": "is not an automatic field",
    "((name))": "Use one of ((hotline)), ((place)), ((link)), ((code))",
    "(())": "(()) is not an automatic field",
    "((hotline": "not closed",
    "((hotline)": "not closed",
    "((hotline) )": "not closed",
    "((hotline\n))": "not closed",
    "((hotline??((place))))": "inside another",
    "((((hotline))))": "inside another",
    "((place((code))))": "inside another",
    "((hotline??call (24/7)))": "parenthesis",
    "((hotline??))": "empty text to use",
    "((hotline??us??them))": "two texts to use",
    "((hotline??112))": "digits after",
    "((hotline??call ١١٢))": "digits after",
    "((hotline:sheltr))": "a kind of help that the directory does not have",
    "((place:shelter))": "is not an automatic field",
    "((hotline:))": "a kind of help",
    "((hotline??" + "a" * 61 + "))": "longer than 60",
    "((%s))": "is not an automatic field",
    "(({0}))": "is not an automatic field",
    "(({{7*7}}))": "is not an automatic field",
}


@pytest.mark.parametrize("text", LITERAL)
def test_foreign_syntax_stays_literal(text: str) -> None:
    if text == "\\((":
        with pytest.raises(PlaceholderError):
            render(text, VALUES)
        return
    assert render(text, VALUES) == text


@pytest.mark.parametrize(("text", "words"), FAULTY.items(), ids=range(len(FAULTY)))
def test_faulty_placeholder_is_named(text: str, words: str) -> None:
    with pytest.raises(PlaceholderError) as caught:
        parse(f"Call {text} now")
    assert words in str(caught.value)


def test_placeholders_are_filled() -> None:
    text = "Near ((place)): call ((hotline)). ((link)) ((code))"
    assert render(text, VALUES) == "Near Medyka: call +48 22 628 01 20. https://example.org/k7 K7"
    assert names_in(text) == {"hotline", "place", "link", "code"}


def test_fallback_stands_in_without_signpost() -> None:
    assert render("Call ((hotline??us)).", {}) == "Call us."
    assert render("Call ((hotline??us)).", {"hotline": ""}) == "Call us."
    assert render("Call ((hotline??us)).", VALUES) == "Call +48 22 628 01 20."


def test_kinds_of_help_are_filled_each_by_its_own() -> None:
    text = "Sleep: ((hotline:shelter)). Law: ((hotline:legal??ask us)). Or ((hotline))."
    assert names_in(text) == {"hotline", "hotline:shelter", "hotline:legal"}
    assert render(text, VALUES | {"hotline:shelter": "800"}) == "Sleep: 800. Law: ask us. Or +48 22 628 01 20."


def test_missing_value_is_refused() -> None:
    with pytest.raises(PlaceholderError, match=r"no value for \(\(hotline\)\)"):
        render("Call ((hotline)).", {"place": "Medyka"})
    assert required_names("((hotline)) ((place??here)) ((code))") == {"hotline", "code"}


def test_spaces_within_are_forgiven() -> None:
    assert parse("(( hotline : shelter ?? us ))") == (Placeholder("hotline:shelter", "us"),)


def test_parentheses_around_are_literal() -> None:
    assert render("Help (((hotline))) free", VALUES) == "Help (+48 22 628 01 20) free"


def test_values_are_never_scanned_again() -> None:
    values = {"place": "((hotline))", "hotline": "((place)) {{7*7}} %s"}
    assert render("((place)) ((hotline))", values) == "((hotline)) ((place)) {{7*7}} %s"


def test_unlisted_values_are_ignored() -> None:
    with pytest.raises(PlaceholderError):
        render("((secret))", {"secret": "x"})


hostile = st.lists(
    st.one_of(
        st.sampled_from(
            ["((", "))", "(", ")", "??", "hotline", "place", "link", "{{", "}}", "%s", "{0}", "\n", "__"]
        ),
        st.text(max_size=5),
        st.sampled_from(["((hotline))", "((place??there))", "((code))"]),
    ),
    max_size=20,
).map("".join)


@given(hostile)
def test_output_holds_literals_and_values_only(text: str) -> None:
    try:
        pieces = parse(text)
    except PlaceholderError:
        return
    assert all("((" not in piece for piece in pieces if isinstance(piece, str))
    allowed = [piece if isinstance(piece, str) else VALUES[piece.name] for piece in pieces]
    assert render(text, VALUES) == unicodedata.normalize("NFC", "".join(allowed))


@given(hostile, st.dictionaries(st.sampled_from(ALLOWED), hostile))
def test_any_text_renders_or_is_refused(text: str, values: dict[str, str]) -> None:
    try:
        rendered = render(text, values)
    except PlaceholderError:
        return
    assert rendered == unicodedata.normalize("NFC", rendered)


@given(st.lists(st.one_of(st.text("abя .,", min_size=1), st.sampled_from([*map(Placeholder, ALLOWED)]))))
def test_parsing_keeps_every_character(pieces: list[str | Placeholder]) -> None:
    text = "".join(map(str, pieces))
    assert "".join(map(str, parse(text))) == text

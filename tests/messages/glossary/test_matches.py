"""Terms of the glossary are found as whole words, and misses come first."""

from __future__ import annotations

import pytest

from campaigns.messages.glossary.matches import Term, find_terms

PASSPORT = Term("passport*", "паспорт*")


@pytest.mark.parametrize(
    ("text", "is_hit"),
    [("Тримайте паспорт.", True), ("Не віддавайте паспорта", True), ("ПАСПОРТИ!", True), ("документ", False)],
)
def test_any_ending_will_do(text: str, is_hit: bool) -> None:
    (use,) = find_terms("Keep your Passports", text, [PASSPORT])
    assert use.is_hit is is_hit


def test_term_that_the_base_lacks_is_not_told() -> None:
    assert find_terms("Keep your pass", "паспорт", [PASSPORT]) == ()
    assert find_terms("Help yourself", "", [Term("self", "сам")]) == ()


def test_any_of_several_wordings_will_do() -> None:
    term = Term("free of charge", "безкоштовно/безоплатно")
    assert find_terms("It is free  of charge.", "Це безоплатно", [term])[0].is_hit


def test_misses_come_first() -> None:
    uses = find_terms("passport and lift", "паспорт", [PASSPORT, Term("lift", "підвезення")])
    assert [(use.term.term, use.is_hit) for use in uses] == [("lift", False), ("passport*", True)]


def test_signs_of_patterns_are_literal() -> None:
    assert find_terms("a.b", "x", [Term("a.b", "x")])[0].is_hit
    assert find_terms("axb", "x", [Term("a.b", "x"), Term("(", ")"), Term("*", "*")]) != ()

"""A sentence keeps its template and typed values when it is stored, and tells no small number of people."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import GateError, InputError
from campaigns.core.sentences import (
    Count,
    CountryName,
    Dollars,
    LanguageName,
    LocalTime,
    People,
    Sentence,
)
from campaigns.core.words import N_, Phrase, Template

VALUES = st.one_of(
    st.text(max_size=5),
    st.integers(0, 10**9),
    st.integers(0, 10**9).map(Count),
    st.integers(0, 10**9).map(People.of),
    st.integers(0, 10**9).map(Dollars),
    st.sampled_from(["uk", "", "xx"]).map(LanguageName),
    st.just(CountryName("PL")),
    st.just(Phrase("an emergency service")),
    st.datetimes().map(LocalTime.of),
)
TEMPLATES = st.sampled_from([Template("Plain, at 100 %."), Template("It is %(a)s.")])


def sentences(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Sentence]:
    several = st.lists(values, min_size=1).map(tuple)
    return st.builds(Sentence, TEMPLATES, st.fixed_dictionaries({"a": values | several}))


SENTENCES = st.recursive(sentences(VALUES), sentences, max_leaves=5)


def kinds(value: Any) -> Any:
    """The value with the type of everything in it: a phrase equals its text."""
    if isinstance(value, Sentence):
        return {name: kinds(each) for name, each in value.values.items()}
    return [kinds(each) for each in value] if isinstance(value, tuple) else type(value)


@given(SENTENCES)
def test_sentence_is_the_same_after_it_was_stored(sentence: Sentence) -> None:
    stored = Sentence.from_json(sentence.to_json())
    assert (stored, kinds(stored)) == (sentence, kinds(sentence))


def test_sentence_is_told_in_english_to_logs() -> None:
    values = {
        "people": (People.of(19), People.of(1234)),
        "where": (CountryName("PL"), LanguageName("uk"), LanguageName("")),
        "cost": Dollars(1_234_05),
        "fault": Sentence.of(InputError(N_("At most %(limit)s fit."), limit=Count(3))),
    }
    told = Sentence(N_("%(people)s: %(where)s, %(cost)s. %(fault)s"), values)
    assert str(told) == "fewer than 20 and 1230: PL, Ukrainian and an unknown language, $1,234.05. At most 3 fit."
    assert str(GateError.telling(Sentence.together([told, Sentence(N_("So."))]))) == f"{told} So."


def test_words_of_before_are_no_template() -> None:
    assert str(Sentence.from_json({"template": "It is 100 % late; %(x)s."})) == "It is 100 % late; %(x)s."


@given(st.integers(0, 19), st.integers(0, 19))
def test_small_numbers_of_people_are_not_even_stored(one: int, other: int) -> None:
    assert People.of(one) == People.of(other) == People(None)

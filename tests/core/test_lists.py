"""A list is written as the language of its reader writes one."""

from __future__ import annotations

import pytest

from campaigns.core.errors import InputError, RowProblem
from campaigns.core.languages import INTERFACE_LANGUAGES
from campaigns.core.lists import first_of, listed
from campaigns.core.sentences import LanguageName, Sentence
from campaigns.core.words import N_

LISTS = {"en": ("A and B", "A, B and C"), "uk": ("A і B", "A, B і C"), "ar": ("A وB", "A وB وC")}


@pytest.mark.parametrize("language", INTERFACE_LANGUAGES)
def test_list_is_written_as_its_language_does(language: str) -> None:
    assert (listed("AB", language), listed("ABC", language)) == LISTS[language]
    assert (listed([], language), listed("A", language)) == ("", "A")


@pytest.mark.parametrize("language", INTERFACE_LANGUAGES)
def test_list_of_the_first_stays_open(language: str) -> None:
    assert listed(first_of("ABCDE", 3), language) == f"{LISTS[language][1]} …"
    assert listed(first_of("ABC", 3), language) == LISTS[language][1]


def test_no_comma_of_another_script_stands_in_arabic() -> None:
    assert "," not in listed(["بولندا", "أوكرانيا", "مولدوفا"], "ar")


def test_error_and_row_tell_several_values_as_a_list() -> None:
    template = N_("No region has the code %(codes)s.")
    codes = ("PL-1", "PL-2")
    told = "No region has the code PL-1 and PL-2."
    assert str(InputError(template, codes=codes)) == told
    assert RowProblem(2, "regions", template, {"codes": codes}).sentence == told


def test_list_survives_being_stored() -> None:
    error = InputError(N_("Not in %(languages)s."), languages=(LanguageName("uk"), LanguageName("ar")))
    stored = Sentence.of(error).to_json()
    assert str(Sentence.from_json(stored)) == "Not in Ukrainian and Arabic."

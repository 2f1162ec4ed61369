"""Countries stand where readers look for them, though Unicode lists some of their letters elsewhere."""

from __future__ import annotations

import pytest

from campaigns.core.alphabets import place_in_alphabet


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("uk", "Австрія, Еритрея, Єгипет, Ірландія, Кенія, Україна, Швеція"),
        ("ru", "Ёлка, Ирак, Италия, Йемен, Кения, Эритрея"),
        ("pl", "Egipt, Litwa, Łotwa, Niemcy, Węgry, Zjednoczone Emiraty Arabskie"),
        ("fa", "آلمان, بریتانیا, چک, رومانی, کنیا, لبنان"),
        ("fr", "Arabie saoudite, Égypte, Érythrée, Espagne, Éthiopie, France"),
        ("en", "Lesser Poland, Łódź, Silesian, Świętokrzyskie, Warmian"),
        ("ar", "إيطاليا, بولندا, لبنان"),
        ("am", "ሀንጋሪ, ሊባኖስ, ፖላንድ"),
    ],
)
def test_countries_follow_the_alphabet_of_the_reader(language: str, names: str) -> None:
    shown = names.split(", ")
    assert sorted(sorted(shown), key=lambda name: place_in_alphabet(name, language)) == shown

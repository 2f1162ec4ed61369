"""An error is told in the reader's language, and so is everything that stands inside its sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask
from flask_babel import Babel, force_locale

from campaigns.core.errors import GateError, InputError, RowProblem, RowsError
from campaigns.core.sentences import Count, CountryName, Dollars, LanguageName, LocalTime, People, Sentence
from campaigns.core.words import N_, Phrase
from campaigns.web.error_words import said, said_of_row

CATALOGUES = {
    "uk": {
        "At most %(limit)s characters fit.": "Не більше ніж %(limit)s символів.",
        "Line %(line)s, %(column)s: %(sentence)s": "Рядок %(line)s, %(column)s: %(sentence)s",
        "%(first)s (Other problems in the file: %(others)s.)": "%(first)s (Інших помилок у файлі: %(others)s.)",
        "%(what)s is missing.": "Бракує: %(what)s.",
        "The title": "заголовок",
        "%(people)s people in %(places)s: %(faults)s": "%(people)s людей, %(places)s: %(faults)s",
        "fewer than %(count)s": "менше ніж %(count)s",
        "%(languages)s, %(count)s times, %(cost)s, %(time)s.": "%(languages)s, %(count)s р., %(cost)s, %(time)s.",
    },
    "ar": {
        "At most %(limit)s characters fit.": "يتسع لـ %(limit)s حرفًا على الأكثر.",
        "It cannot be filled in. %(fault)s": "لا يمكن ملؤه. %(fault)s",
    },
}
TOO_LONG = RowProblem(3, "name", "At most %(limit)s characters fit.", {"limit": 200})


@pytest.fixture(autouse=True)
def _readers(tmp_path: Path) -> Iterator[None]:
    """Answer a request of an application with the catalogues above."""
    for language, texts in CATALOGUES.items():
        catalogue = Catalog(locale=language)
        for english, translated in texts.items():
            catalogue.add(english, translated)
        folder = tmp_path / language / "LC_MESSAGES"
        folder.mkdir(parents=True)
        with (folder / "messages.mo").open("wb") as file:
            write_mo(file, catalogue)
    app = Flask(__name__)
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(tmp_path)
    Babel(app)
    with app.test_request_context():
        yield


def test_template_is_translated_then_filled() -> None:
    error = InputError("At most %(limit)s characters fit.", limit=200)
    with force_locale("uk"):
        assert said(error) == "Не більше ніж 200 символів."
    with force_locale("ar"):
        assert said(error) == "يتسع لـ 200 حرفًا على الأكثر."
    assert (said(error), str(error)) == ("At most 200 characters fit.",) * 2


def test_row_is_led_by_its_place() -> None:
    with force_locale("uk"):
        assert said_of_row(TOO_LONG) == "Рядок 3, name: Не більше ніж 200 символів."


def test_rows_are_told_by_the_first() -> None:
    error = RowsError([TOO_LONG, TOO_LONG])
    assert str(error) == "Line 3, name: At most 200 characters fit. (Other problems in the file: 1.)"
    with force_locale("uk"):
        assert said(RowsError([TOO_LONG])) == "Рядок 3, name: Не більше ніж 200 символів."
        assert said(error).endswith("(Інших помилок у файлі: 1.)")


def test_error_inside_an_error_is_translated() -> None:
    inner = InputError("At most %(limit)s characters fit.", limit=60)
    error = GateError("It cannot be filled in. %(fault)s", fault=inner)
    assert str(error) == "It cannot be filled in. At most 60 characters fit."
    with force_locale("ar"):
        assert said(error) == "لا يمكن ملؤه. يتسع لـ 60 حرفًا على الأكثر."


def test_only_marked_values_are_looked_up() -> None:
    with force_locale("uk"):
        assert said(InputError("%(what)s is missing.", what=Phrase("The title"))) == "Бракує: заголовок."
        assert said(InputError("%(what)s is missing.", what="The title")) == "Бракує: The title."


def test_unfilled_percent_sign_stays() -> None:
    assert said(InputError("100 % is too much.")) == "100 % is too much."


def test_typed_values_are_told_as_the_reader_writes_them() -> None:
    inner = Sentence(
        N_("%(languages)s, %(count)s times, %(cost)s, %(time)s."),
        {
            "languages": (LanguageName("uk"), LanguageName("rom")),
            "count": Count(12_345),
            "cost": Dollars(5_25),
            "time": LocalTime("2026-11-25T17:05"),
        },
    )
    template = N_("%(people)s people in %(places)s: %(faults)s")
    places = (CountryName("PL"), CountryName("MD"))
    told = Sentence(template, {"people": People.of(7), "places": places, "faults": (inner, inner)})
    with force_locale("uk"):
        words = said(told).replace("\xa0", " ")
    one = "Українська і Romani, 12 345 р., 5,25 USD, ср, 25 лист., 17:05."
    assert words == f"Менше ніж 20 людей, Польща і Молдова: {one} {one}"


def test_words_of_before_stay_as_they_are() -> None:
    with force_locale("uk"):
        assert said(Sentence.from_json({"template": "It is 100 % late."})) == "It is 100 % late."

"""Numbers, moments and names are written for the reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from flask import Flask
from flask_babel import force_locale

from campaigns.web import filters
from campaigns.web.locale import init_locale
from tests.moments import standing_at

Reader = Callable[[str], None]


@pytest.fixture(scope="module")
def bare_app() -> Flask:
    app = Flask("bare")
    init_locale(app)
    return app


@pytest.fixture
def written_in(bare_app: Flask) -> Iterator[Callable[..., str]]:
    def write(language: str, filter_name: str, *values: object) -> str:
        with force_locale(language):
            return str(getattr(filters, filter_name)(*values))

    with bare_app.test_request_context():
        yield write


EVENING = datetime(2026, 11, 25, 17, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "text"), [("en", "25 Nov 2026, 18:05"), ("uk", "25 лист. 2026"), ("ar", "25 نوفمبر 2026، 18:05")]
)
def test_moments_are_local_and_say_their_zone(written_in: Callable[..., str], language: str, text: str) -> None:
    html = written_in(language, "moment", EVENING, "Europe/Warsaw")
    assert text in html
    assert 'datetime="2026-11-25T17:05:00+00:00" title="Europe/Warsaw"' in html


@pytest.mark.parametrize(
    ("now", "short", "weekday"),
    [
        (datetime(2026, 12, 7, tzinfo=UTC), ">25 Nov, 17:05<", ">Wed 25 Nov, 17:05<"),
        (datetime(2027, 4, 1, tzinfo=UTC), ">25 Nov, 17:05<", ">Wed 25 Nov, 17:05<"),
        (datetime(2027, 11, 25, tzinfo=UTC), ">25 Nov 2026, 17:05<", ">Wed, 25 Nov 2026, 17:05<"),
        (datetime(2025, 12, 7, tzinfo=UTC), ">25 Nov 2026, 17:05<", ">Wed, 25 Nov 2026, 17:05<"),
    ],
)
def test_day_that_is_far_has_its_year(
    written_in: Callable[..., str], now: datetime, short: str, weekday: str
) -> None:
    with standing_at(now):
        assert short in written_in("en", "moment", EVENING, "UTC", "short")
        assert weekday in written_in("en", "moment", EVENING, "UTC", "weekday")


def test_moments_are_told_to_the_second(written_in: Callable[..., str]) -> None:
    html = written_in("en", "moment", EVENING.replace(microsecond=497_000))
    assert 'datetime="2026-11-25T17:05:00+00:00"' in html


def test_moments_without_zone_are_utc(written_in: Callable[..., str]) -> None:
    assert "17:05" in written_in("en", "moment", EVENING)
    assert written_in("en", "moment", None) == "–"


@pytest.mark.parametrize(
    ("language", "text"), [("en", "25 Nov 2026"), ("uk", "25 лист. 2026"), ("ar", "25 نوفمبر 2026")]
)
def test_days_are_written_as_moments_are(written_in: Callable[..., str], language: str, text: str) -> None:
    assert text in written_in(language, "day", EVENING.date())


def test_numbers_are_grouped(written_in: Callable[..., str]) -> None:
    assert written_in("en", "number", 1234567) == "1,234,567"
    assert written_in("uk", "number", 1234567) == "1\xa0234\xa0567"


def test_sign_of_a_sum_stays_with_its_letters_in_arabic(written_in: Callable[..., str]) -> None:
    assert written_in("en", "dollars", Decimal("0.35")) == "$0.35"
    assert written_in("ar", "dollars", Decimal("0.35")).endswith("US$\N{LEFT-TO-RIGHT MARK}")


def test_percentages_round(written_in: Callable[..., str]) -> None:
    assert written_in("en", "percent", 0.4567) == "46%"
    assert written_in("en", "percent", 0.4567, 1) == "45.7%"


def test_languages_have_names(written_in: Callable[..., str]) -> None:
    assert written_in("en", "language_name", "uk") == "Ukrainian"
    assert written_in("uk", "language_name", "ar") == "арабська"
    assert written_in("en", "language_name", "xx-unknown") == "xx-unknown"


def test_regions_have_names(written_in: Callable[..., str]) -> None:
    region = SimpleNamespace(name="Podkarpackie", names={"uk": "Підкарпатське"})
    assert written_in("uk", "region_name", region) == "Підкарпатське"
    assert written_in("ar", "region_name", region) == "Podkarpackie"
    assert written_in("en", "region_name", None) == "Unknown region"


@pytest.mark.parametrize(("language", "text"), [("en", "1, 2 and 3"), ("uk", "1, 2 і 3"), ("ar", "1 و2 و3")])
def test_lists_are_those_of_the_reader(written_in: Callable[..., str], language: str, text: str) -> None:
    assert written_in(language, "listed", [1, 2, 3]) == text


def test_names_of_a_list_keep_their_direction_and_their_signs(written_in: Callable[..., str]) -> None:
    assert written_in("ar", "listed_names", ["<A>", "B"]) == "<bdi>&lt;A&gt;</bdi> و<bdi>B</bdi>"
    assert written_in("en", "listed_names", "ab", str.upper) == "<bdi>A</bdi> and <bdi>B</bdi>"
    assert written_in("en", "listed_names", []) == ""


def test_a_placeholder_stays_whole_within_arabic() -> None:
    written = filters.isolated("اتصل ((hotline??112)) <b>")
    assert written == 'اتصل <bdi dir="ltr" class="hotline">((hotline??112))</bdi> &lt;b&gt;'

"""The land that maps are drawn on."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from campaigns.places.geography.outlines import draw_outlines


def drawn(*countries: str, language: str = "en") -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = json.loads(gzip.decompress(draw_outlines(countries, language).packed))[
        "features"
    ]
    return features


def kinds(features: list[dict[str, Any]]) -> set[str]:
    return {feature["properties"]["kind"] for feature in features}


def test_regions_are_drawn_for_asked_countries_only() -> None:
    features = drawn("MD", "RO")
    assert kinds(features) == {"land", "region", "label"}
    names = {one["properties"]["name"] for one in features if one["properties"]["kind"] == "region"}
    assert "Suceava County" in names or "Suceava" in names
    assert not any("Lviv" in name for name in names)


@pytest.mark.parametrize(
    ("language", "country", "region"),
    [
        ("en", "Ukraine", "Lviv Oblast"),
        ("uk", "Україна", "Львівська область"),
        ("ar", "أوكرانيا", "لفيف أوبلاست"),
    ],
)
def test_names_are_in_the_readers_language(language: str, country: str, region: str) -> None:
    names = {one["properties"].get("name") for one in drawn("UA", language=language)}
    assert {country, region} <= names


def test_world_without_places_is_coarse() -> None:
    assert kinds(drawn()) == {"land"}
    assert len(draw_outlines((), "en").packed) < 200_000


def test_unknown_countries_are_left_out() -> None:
    assert kinds(drawn("ZZ")) == {"land"}


def test_same_content_has_same_tag() -> None:
    first, second = draw_outlines(("MD",), "en"), draw_outlines(("MD",), "uk")
    assert first.tag == draw_outlines(("MD",), "en").tag
    assert first.tag != second.tag

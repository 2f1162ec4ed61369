"""A region is meant by its name in any language or by its code, and written by its name where that means one."""

from __future__ import annotations

import pytest

from campaigns.core.errors import InputError
from campaigns.places.geography.atlas import load_atlas
from campaigns.places.geography.region_words import read_region, write_region


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("Podkarpackie", "PL-18"),
        (" podkarpackie ", "PL-18"),
        ("pl-18", "PL-18"),
        ("PL-PK", "PL-PK"),
        ("Підкарпатське воєводство", "PL-18"),
        ("Atlantis", "ATLANTIS"),
        ("", None),
    ],
)
def test_a_name_or_code_means_a_region(typed: str, code: str | None) -> None:
    assert read_region(typed) == code


def test_a_name_of_several_regions_asks_for_the_code() -> None:
    with pytest.raises(InputError, match="BE-VLI, NL-LI"):
        read_region("Limburg")
    assert write_region("NL-LI", "en") == "NL-LI"


@pytest.mark.parametrize("language", ["en", "uk", "ar"])
def test_every_region_is_written_so_that_it_is_read_back(language: str) -> None:
    written = {region.code: write_region(region.code, language) for region in load_atlas().facts}
    assert {code: name for code, name in written.items() if read_region(name) != code} == {}
    assert sum(name != code for code, name in written.items()) > len(written) / 2
    assert write_region("", language) == ""


def test_a_name_that_looks_like_a_code_is_written_as_its_code() -> None:
    assert [write_region(code, "en") for code in ("SA-11", "SI-037")] == ["SA-11", "SI-037"]

"""A region is meant by its name in any language or by its code, and written by its name where that means one."""

from __future__ import annotations

import pytest

from campaigns.core.errors import InputError
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


def test_a_region_is_written_so_that_it_is_read_back() -> None:
    for language in ("en", "uk", "ar"):
        assert read_region(write_region("PL-18", language)) == "PL-18"
    assert write_region("", "en") == ""

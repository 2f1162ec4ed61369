"""A word that is nearly the name of something is told as such, in any script and with a typing error."""

from __future__ import annotations

import pytest

from campaigns.audience.files.nearly_named import MOST_TOLD, NearlyNamed

PLACES = NearlyNamed(
    {
        "p-1": ["Przemyśl station", "p-1"],
        "p-2": ["Medyka crossing", "p-2"],
        "p-3": ["Шегині", "p-3"],
        "p-4": ["Lviv bus station", "p-4"],
        "p-5": ["Kyiv", "p-5"],
    }
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Przemysl", ["p-1"]),
        ("PRZEMYŚL  STATION", ["p-1"]),
        ("Medika crosing", ["p-2"]),
        ("Шегини", ["p-3"]),
        ("Kiyv", ["p-5"]),
        # Too short to say which, and like nothing.
        ("bus", []),
        ("Warszawa Zachodnia", []),
        ("", []),
        ("...", []),
    ],
)
def test_what_is_nearly_called_so_is_found(text: str, found: list[str]) -> None:
    assert PLACES.find(text) == found


def test_likeliest_come_first_and_few_of_them() -> None:
    many = NearlyNamed({str(at): [f"Camp {at}"] for at in range(9)} | {"same": ["camp 3"]})
    assert many.find("Camp 3")[:2] == ["3", "same"]
    assert len(many.find("Camp 3")) == MOST_TOLD

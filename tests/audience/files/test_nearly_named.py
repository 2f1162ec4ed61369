"""A word that is nearly the name of something is told as such, in any script and with a typing error."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import product

import pytest

from campaigns.audience.file_telling import causes_of
from campaigns.audience.files import nearly_named
from campaigns.audience.files.cell_meanings import CellMeanings
from campaigns.audience.files.nearly_named import MOST_TOLD, NearlyNamed
from campaigns.core.errors import RowProblem
from campaigns.core.folding import words_of

PLACES = NearlyNamed(
    {
        "p-1": ["Przemyśl station", "p-1"],
        "p-2": ["Medyka crossing", "p-2"],
        "p-3": ["Шегині", "p-3"],
        "p-4": ["Lviv bus station", "p-4"],
        "p-5": ["Kyiv", "p-5"],
    }.items()
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
    many = NearlyNamed([*((str(at), [f"Camp {at}"]) for at in range(9)), ("same", ["camp 3"])])
    assert many.find("Camp 3")[:2] == ["3", "same"]
    assert len(many.find("Camp 3")) == MOST_TOLD


def test_hundreds_of_cells_among_a_thousand_places_are_few_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are folded once and not for each page, and a cell is compared with the few that share its letters."""
    places = [(f"p-{at}", f"{town} {at} {kind}") for at, (town, kind) in enumerate(product(TOWNS, KINDS))]
    cells = [f"{town[:-1]}a {at} {kind}" for at, (town, kind) in enumerate(product(TOWNS[:25], KINDS[:8]))]
    causes = causes_of(
        RowProblem(at, "place", "no place %(place)s", {"place": cell}) for at, cell in enumerate(cells)
    )
    folded, compared = list[str](), list[int]()

    def note_fold(text: str) -> list[str]:
        folded.append(text)
        return words_of(text)

    def note(word: str, among: list[str], n: int, cutoff: float) -> list[str]:
        compared.append(len(among))
        return get_close_matches(word, among, n=n, cutoff=cutoff)

    monkeypatch.setattr(nearly_named, "words_of", note_fold)
    monkeypatch.setattr(nearly_named, "get_close_matches", note)
    first, again = (CellMeanings(places, []).near(causes) for _ in range(2))
    assert (len(places), len(causes)) == (1000, 200)
    assert first == again
    assert len(folded) == 2 * len(places) + 2 * len(causes)
    assert max(compared) <= nearly_named.MOST_COMPARED
    assert sum(bool(near) for near in first.values()) > 190


@pytest.mark.parametrize("many", [False, True])
def test_some_of_many_places_are_listed_once_and_typed(many: bool) -> None:
    names = ["Gate", "gate", *(f"Camp {at}" for at in range(60 if many else 2))]
    meanings = CellMeanings([(f"p-{at}", name) for at, name in enumerate(names)], [])
    [cause] = causes_of([RowProblem(2, "place", "no place %(place)s", {"place": "Kamp"})])
    lists = meanings.long_lists([cause])
    # Of two places of one name the key says which.
    typed = [("p-0", "Gate"), ("p-1", "gate"), ("Camp 0", "Camp 0")]
    assert (lists["place"][:3], len(lists["place"])) == (typed, 50) if many else lists == {}


TOWNS = [
    f"{a}{b}{c}{d}"
    for a, b, c, d in product(("Kras", "Woln", "Zele", "Star", "Lubo"), "aeiou", ("gr", "mi"), "ad")
]
KINDS = ("station", "crossing", "camp", "school", "hall", "church", "office", "shelter", "gate", "market")

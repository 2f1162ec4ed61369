"""At a terminal, somebody who tries names of places reads here which place would be understood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from campaigns.places.geography.cells import cell_of, locate_cell
from campaigns.places.place_names.candidates import Candidate, Decision
from campaigns.places.place_names.geocoder import understand
from campaigns.places.place_names.name_search import Point


def name_places(texts: Iterable[str], *, language: str, near: Sequence[Point]) -> Iterator[str]:
    """Yield a line for each text: the place that is meant, what would be asked, or "nothing"."""
    for text in texts:
        yield _line_of(understand(text, language=language, near=near))


def _line_of(decision: Decision) -> str:
    if decision.place is not None:
        return _place_of(decision.place)
    return f"? {' | '.join(choice.shown for choice in decision.choices)}" if decision.choices else "nothing"


def _place_of(place: Candidate) -> str:
    cell = cell_of(place.longitude, place.latitude)
    return f"{place.shown}; {locate_cell(cell).region_code or 'no region'}; {cell:x}"

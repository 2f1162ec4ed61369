"""A cell that we do not know may mean a place, group or language that there is, and is perhaps nearly its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from campaigns.audience.file_telling import Cause
from campaigns.audience.files.nearly_named import NearlyNamed
from campaigns.audience.models import ContactGroup
from campaigns.core.languages import all_languages
from campaigns.places.models import Place
from campaigns.web.filters import language_name

#: What a cell is to say instead, and what members call that.
Choice = tuple[str, str]
#: Cells for which nearly the same is looked for: among thousands of places each takes long, and a member waits.
MOST_SEARCHED = 20


class CellMeanings:
    """What the cells of a file may mean that are none we know."""

    def __init__(self, places: Iterable[Place], groups: Iterable[ContactGroup]) -> None:
        self._choices: Mapping[str, Mapping[str, str]] = {
            "place": {place.key: place.name for place in places},
            "group": {group.name: group.name for group in groups},
            "language": {code: language_name(code) for code in all_languages()},
        }
        also = {code: (language.name, language.autonym) for code, language in all_languages().items()}
        self._nearly = {
            column: NearlyNamed({key: (key, name, *also.get(key, ())) for key, name in choices.items()})
            for column, choices in self._choices.items()
        }

    def choices(self, cause: Cause) -> list[Choice]:
        """Return all that the cell of a cause may mean."""
        return list(self._choices[_column(cause)].items())

    def near(self, causes: Iterable[Cause]) -> dict[tuple[str, str], list[Choice]]:
        """Return what is nearly called as the first cells are, by column and cell, the likeliest first."""
        explained = islice((cause for cause in causes if cause.cell), MOST_SEARCHED)
        return {(cause.problem.column, cause.cell): self._near(cause) for cause in explained}

    def _near(self, cause: Cause) -> list[Choice]:
        column = _column(cause)
        return [(key, self._choices[column][key]) for key in self._nearly[column].find(cause.cell)]


def _column(cause: Cause) -> str:
    return "language" if cause.problem.column == "other_language" else cause.problem.column

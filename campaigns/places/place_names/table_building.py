"""`python -m campaigns.places.place_names.table_building` makes the table of keys after list or folding changed.

Folding half a million names takes seconds: it is done here once, and not in each process that looks for a name.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from campaigns.places.place_names import name_table
from campaigns.places.place_names.place_keys import key_of


def build() -> dict[str, NDArray[Any]]:
    """Return the sorted keys, where the rows of each begin, and all rows, as they are bundled."""
    rows: dict[str, list[int]] = {}
    for row, names in _named_rows(name_table.read_list()):
        for key in sorted({key_of(name) for name in names} - {""}):
            rows.setdefault(key, []).append(row)
    keys = sorted(rows)
    return {
        "keys": np.frombuffer("\n".join(keys).encode(), np.uint8),
        "starts": np.cumsum([0, *(len(rows[key]) for key in keys)]).astype("<u4"),
        "rows": np.array([row for key in keys for row in rows[key]], "<u4"),
    }


def is_typed(name: str) -> bool:
    """Say whether anybody would type a name: the list begins its transcripts of other scripts in small letters."""
    return not (name[:1].isascii() and name[:1].islower())


def _named_rows(listed: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield where each line begins, and the names in it that somebody may type."""
    begins = 0
    for line in listed.splitlines(keepends=True):
        [fields] = csv.reader([line.decode()])
        yield begins, [fields[1], *filter(is_typed, fields[-1].split("|"))]
        begins += len(line)


if __name__ == "__main__":
    table = build()
    np.savez_compressed(
        Path(__file__).parents[1] / "data" / "gazetteer_names.npz",
        keys=table["keys"],
        starts=table["starts"],
        rows=table["rows"],
    )

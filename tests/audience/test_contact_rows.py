"""What is wrong with a file is counted whole and kept in part, however many of its rows are wrong."""

from __future__ import annotations

from campaigns.audience.contact_rows import WrongRows
from campaigns.core.errors import MOST_PROBLEMS, RowProblem


def test_all_wrong_rows_are_counted_and_the_first_ones_kept() -> None:
    wrong, many = WrongRows(), 20 * MOST_PROBLEMS
    assert not wrong
    for line in range(2, many + 2):
        wrong.note(RowProblem(line, "place", "there is no place"))
    # What is wrong with the same rows in another way comes later, as a batch is placed before it is grouped.
    for line in (2, 3):
        wrong.note(RowProblem(line, "group", "there is no group"))
    assert (wrong.rows, wrong.found, bool(wrong)) == (many, many + 2, True)
    assert [(each.line, each.column) for each in wrong.problems[:5]] == [
        *((line, column) for line in (2, 3) for column in ("place", "group")),
        (4, "place"),
    ]
    assert len(wrong.problems) == MOST_PROBLEMS
    assert sum(map(len, wrong._kept.values())) < 2 * MOST_PROBLEMS

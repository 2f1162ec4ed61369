"""What is wrong with a file is counted whole and kept in part, however many of its rows are wrong."""

from __future__ import annotations

from campaigns.audience.contact_rows import WrongRows
from campaigns.audience.file_telling import MOST_CAUSES, MOST_COUNTED, added_up, causes_of
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


def test_every_cause_is_counted_whole_however_many_there_are() -> None:
    wrong = WrongRows()
    for line in range(5_000, 2_000, -1):
        wrong.note(RowProblem(line, "number", "too short"))
        wrong.note(RowProblem(line, "number", "it stands in line %(line)s already", {"line": line - 1}))
        wrong.note(RowProblem(line, "place", "no place %(place)s", {"place": f"P{line}"}))
    assert [(cause.count, cause.lines) for cause in wrong.causes[:2]] == [(3_000, tuple(range(2_001, 2_011)))] * 2
    assert len(wrong.causes) == MOST_CAUSES
    assert wrong.problems[0].line == 2_001


def test_cause_of_most_rows_is_told_however_late_it_comes() -> None:
    wrong, others = WrongRows(), 10 * MOST_COUNTED
    for line in range(2, others):
        # Two rows each: they come before what has one row.
        wrong.note(RowProblem(line, "place", "no place %(place)s", {"place": f"P{line // 2}"}))
        wrong.note(RowProblem(line, "group", "no group %(group)s", {"group": f"G{line // 2}"}))
    for line in range(others, others + 500):
        wrong.note(RowProblem(line, "place", "no place %(place)s", {"place": "Medyka"}))
    wrong.note(RowProblem(others + 500, "language", "no language"))
    told = wrong.causes
    assert (told[0].count, told[0].problem.values) == (500, {"place": "Medyka"})
    # No other column leaves this one untold.
    assert (len(told), told[-1].problem.column) == (MOST_CAUSES, "language")
    assert wrong.untold == wrong.found - sum(cause.count for cause in told) > 0
    assert sum(map(len, wrong._tally._found.values())) <= 2 * MOST_COUNTED + 1


def test_causes_of_parts_are_added_up() -> None:
    parts = [causes_of(RowProblem(line, "number", "too short") for line in lines) for lines in ((7, 9), (2,))]
    (cause,) = added_up(*parts).causes
    assert (cause.count, cause.lines, cause.problem.line) == (3, (2, 7, 9), 2)

"""A report tells what a contact file says, and what an import did or would do, without an address. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypedDict, cast

from campaigns.audience.consent.sealed_words import AboutFile
from campaigns.audience.contact_rows import WrongRows, quoted
from campaigns.audience.file_telling import Cause, causes_of
from campaigns.audience.files.contact_reader import ContactFile, Ending
from campaigns.core.errors import MOST_PROBLEMS, MissingColumnsError, RowProblem


@dataclass(frozen=True, slots=True)
class Report:
    """What a dry run found, or an import did; no address is in it."""

    rows: int = 0
    #: Contacts that were (or would be) added, and known ones whose language or position was brought up to date.
    #: Who said stop counts as one of these, though nothing is written of them: a file must not tell of a stop.
    added: int = 0
    updated: int = 0
    #: Different numbers in the rows, where they were only counted.
    numbers: int = 0
    bad_rows: int = 0
    #: Rows that were left out, because another one with the same number counts; and which one that is.
    left_out: int = 0
    repeated: str = ""
    #: Numbers of people beside the one of each that is taken.
    other_numbers: int = 0
    #: The first lines where the number that is taken is not the first; one more than is told, if there are more.
    later_taken: Sequence[int] = ()
    #: "utf-8", "utf-16" or "cp1251": what the file was read as.
    encoding: str = ""
    #: The first bad rows, kept by template and values, so that each reader is told in their own language.
    problems: list[RowProblem] = field(default_factory=list)
    #: What is wrong by cause, with how many rows have it.
    causes: list[Cause] = field(default_factory=list)
    #: For how many rows a cause is not among these.
    untold: int = 0
    #: What the first line says, where it has to be said first which column is what: then nothing else is known.
    columns: list[str] = field(default_factory=list)


class ToldOfRows(TypedDict):
    """What a file holds and is not taken, as a report tells it."""

    left_out: int
    repeated: str
    other_numbers: int
    later_taken: Sequence[int]


def told_of_rows(ending: Ending) -> ToldOfRows:
    """Return what is told of what a file holds and is not taken."""
    return {
        "left_out": ending.left_out,
        "repeated": ending.repeated,
        "other_numbers": ending.other_numbers,
        "later_taken": ending.later_taken,
    }


def columns_to_name(error: MissingColumnsError) -> tuple[ContactFile, Report]:
    """Return a file of nobody, and a report of its first line: somebody has to say which column is what."""
    ending = Ending(str(error.values["coding"]), rows=0, good_rows=0, bad_rows=0, problems=[])
    named = cast(list[str], error.values["found"])
    return ContactFile(iter(()), ending), Report(columns=[quoted(name) for name in named])


def first_problems(ending: Ending, wrong: WrongRows) -> list[RowProblem]:
    """Return the first problems of a file, by line: of its rows, and of where they are placed and grouped."""
    return sorted([*ending.problems, *wrong.problems], key=lambda problem: problem.line)[:MOST_PROBLEMS]


def kept_of(report: Report) -> dict[str, Any]:
    """Return the counts of a report, which need not be sealed."""
    return {name: value for name, value in asdict(report).items() if name not in ("problems", "causes", "columns")}


def counts_of(report: Report) -> dict[str, int]:
    """Return what the audit log tells of an import."""
    return {"rows": report.rows, "added": report.added, "updated": report.updated}


def about_file(name: str, report: Report) -> AboutFile:
    """Return what is kept sealed of a file that was checked."""
    causes = [(cause.problem, cause.count, cause.lines) for cause in report.causes]
    return AboutFile(name, report.problems, report.columns, causes=causes)


def causes_in(about: AboutFile) -> list[Cause]:
    """Return what is wrong with a file by cause; of one of an earlier version only the first problems."""
    return [Cause(*cause) for cause in about.causes] or causes_of(about.problems)

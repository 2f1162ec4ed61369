"""A report tells what a contact file says, and what an import did or would do, without an address. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from campaigns.core.errors import RowProblem


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
    #: What the first line says, where it has to be said first which column is what: then nothing else is known.
    columns: list[str] = field(default_factory=list)

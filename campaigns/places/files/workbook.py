"""Rows of a workbook (XLSX, ECMA-376) come one by one: no sheet is ever in memory as a whole."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from posixpath import join, normpath
from typing import Any, BinaryIO
from xml.parsers.expat import ExpatError, ParserCreate

from campaigns.core.errors import FileFormatError, TooManyRowsError
from campaigns.core.words import N_

#: What a workbook may unpack to, in bytes, and how much of it is read at once.
MAX_UNPACKED, PIECE = 80_000_000, 1 << 16
#: Texts that cells share, and sheets.
MAX_TEXTS, MAX_SHEETS = 200_000, 50
#: Excel keeps no longer text in a cell.
LONGEST_TEXT = 32_767
#: What a cell with a formula is written as, whatever it came to.
FORMULA = "=…"

_WORKBOOK, _RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_TEXTS, _STYLES = "xl/sharedStrings.xml", "xl/styles.xml"
#: Numbers of the formats that Excel has built in for days.
_DAY_FORMATS = frozenset({14, 15, 16, 17, 22, *range(27, 37), *range(50, 59)})
#: What is no part of a format's letters.
_QUOTES = {'"': '"', "[": "]"}

Attributes = dict[str, str]


@dataclass(frozen=True, slots=True)
class Cells:
    """One row of a sheet that holds anything."""

    #: As a spreadsheet counts, from 1.
    line: int
    #: Text by column, counted from 0.
    texts: dict[int, str]


class Workbook:
    """A workbook that is open. Raises FileFormatError or TooManyRowsError, also while its rows are read."""

    def __init__(self, file: BinaryIO) -> None:
        self._unpacked = 0
        with _told():
            self._archive = zipfile.ZipFile(file)
            self._names = frozenset(self._archive.namelist())
            self._is_1904, sheets = self._sheets()
            self._days = self._day_styles()
            self._texts = self._shared()
        if not sheets:
            _refuse()
        if len(sheets) > MAX_SHEETS:
            raise TooManyRowsError(N_("The workbook has more than %(limit)s sheets."), limit=MAX_SHEETS)
        self._paths = sheets

    def sheets(self) -> Iterator[Iterator[Cells]]:
        """Give the rows of each sheet, in the order of the workbook."""
        return (self._rows(path) for path in self._paths)

    def _rows(self, path: str) -> Iterator[Cells]:
        reader = _SheetReader(self._texts, self._days, is_1904=self._is_1904)
        with _told():
            for _ in self._parse(path, reader.start, reader.end, reader.text):
                yield from reader.rows
                reader.rows.clear()

    def _sheets(self) -> tuple[bool, list[str]]:
        """Return whether days are counted from 1904, and where the sheets are."""
        is_1904, ids, targets = False, list[str](), dict[str, str]()

        def start(name: str, said: Attributes) -> None:
            nonlocal is_1904
            if name == "sheet":
                ids.append(next((value for key, value in said.items() if key.endswith(" id")), ""))
            elif name == "workbookPr":
                is_1904 = said.get("date1904") in ("1", "true")
            elif name == "Relationship":
                targets[said.get("Id", "")] = normpath(join("/xl", said.get("Target", ""))).lstrip("/")

        for path in (_WORKBOOK, _RELATIONS):
            self._read(path, start)
        return is_1904, [targets[id_] for id_ in ids if targets.get(id_) in self._names]

    def _day_styles(self) -> frozenset[int]:
        """Return the styles in which a number is a day."""
        own: dict[str, bool] = {}
        styles: list[str] = []
        within: list[str] = []

        def start(name: str, said: Attributes) -> None:
            within.append(name)
            if name == "numFmt":
                own[said.get("numFmtId", "")] = is_day_format(said.get("formatCode", ""))
            elif name == "xf" and "cellXfs" in within:
                styles.append(said.get("numFmtId", ""))

        if _STYLES in self._names:
            self._read(_STYLES, start, lambda name: within.pop())
        built_in = {str(number) for number in _DAY_FORMATS}
        return frozenset(at for at, style in enumerate(styles) if own.get(style, style in built_in))

    def _shared(self) -> list[str]:
        """Return the texts that cells share."""
        reader = _TextsReader()
        if _TEXTS in self._names:
            self._read(_TEXTS, reader.start, reader.end, reader.text)
        return reader.texts

    def _read(self, path: str, *handlers: Callable[..., Any]) -> None:
        for _ in self._parse(path, *handlers):
            pass

    def _parse(
        self,
        path: str,
        start: Callable[[str, Attributes], None],
        end: Callable[[str], Any] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> Iterator[None]:
        """Read a part of the archive piece by piece, and come back after each."""
        parser = ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = lambda name, said: start(name.rpartition(" ")[2], said)
        parser.EndElementHandler = None if end is None else lambda name: end(name.rpartition(" ")[2])
        parser.CharacterDataHandler = text
        # No workbook declares anything, and declarations can grow to any size.
        parser.StartDoctypeDeclHandler = _refuse
        with self._archive.open(path) as part:
            while piece := part.read(PIECE):
                self._unpacked += len(piece)
                if self._unpacked > MAX_UNPACKED:
                    raise TooManyRowsError(N_("The workbook unpacks to more than any report."))
                parser.Parse(piece)
                yield
            parser.Parse(b"", True)
            yield


@dataclass(slots=True)
class _TextsReader:
    """Collects shared texts; how they are pronounced (rPh) is no part of them."""

    texts: list[str] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _is_text: bool = False
    _is_spoken: bool = False

    def start(self, name: str, said: Attributes) -> None:
        if name == "si":
            self._parts = []
        self._is_spoken |= name == "rPh"
        self._is_text = name == "t" and not self._is_spoken

    def text(self, text: str) -> None:
        if self._is_text:
            self._parts.append(text)

    def end(self, name: str) -> None:
        self._is_text = False
        if name == "rPh":
            self._is_spoken = False
        elif name == "si":
            self.texts.append("".join(self._parts)[:LONGEST_TEXT])
            if len(self.texts) > MAX_TEXTS:
                raise TooManyRowsError(N_("The workbook has more than %(limit)s texts."), limit=f"{MAX_TEXTS:,}")


class _SheetReader:
    """Collects the rows of a sheet that hold anything, until somebody takes them away."""

    def __init__(self, texts: list[str], days: frozenset[int], *, is_1904: bool) -> None:
        self.rows: list[Cells] = []
        self._texts, self._days = texts, days
        self._first_day = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30)
        self._line = self._column = 0
        self._cells: dict[int, str] = {}
        self._kind = self._style = ""
        self._parts: list[str] = []
        self._is_value = self._is_formula = False

    def start(self, name: str, said: Attributes) -> None:
        if name == "row":
            # Rows and cells may leave out where they are: then they follow the one before.
            self._line = _whole(said.get("r", ""), self._line + 1)
            self._column, self._cells = -1, {}
        elif name == "c":
            self._column = column_of(said.get("r", ""), self._column + 1)
            self._kind, self._style = said.get("t", "n"), said.get("s", "")
            self._parts, self._is_formula = [], False
        elif name == "f":
            self._is_formula = True
        self._is_value = name in ("v", "t")

    def text(self, text: str) -> None:
        if self._is_value:
            self._parts.append(text)

    def end(self, name: str) -> None:
        self._is_value = False
        if name == "c":
            text = FORMULA if self._is_formula else self._written("".join(self._parts))
            if text:
                self._cells[self._column] = text[:LONGEST_TEXT]
        elif name == "row" and self._cells:
            self.rows.append(Cells(self._line, self._cells))

    def _written(self, value: str) -> str:
        """Return a cell as text: days as 2026-03-31, whole numbers without decimals."""
        if self._kind == "s":
            at = _whole(value, len(self._texts))
            return self._texts[at].strip() if at < len(self._texts) else ""
        if self._kind == "n":
            return self._number(value.strip())
        if self._kind == "b":
            return str(value.strip() == "1")
        if self._kind == "d":
            return value.strip().partition("T")[0]
        return "" if self._kind == "e" else value.strip()

    def _number(self, value: str) -> str:
        try:
            number = float(value)
        except ValueError:
            return value
        if _whole(self._style, -1) in self._days:
            return self._day(number) or value
        return str(int(number)) if number.is_integer() else repr(number)

    def _day(self, number: float) -> str:
        try:
            return (self._first_day + timedelta(days=number)).date().isoformat()
        except (OverflowError, ValueError):
            return ""


def column_of(reference: str, otherwise: int) -> int:
    """Return the column of a cell's name, counted from 0: 27 for "AB7"; `otherwise` for what is no name."""
    number = 0
    for letter in reference[:3]:
        if not "A" <= letter <= "Z":
            break
        number = number * 26 + ord(letter) - 64
    return number - 1 if number else otherwise


def is_day_format(code: str) -> bool:
    """Say whether a number in this format is a day: it has the letters of a day or a year outside quotes."""
    until, skips = "", False
    for letter in code.casefold():
        if skips or until:
            until = "" if letter == until else until
            skips = False
        elif letter in "\\_*":
            skips = True
        elif letter in _QUOTES:
            until = _QUOTES[letter]
        elif letter in "dy":
            return True
    return False


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else otherwise


def _refuse(*_: object) -> None:
    raise FileFormatError(N_("This is not a workbook that can be read. Save it again, or as CSV.")) from None


@contextmanager
def _told() -> Iterator[None]:
    """Turn what archive and XML can fail with into an error of ours."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, ExpatError, OSError, EOFError, LookupError, ValueError, RuntimeError):
        _refuse()

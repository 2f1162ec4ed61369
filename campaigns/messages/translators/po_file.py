"""Pure functions write texts as a PO file for Weblate or Poedit, and read one back entry by entry."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from gettext import c2py
from typing import Any, BinaryIO

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import PoFileError, read_po, write_po

from campaigns.core.errors import MOST_PROBLEMS, FileFormatError, RowProblem, RowsError, TooManyRowsError
from campaigns.core.words import N_
from campaigns.core.written_text import TEXT_LIMIT

MOST_ENTRIES, MOST_BYTES = 5_000, 10_000_000
#: Longest line of a header that is looked at, in letters.
_LONGEST_RULE = 1_000
_ENTRY = re.compile(r"^[^\S\n]*msgid\s", re.MULTILINE)
_CHARSET = re.compile(rb"^[^#\n]*charset=([\w.:-]+)", re.IGNORECASE | re.MULTILINE)
_CONTEXT = re.compile(r'^msgctxt\s+"(.*)"\s*$', re.MULTILINE)
#: Any line but a comment: a keyword, and a string that ends where the line does.
_LINE = re.compile(r'(?:(?:msgctxt|msgid|msgid_plural|msgstr(?:\[\d+\])?)\s+)?"(?:[^"\\]|\\.)*"')
_PLURALS = re.compile(r"nplurals\s*=\s*\d+\s*;\s*plural\s*=\s*(.+?);?\s*$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One text to be translated."""

    #: Context (msgctxt) by which it is known when it comes back: "message-7", or "message-7-sms".
    key: str
    #: The source text.
    source: str
    #: What there is already, or "".
    translation: str = ""
    #: It must be looked at again: a draft, or stale.
    is_fuzzy: bool = False
    #: What the translator should know, a line each.
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Returned:
    """One entry of a file that came back."""

    key: str
    source: str
    translation: str
    is_fuzzy: bool
    line: int


def write_catalogue(entries: Iterable[Entry], *, language: str, at: datetime) -> bytes:
    """Return the entries as a PO file in UTF-8, with context, comments and the maximum length of each."""
    catalogue = Catalog(
        locale=language,
        project="Fingerpost messages",
        creation_date=at,
        revision_date=at,
        fuzzy=False,
        header_comment="# Texts for people on the move. Leave ((…)) as it is: it is filled in on sending.",
    )
    for entry in entries:
        flags = {f"max-length:{TEXT_LIMIT}"} | ({"fuzzy"} if entry.is_fuzzy and entry.translation else set())
        catalogue.add(
            entry.source,
            entry.translation,
            context=entry.key,
            auto_comments=list(entry.comments),
            flags=flags,
        )
    written = io.BytesIO()
    write_po(written, catalogue, width=0)
    return written.getvalue()


def read_catalogue_file(file: BinaryIO, *, language: str) -> list[Returned]:
    """Read an open file, as `read_catalogue` does."""
    return read_catalogue(file.read(MOST_BYTES + 1), language=language)


def read_catalogue(content: bytes, *, language: str) -> list[Returned]:
    """Read what came back for a language; entries without a translation are left out.

    Raises FileFormatError for what is no PO file or one of another language, TooManyRowsError for one that is too
    long, and RowsError for entries that cannot be read.
    """
    if len(content) > MOST_BYTES:
        raise TooManyRowsError(N_("The file has more than %(limit)s MB."), limit=MOST_BYTES // 1_000_000)
    text = _decoded(content)
    # What the reader of PO files makes of one entry takes the longer, the more there are of the same.
    if len(_ENTRY.findall(text)) > MOST_ENTRIES + 1:
        raise TooManyRowsError(N_("The file has more than %(limit)s entries."), limit=MOST_ENTRIES)
    _check_lines(text)
    doubles = list(_doubles(text))
    if len(doubles) > MOST_PROBLEMS:
        raise RowsError(doubles)
    try:
        catalogue = read_po(io.StringIO(text), abort_invalid=True)
    except PoFileError as error:
        raise FileFormatError(N_("Line %(line)s is not what a PO file holds."), line=error.lineno + 1) from None
    except (ValueError, IndexError, KeyError):
        raise FileFormatError(N_("This is not a PO file.")) from None
    messages = [message for message in catalogue if message.id]
    if not messages:
        raise FileFormatError(N_("This PO file holds no text."))
    if len(messages) > MOST_ENTRIES:
        raise TooManyRowsError(N_("The file has more than %(limit)s entries."), limit=MOST_ENTRIES)
    _check_language(catalogue, language)
    problems = [*_header_problems(text), *doubles, *_problems(messages)]
    if problems:
        raise RowsError(sorted(problems, key=lambda problem: problem.line))
    return [_returned(message) for message in messages if message.string]


def _decoded(content: bytes) -> str:
    """Return the file as text, in the encoding that its header names."""
    content = content.removeprefix(codecs.BOM_UTF8)
    named = _CHARSET.search(content[:4096])
    charset = named.group(1).decode("ascii") if named else "utf-8"
    try:
        is_plain = b"\n".decode(charset) == "\n"
    except (LookupError, UnicodeError):
        is_plain = False
    if not is_plain:
        raise FileFormatError(N_("The file says that it is in “%(charset)s”. Save it in UTF-8."), charset=charset)
    lines, problems = [], []
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            lines.append(line.decode(charset).removesuffix("\r"))
        except UnicodeDecodeError:
            wrong = N_("holds bytes that are not %(charset)s, as the file says it is")
            problems.append(RowProblem(number, "", wrong, {"charset": charset.upper()}))
    if problems:
        raise RowsError(problems)
    return "\n".join(lines)


def _check_lines(text: str) -> None:
    """Raise FileFormatError for a line that no PO file holds, such as one that was cut off."""
    for number, line in enumerate(text.split("\n"), start=1):
        bare = line.strip()
        if bare and not bare.startswith("#") and not _LINE.fullmatch(bare):
            raise FileFormatError(N_("Line %(line)s is not what a PO file holds."), line=number)


def _check_language(catalogue: Catalog, language: str) -> None:
    stated = (catalogue.locale_identifier or "").partition("_")[0].partition("-")[0]
    if stated and stated.casefold() != language.partition("-")[0]:
        raise FileFormatError(
            N_("The file is in “%(stated)s”, not in “%(wanted)s”."), stated=stated, wanted=language
        )


def _header_problems(text: str) -> Iterator[RowProblem]:
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip().strip('"').removesuffix("\\n")
        if not stripped.startswith("Plural-Forms:"):
            continue
        found = _PLURALS.search(stripped) if len(stripped) <= _LONGEST_RULE else None
        try:
            form_of = c2py(found.group(1)) if found else None
        except ValueError:
            form_of = None
        if form_of is None:
            yield RowProblem(number, "Plural-Forms", N_("is no rule of plural forms"))
        return


def _doubles(text: str) -> Iterator[RowProblem]:
    seen: set[str] = set()
    line, counted = 1, 0
    for found in _CONTEXT.finditer(text):
        line, counted = line + text.count("\n", counted, found.start()), found.start()
        if found.group(1) in seen:
            yield RowProblem(line, found.group(1), N_("stands in the file twice"))
        seen.add(found.group(1))


def _problems(messages: Iterable[Message]) -> Iterator[RowProblem]:
    for message in messages:
        if message.pluralizable or not isinstance(message.string, str):
            yield _problem(message, N_("has plural forms, which no message has"))
        elif "\ufffd" in message.string:
            yield _problem(message, N_("holds signs that were lost in another encoding (�)"))


def _problem(message: Message, template: str) -> RowProblem:
    return RowProblem(_line_of(message), str(message.context or ""), template)


def _returned(message: Message) -> Returned:
    entry: Any = message
    return Returned(
        key=str(message.context or ""),
        source=str(entry.id),
        translation=str(entry.string),
        is_fuzzy=message.fuzzy,
        line=_line_of(message),
    )


def _line_of(message: Message) -> int:
    return message.lineno or 0

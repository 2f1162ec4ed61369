"""PO files carry context and limits out, and come back whole or with every fault named by its line."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import InputError, RowsError
from campaigns.core.languages import all_languages
from campaigns.messages.translators.po_file import Entry, read_catalogue, write_catalogue

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ENTRY = Entry("message-7", "Call ((hotline)).\nNow.", "Дзвоніть ((hotline)).\nЗараз.", comments=("Documents",))
HEADER = """msgid ""
msgstr ""
"Language: uk\\n"
"Content-Type: text/plain; charset=%s\\n"
"Plural-Forms: nplurals=3; plural=(n%%10==1 ? 0 : 1);\\n"

"""
BODY = 'msgctxt "message-7"\nmsgid "Call"\nmsgstr "Дзвоніть"\n'


def written(*entries: Entry, language: str = "uk") -> bytes:
    return write_catalogue(entries, language=language, at=NOON)


def problems(content: bytes) -> list[str]:
    with pytest.raises(RowsError) as caught:
        read_catalogue(content, language="uk")
    return [str(problem) for problem in caught.value.problems]


def test_file_says_context_limit_and_comments() -> None:
    text = written(ENTRY).decode()
    for expected in (
        'msgctxt "message-7"',
        "#, max-length:1600",
        "#. Documents",
        '"Language: uk\\n"',
        "charset=utf-8",
    ):
        assert expected in text


def test_what_comes_back_unchanged_is_what_went_out() -> None:
    (back,) = read_catalogue(written(ENTRY), language="uk")
    assert (back.key, back.source, back.translation) == (ENTRY.key, ENTRY.source, ENTRY.translation)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=80))
def test_any_text_survives_the_way_out_and_back(text: str) -> None:
    found = read_catalogue(written(Entry("message-1", "x" + text, text)), language="uk")
    assert len(found) <= 1
    assert all("\ufffd" in text or back.translation == text for back in found)


@pytest.mark.parametrize("language", all_languages())
def test_every_message_language_can_go_out(language: str) -> None:
    (back,) = read_catalogue(written(ENTRY, language=language), language=language)
    assert back.translation == ENTRY.translation


def test_unfinished_texts_are_marked() -> None:
    unfinished = Entry("message-1", "a", "b", is_fuzzy=True)
    (back,) = read_catalogue(written(unfinished, Entry("message-2", "c", "")), language="uk")
    assert (back.key, back.is_fuzzy) == ("message-1", True)


def test_older_encoding_is_read_as_the_header_says() -> None:
    content = (HEADER % "windows-1251" + BODY).encode("windows-1251")
    assert read_catalogue(content, language="uk")[0].translation == "Дзвоніть"


def test_bytes_of_another_encoding_are_told_by_line() -> None:
    content = (HEADER % "UTF-8").encode() + BODY.encode("windows-1251")
    assert problems(content) == ["Line 9: holds bytes that are not UTF-8, as the file says it is"]


def test_plural_forms_are_refused_by_entry() -> None:
    plural = 'msgctxt "message-8"\nmsgid "a"\nmsgid_plural "b"\nmsgstr[0] "c"\nmsgstr[1] "d"\n'
    assert problems((HEADER % "utf-8" + BODY + "\n" + plural).encode()) == [
        "Line 12, message-8: has plural forms, which no message has"
    ]


def test_wrong_rule_of_plural_forms_is_told() -> None:
    wrong = (HEADER % "utf-8").replace("n%10==1 ? 0 : 1", "import os")
    assert problems((wrong + BODY).encode()) == ["Line 5, Plural-Forms: is no rule of plural forms"]


def test_lost_signs_and_doubles_are_told() -> None:
    found = problems((HEADER % "utf-8" + BODY.replace("Дзвоніть", "Дзвон\ufffdть") + "\n" + BODY).encode())
    assert [each.partition(": ")[2] for each in found] == [
        "holds signs that were lost in another encoding (\ufffd)",
        "stands in the file twice",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no text"),
        (b"hello", "Line 1"),
        (b'msgid "a"\nmsgstr "b', "Line 2"),
        (b'msgid "a"\nmsgstr "b\\"', "Line 2"),
        ((HEADER % "utf-16" + BODY).encode(), "Save it in UTF-8"),
        ((HEADER % "hex" + BODY).encode(), "Save it in UTF-8"),
        ((HEADER % "utf-8" + BODY).replace("Language: uk", "Language: pl").encode(), "in “pl”, not in “uk”"),
        (b"\x00\x01\x02" * 50, "Line 1"),
        (b"PK\x03\x04" + b"\xff" * 40, "not UTF-8"),
    ],
)
def test_other_files_are_refused(content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_catalogue(content, language="uk")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    whole = ((HEADER % "utf-8") + BODY).encode() + b"\n" + content
    with suppress(InputError):
        entries = read_catalogue(whole, language="uk")
        assert "Call" in {entry.source for entry in entries}
        assert all(entry.translation for entry in entries)


def test_encoding_is_the_headers_and_not_a_comments() -> None:
    content = "# exported with charset=latin-1\n" + HEADER % "UTF-8" + BODY
    [entry] = read_catalogue(content.encode(), language="uk")
    assert entry.translation == "Дзвоніть"

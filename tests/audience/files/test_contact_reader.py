"""A contact file is read whole or told apart row by row, by the spreadsheet's own line numbers."""

from __future__ import annotations

import io
from typing import Any

import pytest

from campaigns.audience.file_telling import NOTHING_TOLD, FileTelling, WhichLine, causes_of
from campaigns.audience.files.contact_reader import ContactReader
from campaigns.audience.files.contact_reader import read_contacts as read_file
from campaigns.core.errors import FileFormatError, TooManyRowsError
from tests.audience.sheets import ContactSheet, read_contacts, read_out
from tests.factories import NOON

HEADER = "number,language,latitude,longitude,position_date,consent_date,consent_how"
GOOD = "+380501234567,uk,49.80,22.94,2026-03-01,2026-02-01,form A"


def read(*lines: str, header: str = HEADER, country: str | None = None, most: int = 100) -> ContactSheet:
    return read_contacts("\n".join([header, *lines]), default_country=country, max_rows=most, now=NOON)


def problem_of(line: str, **options: Any) -> str:
    sheet = read(GOOD, line, **options)
    assert [row.line for row in sheet.rows] == [2]
    [problem] = sheet.problems
    assert problem.line == 3
    return str(problem)


def test_good_row_is_read() -> None:
    [row] = read(GOOD).rows
    [handle] = row.handles
    assert (handle.text, handle.country, row.language) == ("+380501234567", "UA", "uk")
    assert row.position == (22.94, 49.8)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_read(separator: str) -> None:
    lines = [line.replace(",", separator) for line in (HEADER, GOOD)]
    assert len(read(lines[1], header=lines[0]).rows) == 1


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_line_that_tells_excel_the_separator_is_understood(end: str) -> None:
    lines = ["\ufeffsep=;", *(line.replace(",", ";") for line in (HEADER, GOOD)), "rubbish"]
    found = read_contacts(end.join(lines), default_country=None, max_rows=9, now=NOON)
    assert len(found.rows) == 1
    assert [problem.line for problem in found.problems][:1] == [3]


def test_columns_may_have_other_names() -> None:
    header = "Phone,Language,Lat,Lon,Position date,Consent date,Evidence"
    assert len(read(GOOD, header=header).rows) == 1


def test_two_names_of_one_column_are_refused() -> None:
    with pytest.raises(FileFormatError, match="more than once: number"):
        read(GOOD, header=HEADER.replace("latitude", "phone"))


def test_missing_column_is_named() -> None:
    with pytest.raises(FileFormatError, match="consent_how"):
        read(GOOD, header=HEADER.replace(",consent_how", ",other"))


def test_columns_are_found_in_any_spelling() -> None:
    header = '"Phone-number";МОВА;"Consent\ndate";Consent How'
    [row] = read("+380501234567;українська;01.02.2026;анкета", header=header).rows
    assert (row.language, row.consent_how, row.position) == ("uk", "анкета", None)


def test_old_line_endings_are_read() -> None:
    text = "\r".join([HEADER, GOOD])
    assert len(read_contacts(text, default_country=None, max_rows=9, now=NOON).rows) == 1


@pytest.mark.parametrize(
    "number", ['"=""+380501234567"""', "\u202d+380 50 123 45 67\u202c", "00380501234567", "+380\xa0(50) 123-45-67"]
)
def test_number_may_be_dressed_up(number: str) -> None:
    [row] = read(GOOD.replace("+380501234567", number)).rows
    assert row.handles[0].text == "+380501234567"


@pytest.mark.parametrize(
    "line",
    [
        "uk,+380501234567,49.80,22.94,2026-03-01,2026-02-01,form",
        "+380671234567,uk,49.80,22.94,067 123 45 67,2026-02-01,form",
        "+380671234567,uk,+380671234567,22.94,2026-03-01,2026-02-01,form",
        "3.80671E+11,uk,,,,2026-02-01,form",
    ],
)
def test_shifted_columns_do_not_leak_numbers(line: str) -> None:
    problem = problem_of(line)
    assert all(digits not in problem for digits in ("1234567", "123 45", "80671"))


def test_rows_with_too_many_cells_are_named() -> None:
    [problem] = read(GOOD, GOOD + ",extra").problems
    assert problem.line == 3


def test_lines_are_counted_as_a_spreadsheet_does() -> None:
    sheet = read(GOOD.replace("form A", '"form\nA"'), "", "nonsense,uk,,,,2026-02-01,form")
    assert [problem.line for problem in sheet.problems] == [4]


def test_rubbish_beyond_the_limit_is_not_read() -> None:
    header = HEADER + "\n"
    with pytest.raises(TooManyRowsError):
        read_contacts(header + "rubbish\n" * 100_001, default_country=None, max_rows=100_000, now=NOON)


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(TooManyRowsError, match="more than 2 rows"):
        read(GOOD, GOOD, GOOD, most=2)


def test_number_eaten_by_a_spreadsheet_is_explained() -> None:
    assert "format the column as text" in problem_of(GOOD.replace("+380501234567", "3.80671E+11"))


@pytest.mark.parametrize("number", ["12", "+3805012345", "hello", ""])
def test_number_that_no_phone_has_is_refused(number: str) -> None:
    assert "Line 3, number" in problem_of(GOOD.replace("+380501234567", number))


def test_country_is_never_guessed() -> None:
    local = GOOD.replace("+380501234567", "0671234567")
    assert "country code" in problem_of(local)
    assert read(local, country="UA").rows[0].handles[0].text == "+380671234567"


def test_consent_needs_its_evidence() -> None:
    assert "Line 3, consent_how" in problem_of("+380671234567,uk,,,,2026-02-01,")


def test_date_in_the_future_is_refused() -> None:
    assert "future" in problem_of("+380671234567,uk,,,,2026-03-09,form")


def test_second_row_of_one_number_names_the_first() -> None:
    assert "line 2" in problem_of(GOOD)


def test_second_row_far_from_the_first_is_found() -> None:
    others = [GOOD.replace("501234567", number) for number in ("671234567", "671234568")]
    text = "\n".join([HEADER, GOOD, *others, GOOD])
    sheet = read_contacts(text, default_country=None, max_rows=9, now=NOON, batch=2)
    assert [str(problem) for problem in sheet.problems] == [
        "Line 5, number: the same number stands in line 2 already."
    ]


def test_file_is_read_no_further_than_asked() -> None:
    lines = iter([f"{HEADER}\n", *(GOOD.replace("1234567", f"{number:07}") + "\n" for number in range(50))])
    reader = ContactReader(lines, telling=NOTHING_TOLD, max_rows=99, now=NOON)
    assert len(next(reader.batches(10))) == 10
    assert len(list(lines)) == 40


def test_unknown_language_is_named() -> None:
    assert "xx" in problem_of(GOOD.replace(",uk,", ",xx,").replace("501234567", "671234567"))


def test_position_outside_the_world_is_refused() -> None:
    assert "outside" in problem_of(GOOD.replace("49.80", "149.8").replace("501234567", "671234567"))


def test_channel_column_says_how_to_read() -> None:
    header = "channel,number,language,consent_date,consent_how"
    end = "uk,2026-02-01,form"
    sheet = read(
        f"WhatsApp,UA.a1,{end}",
        f"telegram,5550123,{end}",
        f",+380501234567,{end}",
        f"whatsapp,+380501234567,{end}",
        f"fax,+380501234567,{end}",
        header=header,
    )
    assert [(handle.channel, handle.text) for row in sheet.rows for handle in row.handles] == [
        ("whatsapp", "UA.a1"),
        ("telegram", "5550123"),
        ("sms", "+380501234567"),
        ("whatsapp", "+380501234567"),
    ]
    assert [str(problem) for problem in sheet.problems] == [
        "Line 6, channel: write sms, whatsapp or telegram; an empty cell means sms."
    ]


def test_a_row_may_name_several_handles() -> None:
    header = "number,whatsapp,telegram,language,consent_date,consent_how"
    end = "uk,2026-02-01,form"
    sheet = read(f"+380501234567,+380501234567,5550123,{end}", f",UA.a1,,{end}", header=header)
    assert [[(handle.channel, handle.text) for handle in row.handles] for row in sheet.rows] == [
        [("sms", "+380501234567"), ("whatsapp", "+380501234567"), ("telegram", "5550123")],
        [("whatsapp", "UA.a1")],
    ]


def test_faulty_handle_is_told_by_its_column() -> None:
    header = "number,whatsapp,telegram,channel,language,consent_date,consent_how"
    end = "uk,2026-02-01,form"
    sheet = read(
        f"+380501234567,,@olena,,{end}",
        f"UA.a1,UA.a2,,whatsapp,{end}",
        f",,,,{end}",
        header=header,
    )
    assert [(problem.line, problem.column) for problem in sheet.problems] == [
        (2, "telegram"),
        (3, "whatsapp"),
        (4, "number"),
    ]


def test_second_row_with_any_same_handle_is_refused() -> None:
    header = "number,telegram,language,consent_date,consent_how"
    end = "uk,2026-02-01,form"
    sheet = read(f"+380501234567,5550123,{end}", f"+380671234567,5550123,{end}", header=header)
    assert [str(problem) for problem in sheet.problems] == [
        "Line 3, number: the same number stands in line 2 already."
    ]


def test_google_contacts_are_read_with_what_is_said_of_all_of_them() -> None:
    text = "First Name,Phone 1 - Label,Phone 1 - Value\nOlena,Mobile,+380 50 123 4567 ::: +380501112233\n"
    said = {"language": "uk", "consent_date": "2026-02-01", "consent_how": "form"}
    sheet = read_contacts(text, default_country=None, max_rows=9, now=NOON, telling=FileTelling(None, said))
    [row] = sheet.rows
    assert [handle.text for handle in row.handles] == ["+380501234567"]
    assert (row.language, row.consent_how, row.consent_at.date().isoformat()) == ("uk", "form", "2026-02-01")


def test_what_a_row_says_counts_more_and_cells_mean_what_a_member_says() -> None:
    telling = FileTelling(None, {"language": "uk"}).understanding([("language", "Ukrainisch", "uk")])
    lines = [GOOD.replace(",uk,", ",UKRAINISCH,"), GOOD.replace(",uk,", ",ar,").replace("501234567", "671234567")]
    text = "\n".join([HEADER, *lines])
    sheet = read_contacts(text, default_country=None, max_rows=9, now=NOON, telling=telling)
    assert [row.language for row in sheet.rows] == ["uk", "ar"]
    assert FileTelling.from_line(telling.to_line()) == telling
    # As an earlier version kept it.
    assert [FileTelling.from_line(line) for line in ("", "UA")] == [FileTelling(), FileTelling("UA")]


@pytest.mark.parametrize(
    ("cell", "said"), [("Other; Unknwn", "Other;Shelter"), ("The  Unknwn|OTHER", "Shelter;OTHER"), ("", "")]
)
def test_one_name_of_several_in_a_cell_means_what_a_member_says(cell: str, said: str) -> None:
    telling = NOTHING_TOLD.understanding([("group", name, "Shelter") for name in ("Unknwn", "the unknwn")])
    assert telling.cell("group", cell) == said


def test_what_is_wrong_is_told_once_with_its_lines() -> None:
    lines = [GOOD.replace(",uk,", ",klingon,").replace("1234567", f"123456{at}") for at in range(3)]
    lines.append(GOOD.replace("+380501234567", "+38050"))
    causes = causes_of(
        read_contacts("\n".join([HEADER, *lines]), default_country=None, max_rows=9, now=NOON).problems
    )
    assert [(cause.count, cause.lines, cause.cell) for cause in causes] == [
        (3, (2, 3, 4), "klingon"),
        (1, (5,), ""),
    ]


def counting(which: WhichLine, *lines: str, header: str = HEADER) -> tuple[list[tuple[int, str]], int]:
    """Return the lines that count with their evidence, and how many are left out."""
    file = io.BytesIO("\n".join([header, *lines]).encode())
    found = read_file(file, max_rows=100, now=NOON, telling=NOTHING_TOLD.counting(which))
    taken = read_out(found)
    rows = [(row.line, row.consent_how) for rows in taken.people for row in rows]
    assert taken.ending.problems == []
    assert taken.ending.rows == len(lines)
    return rows, taken.ending.left_out


def test_first_or_last_line_of_a_number_counts() -> None:
    other = GOOD.replace("501234567", "671234567")
    lines = [GOOD, other, GOOD.replace("form A", "form B"), GOOD.replace("form A", "form C")]
    assert counting(WhichLine.FIRST, *lines) == ([(2, "form A"), (3, "form A")], 2)
    assert counting(WhichLine.LAST, *lines) == ([(3, "form A"), (5, "form C")], 2)


def test_line_is_left_out_only_for_one_that_counts() -> None:
    """The middle line shares the number of the one and the chat of the other, who are two people."""
    header = "number,telegram,language,consent_date,consent_how"
    lines = [
        "+380501234567,,uk,2026-02-01,a",
        "+380501234567,77,uk,2026-02-01,b",
        "+380671234567,77,uk,2026-02-01,c",
    ]
    for which in WhichLine:
        assert counting(which, *lines, header=header) == ([(2, "a"), (4, "c")], 1)


def test_choice_between_lines_is_kept_with_the_file() -> None:
    told = NOTHING_TOLD.counting("last").counting("nonsense")
    assert FileTelling.from_line(told.to_line()).repeated == WhichLine.LAST


@pytest.mark.parametrize(
    ("cells", "taken", "others", "lines"),
    [
        # The first is of a desk in Kyiv, the second is mobile.
        ("+380 44 279 1234 ::: +380501112233,", "+380501112233", 1, [2]),
        ("+380442791234,+380501112233 ::: +380671112233", "+380501112233", 2, [2]),
        (",+380671112233", "+380671112233", 0, []),
        ("none ::: +380442791234,", "+380442791234", 1, [2]),
        # Nothing tells the numbers of the United States apart.
        ("+12025550143 ::: +12025550144,+12025550143", "+12025550143", 1, []),
        # One number in two forms.
        ("+380 50 111 2233,+380501112233", "+380501112233", 0, []),
    ],
)
def test_first_mobile_number_of_several_is_taken(cells: str, taken: str, others: int, lines: list[int]) -> None:
    header = "Phone 1 - Label,Phone 1 - Value,Phone 12 - Value,language,consent_date,consent_how"
    text = f"{header}\nHome,{cells},uk,2026-02-01,form\n"
    found = read_out(read_file(io.BytesIO(text.encode()), max_rows=9, now=NOON))
    [row] = [row for rows in found.people for row in rows]
    assert (row.handles[0].text, found.ending.other_numbers, found.ending.later_taken) == (taken, others, lines)


def test_further_numbers_of_a_channel_are_counted() -> None:
    text = (
        "number,whatsapp,language,consent_date,consent_how\n,+380501112233 ::: +380671112233,uk,2026-02-01,form\n"
    )
    found = read_out(read_file(io.BytesIO(text.encode()), max_rows=9, now=NOON))
    assert [row.handles[0].text for rows in found.people for row in rows] == ["+380501112233"]
    assert found.ending.other_numbers == 1


def test_row_without_a_number_that_a_phone_can_have_says_so_once() -> None:
    problem = problem_of("12 ::: 13,uk,,,,2026-02-01,form")
    assert "Line 3, number" in problem

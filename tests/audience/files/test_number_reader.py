"""A list of numbers is told from a file of contacts, whatever its columns are called."""

from __future__ import annotations

import io

import pytest

from campaigns.audience.files import contact_reader
from campaigns.audience.files.number_reader import read_numbers
from campaigns.core.errors import FileFormatError

NUMBER = "+380501234567"


def numbers_of(text: str) -> list[str]:
    batches = read_numbers(io.BytesIO(text.encode()), default_country=None, max_rows=10)
    return [number for batch in batches for number in batch]


@pytest.mark.parametrize(
    "header",
    [
        "number,language",
        "Phone,Consent date",
        "телефон,згода",
        "iso3166-2,number,lang",
        "Phone 1 - Value;consent_how",
        "sep=;\nnumber;language",
        "\n\nnumber,language",
    ],
)
def test_file_of_contacts_is_no_list_of_numbers(header: str) -> None:
    with pytest.raises(FileFormatError, match="This is a file of contacts"):
        numbers_of(f"{header}\n{NUMBER},uk,uk\n")


def test_column_may_have_digits_in_its_name() -> None:
    assert numbers_of(f"note;Phone 1 - Value\nasked on 3 March;{NUMBER}\n") == [NUMBER]
    assert numbers_of(f"{NUMBER},asked on 3 March\n") == [NUMBER]


def test_endless_line_is_told_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_reader, "LONGEST_LINE", 500)
    with pytest.raises(FileFormatError, match="Line 2 has more than 500"):
        numbers_of(f"{NUMBER}\n{'x' * 501}\n")

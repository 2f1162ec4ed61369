"""Numbers in what somebody typed are found, and nothing else is."""

from __future__ import annotations

import re

import pytest

from campaigns.core.settings import PROJECT_ROOT
from campaigns.web.whole_numbers import whole_numbers


def numbers_in(text: str) -> list[str]:
    return re.findall(r'<bdi dir="ltr"(?: class="n")?>(.+?)</bdi>', whole_numbers(text))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("اتصل على +48 22 628 01 20 الآن", ["+48 22 628 01 20"]),
        ("رقمهم ٠٥٠ ١٢٣ ٤٥ ٦٧.", ["٠٥٠ ١٢٣ ٤٥ ٦٧"]),
        ("call (022) 628-01-20, or 800 012 948", ["(022) 628-01-20", "800 012 948"]),
        ("\u200e+48226280120.", ["+48226280120"]),
        ("0049 (0) 151 - 123 456 78", ["0049 (0) 151 - 123 456 78"]),
        ("الرقم:+48 22 628 01 20، Tel.+48226280120", ["+48 22 628 01 20", "+48226280120"]),
        ("+48 22 628 01 20/21/22, 0800 12 34 56: 8:00", ["+48 22 628 01 20/21/22", "0800 12 34 56"]),
        ("1 250 000,50 or 800012948,800012949", ["1 250 000,50", "800012948", "800012949"]),
        ("112, 15-47, at 18:30", []),
        ("في 30.11.2026 18:00", []),
        ("30.11.2026/1.12.2026", []),
        ("https://info.example/pl/12345678?a=1234567 a1234567@b.example", []),
    ],
)
def test_telephone_numbers_alone_are_kept_whole(text: str, numbers: list[str]) -> None:
    assert numbers_in(text) == numbers
    assert re.sub("</?bdi[^>]*>", "", whole_numbers(text)).replace("&#34;", '"') == text.replace("&", "&amp;")


def test_what_somebody_typed_stays_text() -> None:
    assert "<b>" not in whole_numbers("<b>+48 22 628 01 20</b>")


@pytest.mark.parametrize("sheet", ["static/inbox.css", "campaigns/web/people/data/people.css"])
def test_sheets_of_pages_with_such_texts_keep_a_number_on_one_line(sheet: str) -> None:
    style = (PROJECT_ROOT / sheet).read_text(encoding="utf-8").replace(" ", "")
    assert ".n{white-space:nowrap" in style

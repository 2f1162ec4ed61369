"""Every page for people is known to the bench and to the browser, and tells a browser's history nothing."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cache
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import Engine

from campaigns.web.people.public_words import public_languages
from tests.web.pages import Pages, make_pages
from tests.web.people.page_kinds import KINDS, answers_of
from tests.web.people.reader import Reader
from tests.web.people.scenery import furnish

#: One language in the ordinary suite; the others' titles have the same two parts.
LANGUAGES = [code if code == "ar" else pytest.param(code, marks=pytest.mark.long) for code in public_languages()]
#: What leads out of our pages: a call, and apps that open with a text; RFC 3966, RFC 5724 and the apps' own pages
#: say how they are written.
_OUTWARD = re.compile(
    r"tel:(\+?\d+|[\d*#]{2,})|sms:\+?\d+\?body=[\w-]+|https://wa\.me/[1-9]\d+\?text=[\w-]+"
    r"|https://t\.me/\w{5,32}(\?start=[\w-]{1,64})?|data:,"
)


@cache
def telling_words() -> dict[str, list[str]]:
    """Return how words begin, by language, that nobody with the phone in hand should read in its history."""
    with (Path(__file__).parent / "telling_words.csv").open(encoding="utf-8") as lines:
        return {row["language"]: row["words"].split() for row in csv.DictReader(lines)}


@pytest.fixture
def furnished(sqlite_engine: Engine) -> Iterator[Pages]:
    """Pages with something on each of them."""
    with make_pages(sqlite_engine) as pages:
        furnish(pages)
        yield pages


def test_every_page_has_a_kind(furnished: Pages) -> None:
    urls = furnished.app.url_map.bind("localhost")
    known = {
        urls.match(kind.at("uk"), method="GET" if kind.filled is None else "POST")[0]
        for kind in KINDS.values()
        if kind.status != 404
    }
    rules = [rule for rule in furnished.app.url_map.iter_rules() if rule.rule.startswith("/<language:")]
    # The way out from a code shows nothing of ours.
    shown = {rule.endpoint for rule in rules} - {"unnamed.leave_code"}
    assert shown | {"people.list_languages"} == known


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_address_leads_somewhere_and_one_to_a_number(furnished: Pages, language: str) -> None:
    reader, urls = Reader(furnished), furnished.app.url_map.bind("localhost")
    met = set()
    for kind in KINDS.values():
        if kind.filled is None:
            leads = set(map(unescape, re.findall(r'href="([^"]*)"', reader.look(kind, language).text)))
            assert any(re.fullmatch(rf"tel:.*|/{language}(/[a-z]{{2}})?", each) for each in leads), kind
            met |= leads
    outward = {each for each in met if not each.startswith("/")}
    assert [each for each in outward if not _OUTWARD.fullmatch(each)] == []
    assert {each.partition(":")[0] for each in outward} == {"tel", "sms", "https", "data"}
    for each in met - outward:
        assert urls.match(each)


def test_list_of_telling_words_has_all_languages() -> None:
    assert list(telling_words()) == sorted(public_languages())
    assert min(map(len, telling_words().values())) >= 10


@pytest.mark.parametrize("language", LANGUAGES)
def test_neither_title_nor_address_of_any_page_tells_anything(furnished: Pages, language: str) -> None:
    reader, words = Reader(furnished), [word for each in telling_words().values() for word in each]
    for name, kind in KINDS.items():
        page = reader.look(kind, language)
        assert (name, page.status_code) in [(name, status) for status in answers_of(kind.status)]
        (title,) = re.findall("<title>(.+?)</title>", page.text)
        kept = f"{unescape(title)} {kind.at(language)}".casefold()
        assert (name, [word for word in words if word in kept]) == (name, [])

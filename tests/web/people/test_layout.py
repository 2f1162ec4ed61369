"""Pages for people have one layout: no script, no cookie, a way out first, and nothing of members' pages."""

from __future__ import annotations

import gzip
import re
from html.parser import HTMLParser

import pytest
from sqlalchemy import Engine, func, select

from campaigns.schema import metadata
from campaigns.staff.models import Role
from campaigns.web.people.layout import exit_of
from campaigns.web.people.public_words import public_languages, public_words
from tests.web.pages import Pages, make_pages

ADDRESSES = ("/l", "/uk", "/uk/pl", "/ar/pl-18")
#: What no address or title says, so that a browser's history gives nobody away.
TELLING = ("help", "traffick", "report", "hotline", "victim", "shelter", "violence")
#: The need that says no more than a title does.
GENERAL = "need_information"


class Seen(HTMLParser):
    """Remembers what a page is made of, in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("address", ADDRESSES)
def test_page_is_light_and_asks_for_nothing(pages: Pages, address: str) -> None:
    answer = pages.client().get(address, headers={"Accept-Encoding": "gzip"})
    seen = Seen(gzip.decompress(answer.data).decode())
    assert answer.status_code == 200
    assert len(answer.data) <= 14_000
    assert "script-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers["Vary"]
    assert answer.headers["Cache-Control"].startswith("public, max-age=")
    assert {tag for tag, _ in seen.tags}.isdisjoint({"script", "img", "iframe", "object", "svg"})
    fetched = [values["href"] for tag, values in seen.tags if tag == "link"]
    assert fetched == ["data:,"]


@pytest.mark.parametrize("address", ["/uk/n", "/uk/pl/nothing"])
def test_what_nobody_keeps_is_light_too(pages: Pages, address: str) -> None:
    answer = pages.client().get(address, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert Seen(gzip.decompress(answer.data).decode()).tags[0][0] == "html"
    assert "ETag" not in answer.headers


@pytest.mark.parametrize("address", ADDRESSES)
def test_way_out_comes_first(pages: Pages, address: str) -> None:
    seen = Seen(pages.client().get(address).text)
    first = next(values for tag, values in seen.tags if tag in ("a", "button", "summary", "input"))
    assert str(first["href"]).startswith("/x")


@pytest.mark.parametrize("address", ADDRESSES)
def test_history_tells_nothing(pages: Pages, address: str) -> None:
    text = pages.client().get(address).text
    title = text.partition("<title>")[2].partition("</title>")[0].casefold()
    assert title
    assert [word for word in TELLING if word in title or word in address] == []


@pytest.mark.parametrize("language", public_languages())
def test_title_names_no_need_in_any_language(language: str) -> None:
    said = public_words(language)
    needs = [text for name, text in said.items() if name.startswith(("need_", "theme_")) and name != GENERAL]
    telling = {word for text in needs for word in re.findall(r"\w{4,}", text.casefold())}
    assert telling.isdisjoint(re.findall(r"\w{4,}", said["title"].casefold()))


def test_unchanged_page_is_not_sent_again(pages: Pages) -> None:
    client = pages.client()
    tag = client.get("/uk/pl").headers["ETag"]
    again = client.get("/uk/pl", headers={"If-None-Match": tag})
    assert (again.status_code, again.data, tag[:2]) == (304, b"", "W/")


def test_way_out_leads_elsewhere_and_lets_the_browser_forget(pages: Pages) -> None:
    client = pages.client()
    answer, unknown = client.get("/x/pl"), client.get("/x/aq")
    assert (answer.status_code, answer.location) == (303, "https://meteo.imgw.pl/")
    assert unknown.location == "https://www.wikipedia.org/"
    assert answer.headers["Clear-Site-Data"] == '"cookies", "storage"'
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("country", ["", "CZ", "DE", "HU", "MD", "PL", "RO", "SK", "UA"])
def test_every_way_out_is_a_whole_address_of_a_front_page(country: str) -> None:
    assert re.fullmatch(r"https://www\.[a-z.-]+/|https://meteo\.imgw\.pl/", exit_of(country))


@pytest.mark.parametrize(("asked_as", "forgets"), [("document", True), ("image", False), ("empty", False)])
def test_nobody_is_signed_out_by_a_picture_of_the_way_out(pages: Pages, asked_as: str, forgets: bool) -> None:
    answer = pages.client().get("/x", headers={"Sec-Fetch-Dest": asked_as})
    assert (answer.status_code, "Clear-Site-Data" in answer.headers) == (303, forgets)


def test_member_who_looks_is_nobody_there(pages: Pages) -> None:
    anonymous = pages.client().get("/uk/pl")
    signed_in = pages.client(pages.member(*Role)).get("/uk/pl")
    assert signed_in.text == anonymous.text
    assert "Set-Cookie" not in signed_in.headers


@pytest.mark.parametrize(
    "address", ["/uk/nothing", "/uk/pl/nothing", "/uk/xx-99", "/uk/xx-99/w", "/uk/xx-99/b", "/l/more", "/go/K7"]
)
def test_error_is_not_that_of_members(pages: Pages, address: str) -> None:
    answer = pages.client().get(address)
    assert answer.status_code == 404
    assert 'href="tel:112"' in answer.text
    assert "Fingerpost" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def test_dead_link_tells_who_can_help_where_it_led(own_pages: Pages) -> None:
    member = own_pages.client(own_pages.member(*Role))
    answer = member.get("/go/K7/PL-18", headers={"Accept-Language": "uk, en;q=0.5"})
    assert (answer.status_code, 'lang="uk"' in answer.text) == (404, True)
    assert 'href="/uk/pl"' in answer.text
    assert "Fingerpost" not in answer.text
    assert "Set-Cookie" not in answer.headers


def test_broken_page_still_names_a_number(own_pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks() -> object:
        raise RuntimeError

    own_pages.app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setitem(own_pages.app.view_functions, "help.show_country", lambda **values: breaks())
    answer = own_pages.client().get("/uk/pl")
    assert answer.status_code == 500
    assert 'href="tel:112"' in answer.text
    assert 'href="/uk/pl"' in answer.text


def test_visit_leaves_neither_row_nor_line(sqlite_engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with make_pages(sqlite_engine) as pages:
        before = _rows(pages)
        for address in (*ADDRESSES, "/x/pl", "/uk/nothing"):
            pages.client().get(address, headers={"Referer": "https://a.example/", "User-Agent": "Somebody"})
        assert _rows(pages) == before
    assert [word for word in ("Somebody", "a.example", "127.0.0.1", "/uk/pl") if word in caplog.text] == []


def test_people_and_members_have_hosts_of_their_own(sqlite_engine: Engine) -> None:
    with make_pages(sqlite_engine, people_url="http://info.example") as pages:
        client, people = pages.client(), {"base_url": "http://info.example"}
        assert client.get("/", **people).text == client.get("/l", **people).text
        assert client.get("/uk/pl", **people).status_code == 200
        staff = [client.get(each, **people) for each in ("/sign-in", "/places", "/static/fingerpost.css")]
        assert [each.status_code for each in staff] == [404, 404, 404]
        assert "Fingerpost" not in "".join(each.text for each in staff)
        assert [client.get(each).status_code for each in ("/uk/pl", "/l", "/x")] == [404, 404, 404]
        assert client.get("/sign-in").status_code == 200
        # Links that are in texts already lead on under both names.
        nowhere = [client.get("/go/NOBODYS", **host).text for host in (people, {})]
        assert "Fingerpost" not in "".join(nowhere)
        assert client.get("/health", **people).status_code in (200, 503)


@pytest.mark.parametrize("language", public_languages())
def test_tables_say_the_same_things(language: str) -> None:
    source, words = public_words("en"), public_words(language)
    assert list(words) == list(source)
    wanted = {name: _slots(text) for name, text in source.items()}
    assert {name: _slots(text) for name, text in words.items()} == wanted


def _slots(text: str) -> list[str]:
    return sorted(piece.partition("}")[0] for piece in text.split("{")[1:])


def _rows(pages: Pages) -> dict[str, int]:
    with pages.sessions() as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
        }

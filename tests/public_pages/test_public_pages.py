"""An administrator opens the directory to everybody, and a language is shown live after a member reviewed it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError
from campaigns.directory.models import EmergencyNumber
from campaigns.public_pages.models import PublicProfile
from campaigns.public_pages.queries import load_behind
from campaigns.public_pages.service import Profile, review_words, set_profile
from campaigns.staff.models import AuditEntry, Role
from campaigns.web.people.kept_pages import KEPT_FOR
from campaigns.web.people.layout import KEPT_WITH_NUMBERS
from campaigns.web.people.public_words import digest_of_words
from tests.factories import a_campaign, a_member, a_run, a_service, an_organisation
from tests.web.pages import Pages, make_pages

UK = "/settings/public-pages/texts/uk"


@pytest.fixture
def live(sqlite_engine: Engine) -> Iterator[Pages]:
    """A live instance whose one organisation has opened its pages."""
    with make_pages(sqlite_engine, mode="live", people_url="https://info.example") as pages:
        with pages.sessions.begin() as session:
            _open(session, pages)
        yield pages


def _open(session: Session, pages: Pages, **changes: object) -> None:
    values = {"is_open": True, "shown_name": "Corridor", "contact": "info@example.org"} | changes
    set_profile(session, pages.ours.id, Profile(**values), by=a_member(session, pages.ours, Role.ADMIN).id)  # type: ignore[arg-type]


def _read(pages: Pages, address: str) -> str:
    return pages.client().get(address, base_url="https://info.example").text


def _fit(client: FlaskClient, path: str) -> dict[str, str]:
    """What the form of a page sends by which a language is let to people."""
    found = re.search(r'name="digest" value="(\w+)"', client.get(path).text)
    assert found is not None
    return {"fit": "yes", "digest": found[1]}


def test_language_is_shown_live_once_a_reader_has_reviewed_it(live: Pages) -> None:
    assert 'lang="en"' in _read(live, "/uk/pl")
    assert "This page is not ready in" in _read(live, "/uk/pl")
    client = live.client(live.member(Role.APPROVER, languages=["uk"]))
    of_before = client.post(UK, data={"fit": "yes", "digest": "0" * 64})
    assert of_before.location == UK
    live.app.extensions["people"].kept.forget()
    assert '<html lang="en"' in _read(live, "/uk/pl")
    client.post(UK, data=_fit(client, UK))
    live.app.extensions["people"].kept.forget()
    page = _read(live, "/uk/pl")
    assert '<html lang="uk"' in page
    assert "переклала машина" not in page
    client.post(UK, data={"fit": "no"})
    live.app.extensions["people"].kept.forget()
    assert '<html lang="en"' in _read(live, "/uk/pl")


def test_language_of_the_country_is_shown_with_a_mark(live: Pages) -> None:
    page = _read(live, "/pl/pl")
    assert '<html lang="pl"' in page
    assert "przetłumaczyła maszyna" in page
    assert '<html lang="en"' in _read(live, "/pl/de")


def test_language_that_we_lack_is_said_to_be_lacking(live: Pages) -> None:
    page = _read(live, "/tr/pl")
    assert '<html lang="en"' in page
    assert "Turkish" in page


def test_whoever_asks_in_a_language_that_we_lack_reads_a_number_and_whose_languages_there_are(live: Pages) -> None:
    page = _read(live, "/tr/pl/w")
    assert "This page is not ready in <bdi>Turkish</bdi> yet. Here it is in <bdi>English</bdi>." in page
    assert 'href="tel:112"' in page
    assert 'href="/pl/pl/w"' in page


def test_country_without_a_verified_helpline_says_so_and_names_a_number(live: Pages) -> None:
    with live.sessions.begin() as session:
        a_service(session, live.ours, name="Of Poland", verified_on=clock.now().date())
    page = _read(live, "/en/sa")
    assert "We know of no helpline in <bdi>Saudi Arabia</bdi>" in page
    assert "Of Poland" not in page
    assert re.search(r'href="tel:\d+"', page)


def test_place_that_was_taken_down_shows_nothing_of_it_and_names_a_number(live: Pages) -> None:
    with live.sessions.begin() as session:
        a_service(session, live.ours, name="Ours", region_codes=["PL-18"], verified_on=clock.now().date())
    assert "Ours" in _read(live, "/en/pl-18")
    with live.sessions.begin() as session:
        _open(session, live, is_open=False)
    live.app.extensions["people"].kept.forget()
    page = _read(live, "/en/pl-18")
    assert "Ours" not in page
    assert "Corridor" not in page
    assert "We know of no helpline" in page
    form = live.client().get("/en/pl-18/w", base_url="https://info.example")
    assert form.status_code == 404
    assert "There is no such page" in form.text
    assert ['href="tel:112"' in each for each in (page, form.text)] == [True, True]


def test_pages_say_who_is_behind_them_as_far_as_they_want(live: Pages) -> None:
    assert "Behind this page: <bdi>Corridor</bdi>" in _read(live, "/en/pl")
    with live.sessions.begin() as session:
        _open(session, live, shown_name="")
    live.app.extensions["people"].kept.forget()
    page = _read(live, "/en/pl")
    assert "not named here" in page
    assert "info@example.org" in page


def test_closed_directory_is_not_shown(live: Pages) -> None:
    with live.sessions.begin() as session:
        a_service(session, live.ours, name="Ours", verified_on=clock.now().date())
        a_service(session, live.theirs, name="Theirs", verified_on=clock.now().date())
    page = _read(live, "/en/pl")
    assert "Ours" in page
    assert "Theirs" not in page


def test_review_is_of_what_was_read(session: Session) -> None:
    organisation = an_organisation(session)
    reader = a_member(session, organisation, Role.APPROVER, languages=["uk"])
    set_profile(session, organisation.id, Profile(is_open=True, contact="a@example.org"), by=reader.id)
    review_words(session, organisation.id, "uk", digest=digest_of_words("uk"), is_fit=True, by=reader)
    assert load_behind(session, digest_of_words).languages == {"uk"}
    assert load_behind(session, lambda language: "later words").languages == frozenset()
    with pytest.raises(RefusedError):
        review_words(session, organisation.id, "ps", digest=digest_of_words("ps"), is_fit=True, by=reader)


def test_pages_are_not_opened_without_anybody_to_write_to(session: Session) -> None:
    organisation = an_organisation(session)
    with pytest.raises(InputError):
        set_profile(session, organisation.id, Profile(is_open=True, contact=" "), by=1)
    assert load_behind(session, digest_of_words).organisation_ids == ()


def test_administrator_opens_the_pages(pages: Pages) -> None:
    client = pages.client(pages.member(Role.ADMIN))
    refused = client.post("/settings/public-pages/profile", data={"is_open": "y", "contact": ""})
    assert refused.status_code == 422
    client.post("/settings/public-pages/profile", data={"is_open": "y", "contact": "a@example.org"})
    assert "a@example.org" in client.get("/settings/public-pages").text
    assert "a@example.org" in pages.client().get("/en/pl").text


CONTACT = "/settings/public-pages/profile"


def _sent_to_people(pages: Pages) -> None:
    """Let the organisation be founded: a run of it went to people."""
    author = pages.member(Role.AUTHOR)
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        a_run(session, a_campaign(session, ours, session.merge(author))).started_at = clock.now()


@pytest.mark.both_databases
def test_another_contact_takes_two_administrators(pages: Pages) -> None:
    first, second = (pages.client(pages.member(Role.ADMIN)) for _ in range(2))
    first.post(CONTACT, data={"is_open": "y", "contact": "a@example.org"})
    _sent_to_people(pages)
    changed = first.post(CONTACT, data={"is_open": "y", "contact": "+48500100200", "shown_name": "Anna House"})
    address = changed.headers["Location"]
    assert "/proposals/" in address
    assert "a@example.org" in pages.client().get("/en/pl").text
    assert "Another contact waits" in first.get("/settings/public-pages").text
    first.post(f"{address}/agree")
    pages.app.extensions["people"].kept.forget()
    assert "a@example.org" in pages.client().get("/en/pl").text
    assert "+48500100200" in second.get(address).text
    assert second.post(f"{address}/agree").status_code == 302
    pages.app.extensions["people"].kept.forget()
    page = pages.client().get("/en/pl").text
    assert ("+48500100200" in page, "a@example.org" in page, "Anna House" in page) == (True, False, True)
    with pages.sessions() as session:
        assert "48500100200" not in str(session.execute(select(AuditEntry.detail)).all())


def test_contact_that_people_have_read_takes_two_where_no_campaign_ever_ran(pages: Pages) -> None:
    first, _second = (pages.client(pages.member(Role.ADMIN)) for _ in range(2))
    first.post(CONTACT, data={"contact": "mistyped@example.org"})
    first.post(CONTACT, data={"is_open": "y", "contact": "a@example.org"})
    for sent in ({"is_open": "y", "contact": "b@example.org"}, {"contact": "b@example.org"}):
        assert "/proposals/" in first.post(CONTACT, data=sent).headers["Location"]
    assert first.get("/settings/public-pages").text.count("The pages are closed.") == 1
    # What was to be closed is closed at once; closed pages are opened with another contact by two.
    with pages.sessions() as session:
        profile = session.scalars(select(PublicProfile)).one()
        assert (profile.is_open, profile.contact) == (False, "a@example.org")
    first.post(CONTACT, data={"contact": ""})
    assert (
        "/proposals/" in first.post(CONTACT, data={"is_open": "y", "contact": "b@example.org"}).headers["Location"]
    )


def test_whoever_takes_the_other_administrators_away_names_no_other_contact(pages: Pages) -> None:
    """One stolen account does not become the one whose word is enough."""
    first, second = (pages.member(Role.ADMIN) for _ in range(2))
    client = pages.client(first)
    client.post(CONTACT, data={"is_open": "y", "contact": "a@example.org"})
    _sent_to_people(pages)
    client.post(f"/settings/members/{second.id}/access", data={"active": "0"})
    sent = client.post(CONTACT, data={"is_open": "y", "contact": "b@example.org"})
    assert "/proposals/" in sent.headers["Location"]
    assert "a@example.org" in pages.client().get("/en/pl").text


def test_directory_is_read_with_that_of_others_once_two_agree(pages: Pages) -> None:
    """What one organisation shows stands on the pages of all: there one account must not be enough."""
    with pages.sessions.begin() as session:
        open_one = Profile(is_open=True, contact="theirs@example.org")
        set_profile(session, pages.theirs.id, open_one, by=pages.member(Role.ADMIN, organisation=pages.theirs).id)
    sent = pages.client(pages.member(Role.ADMIN)).post(CONTACT, data={"is_open": "y", "contact": "a@example.org"})
    assert "/proposals/" in sent.headers["Location"]
    assert "a@example.org" not in pages.client().get("/en/pl").text


def test_only_administrator_opens_pages_that_nobody_read_yet(pages: Pages) -> None:
    client = pages.client(pages.member(Role.ADMIN))
    _sent_to_people(pages)
    client.post(CONTACT, data={"is_open": "y", "contact": "a@example.org"})
    assert "a@example.org" in pages.client().get("/en/pl").text


def test_one_administrator_closes_the_pages_and_takes_the_contact_away(pages: Pages) -> None:
    client = pages.client(pages.member(Role.ADMIN))
    client.post(CONTACT, data={"is_open": "y", "contact": "a@example.org"})
    _sent_to_people(pages)
    client.post(CONTACT, data={"contact": ""})
    pages.app.extensions["people"].kept.forget()
    assert "a@example.org" not in pages.client().get("/en/pl").text


def test_number_that_died_is_gone_from_pages_within_a_minute(live: Pages) -> None:
    assert KEPT_FOR + timedelta(seconds=KEPT_WITH_NUMBERS) <= timedelta(minutes=1)
    with live.sessions.begin() as session:
        service_id = a_service(session, live.ours, verified_on=clock.now().date()).id
    assert "tel:+48226280120" in _read(live, "/en/pl")
    author = live.client(live.member(Role.AUTHOR))
    found = {"outcome": "silent", "how": "test call, local SIM", "on": clock.now().date().isoformat()}
    author.post(f"/directory/{service_id}/dead", data={f"dead-{name}": said for name, said in found.items()})
    live.app.extensions["people"].kept.forget()
    assert "tel:+48226280120" not in _read(live, "/en/pl")


def test_number_for_emergencies_says_how_it_is_known(live: Pages) -> None:
    assert "From a public list that nobody has checked" in _read(live, "/en/pl")
    member = live.member()
    with live.sessions.begin() as session:
        values = {"country": "PL", "number": "112", "document": "a law", "document_date": date(2026, 11, 2)}
        ours = {"organisation_id": live.ours.id, "member_id": member.id, "created_at": clock.now()}
        session.add(EmergencyNumber(**values, **ours))
    live.app.extensions["people"].kept.forget()
    assert "By a document of <bdi>2 Nov 2026</bdi>" in _read(live, "/en/pl")


def test_language_that_is_asked_for_is_asked_for_on_the_way(live: Pages) -> None:
    assert 'href="/uk/ua"' in _read(live, "/uk")
    assert '<html lang="uk"' in _read(live, "/uk/ua")


def test_page_that_is_missing_says_who_can_help(live: Pages) -> None:
    with live.sessions.begin() as session:
        a_service(session, live.ours, verified_on=clock.now().date())
    page = _read(live, "/en/pl/nothing")
    assert "tel:+48226280120" in page
    assert "Checked on" in page
    assert "Corridor" in page
    assert '<html lang="pl"' in _read(live, "/pl/pl/nothing")
    assert '<html lang="en"' in _read(live, "/pl/de/nothing")


def test_number_that_was_verified_too_long_ago_is_not_shown(live: Pages) -> None:
    with live.sessions.begin() as session:
        a_service(session, live.ours, name="Old", verified_on=clock.now().date() - timedelta(days=31))
    page = _read(live, "/en/pl")
    assert "Old" not in page
    assert "We know of no helpline" in page


def test_each_number_of_a_contact_stands_as_it_is_dialled_between_words_of_any_script(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        _open(session, pages, contact="+48 22 628 01 20")
        theirs = Profile(is_open=True, contact="واتساب +380 44 123 45 67")
        set_profile(session, pages.theirs.id, theirs, by=a_member(session, pages.theirs, Role.ADMIN).id)
    page = pages.client().get("/ar/pl").text
    for number in ("+48 22 628 01 20", "+380 44 123 45 67"):
        assert f'<bdi dir="ltr" class="n">{number}</bdi>' in page


@pytest.mark.parametrize("address", ["/l", "/en", "/en/pl/i", "/en/pl"])
def test_contact_that_was_taken_back_is_gone_from_every_page_within_a_minute(live: Pages, address: str) -> None:
    page = live.client().get(address, base_url="https://info.example")
    assert "info@example.org" in page.text
    assert KEPT_FOR + timedelta(seconds=int(page.cache_control.max_age or 0)) <= timedelta(minutes=1)


def test_form_that_stayed_open_does_not_open_pages_that_another_one_closed(pages: Pages) -> None:
    first, second = (pages.client(pages.member(Role.ADMIN)) for _ in range(2))
    sent = {"is_open": "y", "contact": "a@example.org", "shown_name": "Corridor"}
    first.post(CONTACT, data=sent)
    shown = re.findall(r'<input[^>]*name="(was_open)"[^>]*value="([^"]*)"', first.get(CONTACT).text)
    second.post(CONTACT, data={"contact": "a@example.org"})
    again = first.post(CONTACT, data=sent | dict(shown))
    assert (again.status_code, "The pages were closed meanwhile." in again.text) == (422, True)
    with pages.sessions() as session:
        assert not session.scalars(select(PublicProfile)).one().is_open
    shown = re.findall(r'<input[^>]*name="(was_open)"[^>]*value="([^"]*)"', again.text)
    assert first.post(CONTACT, data=sent | dict(shown)).status_code == 302
    with pages.sessions() as session:
        assert session.scalars(select(PublicProfile)).one().is_open


def test_whoever_reviewed_a_language_elsewhere_is_not_named(live: Pages) -> None:
    texts = "/settings/public-pages/texts"
    for code, organisation, name in (("uk", live.theirs, "Their Olena"), ("ro", live.ours, "Our Ion")):
        reader = live.member(Role.APPROVER, organisation=organisation, languages=[code], name=name)
        client, path = live.client(reader), f"{texts}/{code}"
        assert client.post(path, data=_fit(client, path)).location == "/settings/public-pages"
    page = live.client(live.member()).get("/settings/public-pages").text
    assert page.count("Reviewed</span>") == 2
    assert ("Our Ion" in page, "Their Olena" in page) == (True, False)

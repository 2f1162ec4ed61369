"""The pages of messages and services, as members of each role meet them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select

from campaigns.core import clock
from campaigns.directory.models import Service
from campaigns.messages.models import Message, Translation
from campaigns.messages.queries import current_texts
from campaigns.messages.text.bidi_numbers import LEFT_TO_RIGHT_MARK
from campaigns.staff.models import AuditEntry, Member, Role
from tests.factories import a_message, a_region, a_service
from tests.web.pages import Pages

NEW = {"title": "Documents", "theme": "docs_keep", "base_language": "en", "body": "Keep it. ((hotline))"}
LINE = {
    "name": "Line",
    "kind": "trafficking",
    "country": "pl",
    "region_codes": "pl-18, PL-14",
    "number_national": "800 100 100",
    "works_from_foreign_sim": "unknown",
    "languages_text": "PL, uk Mon & Thu",
    "hours_text": "Mon–Fri 08:30–16:30",
    "time_zone": "Europe/Warsaw",
    "operator_type": "ngo",
    "source": "example.org",
    "is_sourced": "y",
}


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """SQLite only: what differs between the databases is tested below the pages."""
    return sqlite_engine


@pytest.fixture
def writer(pages: Pages) -> Member:
    return pages.member(Role.AUTHOR)


@pytest.fixture
def author(pages: Pages, writer: Member) -> FlaskClient:
    return pages.client(writer)


@pytest.fixture
def approver(client_for: Callable[..., FlaskClient]) -> FlaskClient:
    return client_for(Role.APPROVER)


def add(pages: Pages, make: Callable[..., Any], *args: Any, **changes: Any) -> int:
    with pages.sessions.begin() as session:
        return int(make(session, pages.ours, *args, **changes).id)


def counted(pages: Pages, model: type[Message | Translation | Service]) -> int:
    with pages.sessions() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def sendable(pages: Pages, message_id: int) -> dict[str, str]:
    with pages.sessions() as session:
        return current_texts(session.get_one(Message, message_id))


def service_of(pages: Pages, service_id: int) -> Service:
    with pages.sessions() as session:
        return session.get_one(Service, service_id)


def test_empty_pages_say_what_to_do(author: FlaskClient) -> None:
    assert "No message is written yet." in author.get("/messages").text
    assert "Load the work list" in author.get("/directory").text


def test_many_messages_are_cut_and_found_by_theme_and_title(pages: Pages, author: FlaskClient) -> None:
    with pages.sessions.begin() as session:
        for number in range(55):
            theme = "aid_is_free" if number % 2 else "docs_keep"
            a_message(
                session,
                pages.ours,
                {"uk": "Так."},
                title=f"Документи {number:02}",
                theme=theme,
                base_language="uk",
            )

    def titles(address: str) -> list[str]:
        return re.findall(r"Документи \d\d", author.get(address).text)

    assert len(titles("/messages")) == 50
    following = re.search(r'rel="next" href="([^"]+)"', author.get("/messages").text)
    assert following
    assert titles(following[1]) == [f"Документи {number:02}" for number in (1, 3, 0, 2, 4)]
    assert len(titles("/messages?theme=aid_is_free")) == 27
    assert titles("/messages?find=ДОКУМЕНТИ+17") == ["Документи 17"]
    assert "No message is like that." in author.get("/messages?find=nothing").text


def test_new_message_proposes_the_language_of_the_page(author: FlaskClient) -> None:
    assert '<option selected value="en">' in author.get("/messages/new").text


def test_new_message_opens_at_its_base_language(pages: Pages, author: FlaskClient) -> None:
    answer = author.post("/messages/new", data=NEW, follow_redirects=True)
    assert answer.request.path.endswith("/en")
    assert "Keep it. ((hotline))" in answer.text
    assert "Documents" in author.get("/messages").text


def test_wrong_message_is_told_beside_the_field(pages: Pages, author: FlaskClient) -> None:
    for name, value, words in (
        ("body", "Call ((a.__class__))", "((a.__class__)) is not an automatic field"),
        ("body", "Call ((hotline", "not closed"),
        ("body", "  ", "Write the text in the source language"),
        ("body", "a\x07", "cannot be sent (U+0007)"),
        ("title", "", "This field is required"),
        ("base_language", "xx", "Not a valid choice"),
    ):
        answer = author.post("/messages/new", data=NEW | {name: value})
        assert (answer.status_code, words in answer.text) == (422, True), words
    assert counted(pages, Message) == counted(pages, Translation) == 0


def test_translation_is_written_and_reviewed(pages: Pages, author: FlaskClient, approver: FlaskClient) -> None:
    message_id = add(pages, a_message, {"en": "Keep it. ((hotline))"})
    page = f"/messages/{message_id}/uk"
    assert "Not written yet" in author.get(page).text
    author.post(page, data={"body": "Тримайте. ((hotline))"})
    assert "Waiting for review" in author.get(page).text
    assert approver.post(f"{page}/review", data={"seen": seen_on(approver, page)}).status_code == 302
    assert sendable(pages, message_id)["uk"] == "Тримайте. ((hotline))"


def seen_on(client: FlaskClient, page: str) -> str:
    return client.get(page).text.partition('name="seen" value="')[2].partition('"')[0]


def test_base_edit_shows_the_others_stale(pages: Pages, author: FlaskClient) -> None:
    message_id = add(pages, a_message)
    author.post(f"/messages/{message_id}/en", data={"body": "Keep your passport with you."})
    assert "Out of date: the source text changed" in author.get(f"/messages/{message_id}/uk").text
    assert "Save and confirm that it fits the source text" in author.get(f"/messages/{message_id}/uk").text
    assert sendable(pages, message_id) == {}


def test_placeholders_must_match_the_base_text(pages: Pages, author: FlaskClient) -> None:
    message_id = add(pages, a_message, {"en": "Call ((hotline))"})
    answer = author.post(f"/messages/{message_id}/uk", data={"body": "Телефонуйте"})
    assert answer.status_code == 422
    assert "The source text has ((hotline)), the translation has not." in answer.text
    assert "Телефонуйте" in answer.text
    assert counted(pages, Translation) == 1


def test_writer_cannot_review(pages: Pages) -> None:
    both = pages.client(pages.member(Role.AUTHOR, Role.APPROVER))
    page = both.post("/messages/new", data=NEW, follow_redirects=True).request.path
    assert "another member must review it" in both.get(page).text
    answer = both.post(f"{page}/review", data={})
    assert answer.status_code == 409
    assert "Whoever wrote a text cannot review it" in answer.text


def test_review_of_an_older_text_is_refused(pages: Pages, author: FlaskClient, approver: FlaskClient) -> None:
    page = author.post("/messages/new", data=NEW, follow_redirects=True).request.path
    seen = seen_on(approver, page)
    author.post(page, data={"body": "Something else ((hotline))"})
    assert approver.post(f"{page}/review", data={"seen": seen}).status_code == 409


def test_readers_get_no_form(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    message_id = add(pages, a_message)
    page = client_for(Role.RESPONDER).get(f"/messages/{message_id}/en").text
    assert "<textarea" not in page
    assert "Keep your passport." in page


def test_text_stands_in_its_own_direction(pages: Pages, author: FlaskClient) -> None:
    message_id = add(pages, a_message, {"en": "Call ((hotline))", "ar": "اتصل ((hotline))"})
    add(pages, a_service, verified_on=clock.now().date())
    page = author.get(f"/messages/{message_id}/ar").text
    assert '<p class="bubble" lang="ar" dir="rtl">' in page
    assert f'<bdi dir="ltr" class="hotline">{LEFT_TO_RIGHT_MARK}+48 22 628 01 20</bdi>' in page
    assert re.search(r'<textarea[^>]* dir="rtl"[^>]* lang="ar"', page)


def test_language_can_be_added(pages: Pages, author: FlaskClient) -> None:
    message_id = add(pages, a_message)
    answer = author.get(f"/messages/{message_id}/languages?language=ro")
    assert answer.location == f"/messages/{message_id}/ro"
    assert author.get(f"/messages/{message_id}/languages?language=xx").location == f"/messages/{message_id}"
    assert author.get(f"/messages/{message_id}/xx").status_code == 404


def test_title_and_theme_are_changed(pages: Pages, author: FlaskClient) -> None:
    message_id = add(pages, a_message)
    author.post(f"/messages/{message_id}/details", data={"title": "Papers", "theme": "aid_is_free"})
    page = author.get("/messages").text
    assert "Papers" in page
    assert "Aid is free" in page


def test_parts_are_measured_while_writing(author: FlaskClient) -> None:
    answer = author.post("/messages/measure", data={"body": "Don’t\r\ngo ((place))", "language": "en"})
    assert "1 SMS ·" in answer.text
    assert "55 characters left" in answer.text
    assert "<kbd><bdi>’</bdi></kbd>" in answer.text
    assert "is not an automatic field" in author.post("/messages/measure", data={"body": "((x))"}).text


def test_unverified_hotline_stays_open_in_the_preview(author: FlaskClient) -> None:
    answer = author.post("/messages/measure", data={"body": "Call ((hotline))", "language": "en"})
    assert "No verified service can be named yet" in answer.text


def test_work_list_is_loaded_to_be_verified(pages: Pages, author: FlaskClient) -> None:
    page = author.post("/directory/load", follow_redirects=True).text
    assert "50 services added. Each must be verified before it is used." in page
    assert "39 services must be verified" in page
    assert counted(pages, Service) == 50
    assert "KCIK" not in author.get("/directory?trust=verified").text
    assert "KCIK" in author.get("/directory?trust=due&country=PL&kind=trafficking").text


def test_service_is_verified_with_date_and_way(pages: Pages, writer: Member) -> None:
    reviewer = pages.member(Role.APPROVER)
    author, approver = pages.client(writer), pages.client(reviewer)
    service_id = add(pages, a_service, verified_on=None)
    today = clock.now().date()
    data = {"on": today.isoformat(), "how": "test call, local SIM"}
    assert author.post(f"/directory/{service_id}/verify", data=data).status_code == 403
    assert approver.post(f"/directory/{service_id}/verify", data=data).status_code == 302
    service = service_of(pages, service_id)
    assert (service.verified_on, service.verified_by_id) == (today, reviewer.id)
    assert "Test call from a local SIM" in author.get(f"/directory/{service_id}").text


def test_service_that_does_not_answer_is_not_used(
    pages: Pages, author: FlaskClient, client_for: Callable[..., FlaskClient]
) -> None:
    service_id = add(pages, a_service, verified_on=clock.now().date())
    data = {"dead-on": clock.now().date().isoformat(), "dead-how": "test call, local SIM"}
    data |= {"dead-outcome": "silent"}
    page = author.post(f"/directory/{service_id}/dead", data=data, follow_redirects=True).text
    assert "nobody is pointed to this service until it answers" in page
    assert service_of(pages, service_id).verified_on is None
    assert "Nobody answers: do not use it" in author.get(f"/directory/{service_id}").text
    told = client_for(Role.VIEWER).get("/").text
    assert ("La Strada" in told, "Nobody answers" in told) == (True, True)


@pytest.mark.parametrize("role", Role)
def test_marking_a_number_dead_takes_one_member(
    pages: Pages, client_for: Callable[..., FlaskClient], role: Role
) -> None:
    """Whoever may stop a run, and that is everybody but a viewer."""
    service_id = add(pages, a_service, verified_on=clock.now().date())
    data = {"dead-on": clock.now().date().isoformat(), "dead-how": "test call, local SIM"}
    data |= {"dead-outcome": "silent"}
    client_for(role).post(f"/directory/{service_id}/dead", data=data)
    assert (service_of(pages, service_id).verified_on is None) == (role != Role.VIEWER)


def test_choice_says_why_this_one_and_not_the_others(pages: Pages, author: FlaskClient) -> None:
    add(pages, lambda session, _ours: a_region(session))
    today = clock.now().date()
    add(pages, a_service, name="Near", region_codes=["PL-18"], verified_on=today)
    add(pages, a_service, name="Silent", verified_on=None)
    query = "place=PL-18&language=uk&sim=abroad&kind=trafficking"
    page = author.get(f"/directory/choose?{query}").text
    for words in (
        "covers the region",
        "answers in Ukrainian",
        "can be dialled from a foreign SIM",
        "was never verified",
    ):
        assert words in page
    none = author.get(f"/directory/choose?{query.replace('uk', 'ar')}").text
    assert "Podkarpackie Voivodeship): none is known to answer in Arabic" in none


def test_preview_says_why_each_signpost_is_chosen(pages: Pages, author: FlaskClient) -> None:
    add(pages, a_service, verified_on=clock.now().date())
    message_id = add(pages, a_message, {"en": "Call ((hotline))."})
    page = author.get(f"/messages/{message_id}/en").text
    assert "covers the country · answers in English" in page
    assert "/directory/choose?place=PL&amp;language=en&amp;sim=home" in page


def sheet(text: str) -> dict[str, Any]:
    return {"file": (io.BytesIO(text.encode()), "services.csv")}


def test_sheet_is_checked_then_imported(pages: Pages, author: FlaskClient) -> None:
    add(pages, a_service, key="line", verified_on=None)
    text = author.get("/directory/services.csv").text.replace("La Strada", "Other name")
    checked = author.post("/directory/import", data=sheet(text) | {"check": "1"})
    assert (checked.status_code, "1 would change." in checked.text) == (200, True)
    assert service_names(pages) == ["La Strada"]
    assert author.post("/directory/import", data=sheet(text)).status_code == 302
    assert service_names(pages) == ["Other name"]


def test_sheet_makes_proposals_that_are_agreed_to_together(
    pages: Pages, author: FlaskClient, approver: FlaskClient
) -> None:
    """Each is recorded for itself, and one that was not chosen goes on waiting."""
    keys = [add(pages, a_service, key=f"line-{index}", verified_on=clock.now().date()) for index in range(3)]
    text = author.get("/directory/services.csv").text.replace("La Strada", "Other name")
    checked = author.post("/directory/import", data=sheet(text) | {"check": "1"})
    assert "would have to agree to the changes of 3" in checked.text
    answer = author.post("/directory/import", data=sheet(text))
    assert (answer.location, service_names(pages)) == ("/proposals", ["La Strada"] * 3)
    assert 'name="proposal"' not in author.get("/proposals/together").text
    page = approver.get("/proposals/together").text
    assert page.count("Other name") == 3
    ids = re.findall(r'name="proposal" value="(\d+)"', page)
    assert len(ids) == 3
    assert author.post("/proposals/together", data={"proposal": ids}).status_code == 409
    assert approver.post("/proposals/together", data={"proposal": ids[:2]}).status_code == 302
    assert sorted(service_names(pages)) == ["La Strada", "Other name", "Other name"]
    with pages.sessions() as session:
        agreed = select(func.count()).select_from(AuditEntry).where(AuditEntry.action == "proposal.agree")
        assert session.scalar(agreed) == 2
        assert session.get_one(Service, keys[2]).name == "La Strada"


def test_wrong_sheet_changes_nothing(pages: Pages, author: FlaskClient) -> None:
    add(pages, a_service, key="line")
    text = "id,name,phones/0/number\nline,Other name,116 111\nother,Line,call me\n"
    answer = author.post("/directory/import", data=sheet(text))
    assert (answer.status_code, "cannot be dialled" in answer.text) == (422, True)
    assert service_names(pages) == ["La Strada"]


def service_names(pages: Pages) -> list[str]:
    with pages.sessions() as session:
        return list(session.scalars(select(Service.name)))


def test_wrong_verification_is_told(pages: Pages, approver: FlaskClient) -> None:
    service_id = add(pages, a_service, verified_on=None)
    right = {"on": "2026-03-01", "how": "test call, local SIM"}
    for name, value, words in (
        ("on", "2999-01-01", "cannot be verified on a day to come"),
        ("on", "", "This field is required"),
        ("on", "31.02.2026", "Not a valid date value"),
        ("how", "", "This field is required"),
        ("how", "a feeling", "Not a valid choice"),
    ):
        answer = approver.post(f"/directory/{service_id}/verify", data=right | {name: value})
        assert (answer.status_code, words in answer.text) == (422, True), words
    assert service_of(pages, service_id).verified_on is None


def test_service_whose_last_day_is_over_is_not_verified(pages: Pages, approver: FlaskClient) -> None:
    """Else its page would say that texts may name it, and none does."""
    service_id = add(pages, a_service, verified_on=None, expires_on=date(2026, 2, 28))
    assert "It answers: verify it" not in approver.get(f"/directory/{service_id}").text
    data = {"on": "2026-03-01", "how": "test call, local SIM"}
    refused = approver.post(f"/directory/{service_id}/verify", data=data)
    assert (refused.status_code, "Its last day is over" in refused.text) == (409, True)
    assert service_of(pages, service_id).verified_on is None


def test_unsourced_service_offers_no_verification(pages: Pages, approver: FlaskClient) -> None:
    service_id = add(pages, a_service, verified_on=None, source_status="from general knowledge")
    assert "It answers: verify it" not in approver.get(f"/directory/{service_id}").text
    data = {"on": "2026-03-01", "how": "test call, local SIM"}
    assert approver.post(f"/directory/{service_id}/verify", data=data).status_code == 409


@pytest.fixture
def regions(pages: Pages) -> None:
    add(pages, lambda session, _ours: a_region(session))
    add(pages, lambda session, _ours: a_region(session, code="PL-14"))


def test_new_service_says_nothing_that_nobody_said(author: FlaskClient) -> None:
    page = author.get("/directory/new").text
    assert page.count('<option selected value="unknown">') == 2, "of foreign SIM cards, and of who answers"
    assert '<option value="PL">Poland</option>' in page


@pytest.mark.usefixtures("regions")
def test_service_is_added_by_hand(pages: Pages, author: FlaskClient) -> None:
    page = author.post("/directory/new", data=LINE, follow_redirects=True).text
    assert "This number must be verified before it is used." in page
    with pages.sessions() as session:
        service = session.scalars(select(Service)).one()
    assert (service.country, service.region_codes, service.languages) == ("PL", ["PL-18", "PL-14"], ["pl", "uk"])
    assert service.hours["fri"] == [["08:30", "16:30"]]
    assert service.source_status == "sourced"


@pytest.mark.usefixtures("regions")
@pytest.mark.parametrize("named", ["Podkarpackie, Mazowieckie", "Підкарпатське воєводство; PL-14", "pl-18, PL-14"])
def test_regions_of_a_service_are_named_in_any_language(pages: Pages, author: FlaskClient, named: str) -> None:
    author.post("/directory/new", data=LINE | {"region_codes": named})
    with pages.sessions() as session:
        assert session.scalars(select(Service)).one().region_codes == ["PL-18", "PL-14"]


@pytest.mark.usefixtures("regions")
def test_wrong_service_is_told(pages: Pages, author: FlaskClient) -> None:
    for name, value, words in (
        ("number_national", "call me", "Use digits, spaces, hyphens"),
        ("number_national", "", "at least one number"),
        ("hours_text", "now and then", "Write 24/7"),
        ("country", "Poland", "Two letters"),
        ("region_codes", "DE-BE", "not a region of PL"),
        ("region_codes", "PL-99", "No region has the code PL-99."),
        ("languages_text", "Polish", "is no language with its days"),
        ("expires_on", "soon", "Not a valid date value"),
        ("time_zone", "Mars/Base", "Not a valid choice"),
    ):
        answer = author.post("/directory/new", data=LINE | {name: value})
        assert (answer.status_code, words in answer.text) == (422, True), words
    assert counted(pages, Service) == 0


@pytest.mark.usefixtures("regions")
def test_edit_form_gives_back_what_it_shows(pages: Pages, author: FlaskClient) -> None:
    author.post("/directory/new", data=LINE)
    with pages.sessions() as session:
        service_id = session.scalars(select(Service.id)).one()
    page = author.get(f"/directory/{service_id}/edit").text
    for shown in (
        'value="Podkarpackie Voivodeship, Masovian Voivodeship"',
        'value="pl, uk Mon &amp; Thu"',
        'value="Mon–Fri 08:30–16:30"',
    ):
        assert shown in page


@pytest.mark.usefixtures("regions")
def test_new_number_must_be_verified_anew(pages: Pages, author: FlaskClient, approver: FlaskClient) -> None:
    service_id = add(pages, a_service, verified_on=clock.now().date() - timedelta(days=1))
    page = f"/directory/{service_id}"
    answer = author.post(f"{page}/edit", data=LINE | {"number_national": "800 900 900"}, follow_redirects=True)
    assert "Another member has to agree. Until then texts name what they named before." in answer.text
    service = service_of(pages, service_id)
    assert (service.number_national, service.verified_on is None) == ("+48 22 628 01 20", False)
    assert "A change of this service waits for a second member." in author.get(page).text
    proposal = answer.request.path
    shown = approver.get(proposal).text
    for words in ("+48 22 628 01 20", "800 900 900", "Mon–Fri 08:30–16:30", "no text names the service until"):
        assert words in shown
    approver.post(f"{proposal}/agree")
    service = service_of(pages, service_id)
    assert (service.number_national, service.verified_on) == ("800 900 900", None)

"""What was typed survives a page that is left and a sign-in that has expired, for its writer alone."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from html import unescape
from urllib.parse import unquote

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import expect
from sqlalchemy import select

from campaigns.audience.models import Audience
from campaigns.core import clock
from campaigns.planning.models import Campaign
from campaigns.staff.models import Member, Role
from campaigns.staff.typed.models import TypedForm
from campaigns.web.forms import MOST_LISTED
from tests.browser.chromium import skip_without_browser
from tests.factories import a_campaign, a_member, a_message, a_place, a_route, a_sender, a_service, an_audience
from tests.moments import standing_at
from tests.places.browsing import a_served_visit
from tests.web.pages import Pages

WORDS = "Keep your passport with you, always."
#: How long a browser may take to send what was left behind, in seconds.
PATIENCE = 10
FILLED = "What you typed before is filled in."
MOVED = "This was changed and saved since"


def a_page(pages: Pages) -> str:
    """Return the path of a message's text in English."""
    with pages.sessions.begin() as session:
        message = a_message(session, pages.ours, {"en": "Keep your papers."})
        return f"/messages/{message.id}/en"


def opened(client: FlaskClient, path: str) -> dict[str, str]:
    """Open a form and return its hidden fields."""
    page = client.get(path).text
    found = {name: re.search(rf'name="{name}"[^>]*value="([^"]*)"', page) for name in ("csrf_token", "typed_mark")}
    return {name: unescape(match[1]) for name, match in found.items() if match}


def kept(pages: Pages) -> list[str]:
    with pages.sessions() as session:
        return list(session.scalars(select(TypedForm.path).where(TypedForm.sealed_fields != b"")))


def test_what_is_typed_is_filled_in_again_until_it_is_saved_or_discarded(pages: Pages) -> None:
    path, author = a_page(pages), pages.client(pages.member(Role.AUTHOR))
    form = opened(author, path) | {"body": WORDS}
    assert author.post("/typed", data=form).status_code == 204
    assert WORDS in (page := author.get(path).text)
    assert FILLED in page
    # Enter in a field presses the first button of the form.
    assert page.count('form="discard-typed"') == page.count('id="discard-typed"') == 1
    assert author.post("/typed/discard", data=form).location == path
    assert WORDS not in author.get(path).text
    author.post("/typed", data=form)
    assert author.post(path, data=form | {"language": "en"}).status_code == 302
    assert kept(pages) == []
    assert FILLED not in author.get(path).text


def test_a_keep_that_comes_after_the_save_is_dropped(pages: Pages) -> None:
    path, author = a_page(pages), pages.client(pages.member(Role.AUTHOR))
    form = opened(author, path) | {"body": WORDS, "language": "en"}
    author.post(path, data=form)
    assert author.post("/typed", data=form | {"body": "Older words."}).status_code == 409
    assert kept(pages) == []
    assert author.post("/typed", data=opened(author, path) | {"body": "Newer words."}).status_code == 204


def test_what_was_typed_stands_beside_a_text_that_was_changed_since(pages: Pages) -> None:
    path, author = a_page(pages), pages.client(pages.member(Role.AUTHOR))
    author.post("/typed", data=opened(author, path) | {"body": WORDS})
    other = pages.client(pages.member(Role.AUTHOR))
    other.post(path, data=opened(other, path) | {"body": "A newer text.", "language": "en"})
    page = author.get(path).text
    written = re.search(r'<textarea[^>]*name="body"[^>]*>\s*([^<]*)<', page)
    assert written is not None
    assert written[1].strip() == "A newer text."
    assert re.search(rf"<textarea[^>]*readonly[^>]*>{WORDS}<", page)
    assert (MOVED in page, FILLED in page) == (True, False)
    # Whoever types on from here has seen the newer text.
    author.post("/typed", data=opened(author, path) | {"body": "Both texts."})
    assert FILLED in author.get(path).text


def test_numbers_and_choices_of_a_campaign_are_kept_as_they_were_typed(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        campaign = a_campaign(session, pages.ours, a_member(session, pages.ours))
        path, sender_id = f"/campaigns/{campaign.id}/edit", campaign.sender_ids[0]
        spare = a_sender(session, organisation_id=pages.ours.id, identity="+48500100200").id
    author = pages.client(pages.member(Role.AUTHOR))
    typed = {"budget": "12,5 or", "max_parts": "7", "senders-0": str(spare), "senders-1": str(sender_id)}
    author.post("/typed", data=opened(author, path) | typed)
    page = author.get(path).text
    for name in ("budget", "max_parts"):
        assert re.search(rf'<input[^>]*name="{name}"[^>]*value="{typed[name]}"', page)
    for name in ("senders-0", "senders-1"):
        assert re.search(rf'name="{name}".*?<option selected value="{typed[name]}"', page, re.DOTALL)
    with pages.sessions.begin() as session:
        session.get_one(Campaign, campaign.id).name = "Another name"
    assert re.search(r"<textarea[^>]*readonly[^>]*>[^<]*\+48500100200<", author.get(path).text)


def test_nobody_keeps_anything_in_another_ones_name(pages: Pages) -> None:
    path, author, other = a_page(pages), *(pages.client(pages.member(Role.AUTHOR)) for _ in range(2))
    form = opened(author, path) | {"body": WORDS}
    assert other.post("/typed", data=form).status_code == 409
    author.post("/typed", data=form)
    assert WORDS not in other.get(path).text


def test_a_save_after_the_sign_in_has_expired_leads_back_to_the_filled_form(own_pages: Pages) -> None:
    own_pages.app.config["WTF_CSRF_ENABLED"] = True
    path, member = a_page(own_pages), own_pages.member(Role.AUTHOR)
    form = opened(own_pages.client(member), path) | {"body": WORDS, "language": "en"}
    stranger = own_pages.client()
    answer = stranger.post(path, data=form)
    assert answer.status_code == 302
    assert unquote(answer.location).endswith(f"/sign-in?next={path}")
    assert WORDS in own_pages.client(member).get(path).text
    assert WORDS not in own_pages.client(own_pages.member(Role.AUTHOR)).get(path).text
    assert stranger.post(path, data={"body": WORDS}).status_code == 400


@pytest.mark.parametrize("before", [False, True])
def test_a_box_comes_back_as_it_was_after_an_expired_sign_in(own_pages: Pages, before: bool) -> None:
    own_pages.app.config["WTF_CSRF_ENABLED"] = True
    with own_pages.sessions.begin() as session:
        campaign = a_campaign(session, own_pages.ours, a_member(session, own_pages.ours), resend_unknown=before)
        path = f"/campaigns/{campaign.id}/edit"
    member = own_pages.member(Role.AUTHOR)
    typed = opened(own_pages.client(member), path) | ({} if before else {"resend_unknown": "y"})
    assert own_pages.client().post(path, data=typed).status_code == 302
    page = own_pages.client(member).get(path).text
    box = re.search(r'<input[^>]*name="resend_unknown"[^>]*>', page)
    assert box is not None
    assert (FILLED in page, " checked" in box[0]) == (True, not before)


def test_days_and_choices_of_a_time_come_back_after_an_expired_sign_in(own_pages: Pages) -> None:
    own_pages.app.config["WTF_CSRF_ENABLED"] = True
    with own_pages.sessions.begin() as session:
        campaign = a_campaign(session, own_pages.ours, a_member(session, own_pages.ours))
        path = f"/campaigns/{campaign.id}/times/new"
    member = own_pages.member(Role.AUTHOR)
    chosen = {
        "starts_at": "2031-05-06T07:08",
        "repeats": "WEEKLY",
        "zone_policy": "fixed",
        "weekdays": ["TU", "FR"],
    }
    own_pages.client().post(path, data=opened(own_pages.client(member), path) | chosen | {"save": "1"})
    page = own_pages.client(member).get(path).text
    ticked = re.findall(r'<input checked[^>]*name="(?:weekdays|zone_policy)"[^>]*value="(\w+)"', page)
    assert sorted(ticked) == ["FR", "TU", "fixed"]
    assert re.search(r'<option selected value="WEEKLY"', page)
    assert 'value="2031-05-06T07:08"' in page


def test_what_was_typed_of_a_new_time_is_filled_in_on_the_next_day(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        path = f"/campaigns/{a_campaign(session, pages.ours, a_member(session, pages.ours)).id}/times/new"
    author = pages.client(pages.member(Role.AUTHOR))
    author.post("/typed", data=opened(author, path) | {"starts_at": "2031-05-06T07:08"})
    with standing_at(clock.now() + timedelta(days=1)):
        page = author.get(path).text
    assert 'value="2031-05-06T07:08"' in page
    assert (FILLED in page, MOVED in page) == (True, False)


def test_what_was_typed_of_something_new_was_changed_by_nobody(pages: Pages) -> None:
    author = pages.client(pages.member(Role.AUTHOR))
    for path, proposed in (("/audience/new", "silent=30"), ("/places/new", "latitude=49.8&longitude=22.9")):
        author.post("/typed", data=opened(author, f"{path}?{proposed}") | {"name": "Border"})
        page = author.get(path).text
        assert 'value="Border"' in page
        assert (FILLED in page, MOVED in page) == (True, False)


def test_other_words_for_the_same_region_are_no_change(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        place = a_place(session, pages.ours, extra={"iso3166_2": "PL-18"})
        paths = [
            f"/directory/{a_service(session, pages.ours, region_codes=['PL-18']).id}/edit",
            f"/places/{place.id}",
        ]
    member = pages.member(Role.AUTHOR)
    author = pages.client(member)
    for path in paths:
        author.post("/typed", data=opened(author, path) | {"note": WORDS})
    with pages.sessions.begin() as session:
        session.get_one(Member, member.id).locale = "uk"
    for path in paths:
        page = author.get(path).text
        assert WORDS in page
        assert f'readonly dir="auto">{WORDS}' not in page
        assert "Підкарпатське" in page


@pytest.mark.parametrize("is_saved", [False, True])
def test_rule_of_an_audience_comes_back_after_an_expired_sign_in(own_pages: Pages, is_saved: bool) -> None:
    own_pages.app.config["WTF_CSRF_ENABLED"] = True
    with own_pages.sessions.begin() as session:
        place, route = a_place(session, own_pages.ours), a_route(session, own_pages.ours)
        saved = an_audience(session, own_pages.ours, rule={"languages": ["uk"]})
        path = f"/audience/{saved.id}" if is_saved else "/audience/new"
    member, stretch = own_pages.member(Role.AUTHOR), {f"route-{route.id}": "past", f"stop-{route.id}": "1"}
    typed = opened(own_pages.client(member), path) | stretch | {"name": "Border", "place_ids": str(place.id)}
    assert own_pages.client().post(path, data=typed | {"save": "1"}).status_code == 302
    page = own_pages.client(member).get(path).text
    assert FILLED in page
    assert re.findall(r'<input checked[^>]*name="(\w+)"', page) == ["place_ids"]
    assert '<option value="past" selected>' in page
    assert re.search(r'<option value="1" selected>2\. ', page)


def test_a_place_comes_back_after_an_expired_sign_in(own_pages: Pages) -> None:
    own_pages.app.config["WTF_CSRF_ENABLED"] = True
    member, path = own_pages.member(Role.AUTHOR), "/places/new"
    typed = {
        "name": "Ferry",
        "kind": "stop",
        "latitude": "45,27",
        "longitude": "28.43",
        "risk_tags": "fake_volunteer",
    }
    own_pages.client().post(path, data=opened(own_pages.client(member), path) | typed)
    page = own_pages.client(member).get(path).text
    assert FILLED in page
    assert re.search(r'name="latitude"[^>]*value="45,27"', page)
    assert re.findall(r'<input checked[^>]*name="(?:kind|risk_tags)"[^>]*value="(\w+)"', page) == [
        "stop",
        "fake_volunteer",
    ]
    # Whoever comes by a search looks for another place.
    assert "Ferry" not in own_pages.client(member).get(f"{path}?latitude=49.8&longitude=22.9").text


def test_a_duty_comes_back_after_an_expired_sign_in(own_pages: Pages) -> None:
    own_pages.app.config["WTF_CSRF_ENABLED"] = True
    member, path = own_pages.member(Role.ADMIN), "/settings/duty/add"
    typed = {"name": "Night", "days": ["0", "6"], "begin": "20:00", "end": "08:00", "languages": ["uk"]}
    own_pages.client().post(path, data=opened(own_pages.client(member), path) | typed)
    page = own_pages.client(member).get(path).text
    assert re.findall(r'<input checked[^>]*value="(\w+)"', page) == ["0", "6", "uk"]
    assert 'value="20:00"' in page


def test_ticks_stand_in_words_beside_what_was_saved_since(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        campaign = a_campaign(session, pages.ours, a_member(session, pages.ours))
        path = f"/campaigns/{campaign.id}/edit"
    author = pages.client(pages.member(Role.AUTHOR))
    author.post("/typed", data=opened(author, path) | {"resend_unknown": "y"})
    with pages.sessions.begin() as session:
        session.get_one(Campaign, campaign.id).name = "Another name"
    page = author.get(path).text
    assert re.search(r"If it is unknown[^<]*</label><textarea[^>]*readonly[^>]*>Yes<", page)


def test_answers_survive_the_question_for_the_password(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        path = f"/campaigns/{a_campaign(session, pages.ours, a_member(session, pages.ours)).id}/harm"
    reviewer = pages.client(pages.member(Role.APPROVER))
    with reviewer.session_transaction() as cookie:
        cookie["fs_paa"] = 0
    form = opened(reviewer, path)
    name = re.search(r'name="(\w+)_words"', reviewer.get(path).text)
    assert name
    answer = reviewer.post(path, data=form | {f"{name[1]}_words": WORDS, name[1]: "no"})
    assert "/sign-in/again" in answer.location
    assert WORDS in (page := reviewer.get(path).text)
    assert re.search(rf'<input checked[^>]*name="{name[1]}"[^>]*value="no"', page)


def test_answers_to_another_text_are_not_filled_in_under_the_new_one(pages: Pages) -> None:
    """Whoever answers the checklist stands for what they read, not for what was written after it."""
    with pages.sessions.begin() as session:
        message = a_message(session, pages.ours, {"en": "The shelter is open."})
        writer = a_member(session, pages.ours)
        campaign = a_campaign(session, pages.ours, writer, message_id=message.id)
        path = f"/campaigns/{campaign.id}/harm"
    reviewer, author = pages.client(pages.member(Role.APPROVER)), pages.client(pages.member(Role.AUTHOR))
    form = opened(reviewer, path)
    reviewer.post("/typed", data=form | {"no_fear": "no", "no_fear_words": WORDS})
    text = f"/messages/{message.id}/en"
    author.post(text, data=opened(author, text) | {"body": "All leave today.", "language": "en"})
    page = reviewer.get(path).text
    assert FILLED not in page
    assert re.search(rf"<textarea[^>]*readonly[^>]*>{WORDS}<", page)
    assert not re.search(r'<input checked[^>]*name="no_fear"', page)


def test_stretch_of_a_route_stands_in_words_beside_what_was_saved_since(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        route, saved = a_route(session, pages.ours), an_audience(session, pages.ours)
        path, stop = f"/audience/{saved.id}", route.stops[1].place.name
    author = pages.client(pages.member(Role.AUTHOR))
    author.post("/typed", data=opened(author, path) | {f"route-{route.id}": "past", f"stop-{route.id}": "1"})
    with pages.sessions.begin() as session:
        session.get_one(Audience, saved.id).name = "Another name"
    page = author.get(path).text
    typed = re.findall(r"<textarea[^>]*readonly[^>]*>([^<]*)<", page)
    assert (FILLED in page, typed) == (False, ["Past the waypoint", f"2. {stop}"])
    assert f"{route.name} · Waypoint" in page


def test_page_never_says_that_an_emptied_field_is_filled_in(pages: Pages) -> None:
    path, author = a_page(pages), pages.client(pages.member(Role.AUTHOR))
    author.post("/typed", data=opened(author, path) | {"body": ""})
    other = pages.client(pages.member(Role.AUTHOR))
    other.post(path, data=opened(other, path) | {"body": "A newer text.", "language": "en"})
    page = author.get(path).text
    assert ("This was changed and saved since" in page, FILLED in page) == (True, False)
    assert re.findall(r"<textarea[^>]*readonly[^>]*>([^<]*)<", page) == ["–"]


def test_choice_among_many_is_named_also_where_the_list_does_not_show_it(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        old, *newer = [a_message(session, pages.ours, {}, title=f"Message {n}") for n in range(MOST_LISTED + 2)]
        writer = a_member(session, pages.ours)
        campaign = a_campaign(session, pages.ours, writer, message_id=newer[-1].id)
        path = f"/campaigns/{campaign.id}/edit"
    author = pages.client(pages.member(Role.AUTHOR))
    author.post("/typed", data=opened(author, path) | {"message_id": str(old.id)})
    with pages.sessions.begin() as session:
        session.get_one(Campaign, campaign.id).name = "Another name"
    assert "Message 0" in re.findall(r"<textarea[^>]*readonly[^>]*>([^<]*)<", author.get(path).text)


@pytest.mark.browser
@pytest.mark.parametrize("look", [("ar", 360), pytest.param(("en", 1280), marks=pytest.mark.long)], ids=str)
def test_a_page_that_is_left_keeps_what_was_typed_by_itself(pages: Pages, look: tuple[str, int]) -> None:
    skip_without_browser()
    path, member = a_page(pages), pages.member(Role.AUTHOR, locale=look[0])
    with a_served_visit(pages, member, language=look[0], width=look[1]) as visit:
        visit.go(path)
        visit.page.fill("textarea[name=body]", WORDS)
        visit.go("/messages")
        deadline = time.monotonic() + PATIENCE
        while not kept(pages) and time.monotonic() < deadline:
            visit.page.wait_for_timeout(50)
        visit.go(path)
        expect(visit.page.locator("textarea[name=body]")).to_have_value(WORDS)
        visit.look("composer-filled-in")


@pytest.mark.browser
def test_page_says_when_what_is_typed_is_not_kept(pages: Pages) -> None:
    skip_without_browser()
    path, member = a_page(pages), pages.member(Role.AUTHOR)
    with a_served_visit(pages, member, language="en", width=360) as visit:
        visit.go(path)
        lost = visit.page.get_by_text("What you type is not kept now.")
        visit.page.route("**/typed", lambda route: route.fulfill(status=403))
        visit.page.fill("textarea[name=body]", WORDS)
        visit.page.evaluate("dispatchEvent(new Event('pagehide'))")
        expect(lost).to_be_visible()
        # The browser itself tells of the refusal.
        visit.complaints.clear()
        visit.look("composer-not-kept")
        visit.page.unroute("**/typed")
        visit.page.evaluate("dispatchEvent(new Event('pagehide'))")
        expect(lost).to_have_count(0)
    assert len(kept(pages)) == 1


@pytest.mark.browser
def test_a_save_ends_the_keep_that_is_on_its_way(pages: Pages) -> None:
    skip_without_browser()
    path, member = a_page(pages), pages.member(Role.AUTHOR)
    ended: list[str] = []
    with a_served_visit(pages, member, language="en", width=1280) as visit:
        visit.go(path)
        visit.page.on("requestfailed", lambda asked: ended.append(asked.url))
        visit.page.route("**/typed", lambda route: None)
        visit.page.fill("textarea[name=body]", WORDS)
        visit.page.evaluate("dispatchEvent(new Event('pagehide'))")
        # The page stays, so that only the script ends what is on its way.
        visit.page.evaluate("document.querySelector('[name=typed_mark]').form.dispatchEvent(new Event('submit'))")
        visit.page.wait_for_timeout(300)
        assert [url.rpartition("/")[2] for url in ended] == ["typed"]

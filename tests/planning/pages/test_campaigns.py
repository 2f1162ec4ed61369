"""The pages of campaigns and their times, as members of each role meet them."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from campaigns.audience.models import Contact
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.states import SendState
from campaigns.planning.do_no_harm.checklist import ITEMS
from campaigns.planning.models import Campaign, CampaignState, Schedule, Sender
from campaigns.planning.queries import load_content
from campaigns.planning.service import fire_due
from campaigns.staff.models import AuditEntry, Member, Role
from tests.factories import a_contact, a_delivery, a_message, a_run, a_sender, an_address
from tests.planning.story import DUE, START, Story, a_story
from tests.web.pages import Pages

pytestmark = pytest.mark.usefixtures("at_the_start")

TIME = {
    "starts_at": "2026-03-02T18:00",
    "zone_policy": "fixed",
    "time_zone": "Europe/Warsaw",
    "repeats": "once",
    "grace_minutes": "60",
    "expires_after_minutes": "720",
}


@pytest.fixture
def story(pages: Pages, vault: Vault) -> Story:
    """A ready campaign in `pages.ours`, committed; its session is closed."""
    with pages.sessions.begin() as session:
        return a_story(session, vault, organisation=pages.ours)


@pytest.fixture
def author(pages: Pages, story: Story) -> FlaskClient:
    return pages.client(story.author)


@pytest.fixture
def approver(pages: Pages, story: Story) -> FlaskClient:
    return pages.client(story.approver)


def at(story: Story, act: str = "") -> str:
    return f"/campaigns/{story.campaign.id}{act}"


def form_of(story: Story, **changes: Any) -> dict[str, Any]:
    campaign = story.campaign
    values: dict[str, Any] = {
        "save": "1",
        "name": campaign.name,
        "message_id": campaign.message_id,
        "audience_id": campaign.audience_id,
        "senders-0": campaign.sender_id,
        "fallback_policy": "do_not_send",
        "max_parts": campaign.max_parts,
    }
    return values | changes


def state_of(pages: Pages, story: Story) -> str:
    with pages.sessions() as session:
        return str(session.get_one(Campaign, story.campaign.id).state)


def count(pages: Pages, model: Any) -> int:
    with pages.sessions() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def digest_in(page: TestResponse) -> str:
    found = re.search(r'name="digest" value="([0-9a-f]{64})"', page.text)
    assert found is not None
    return found[1]


def submit(story: Story, author: FlaskClient) -> None:
    assert author.post(at(story, "/times/new"), data=TIME | {"save": "1"}).status_code == 302
    assert author.post(at(story, "/submit")).status_code == 302


def harm_form(pages: Pages, campaign_id: int) -> dict[str, str]:
    with pages.sessions() as session:
        digest = load_content(session, session.get_one(Campaign, campaign_id)).said_digest
    answers = {item.key: "yes" for item in ITEMS} | {f"{item.key}_words": "I looked." for item in ITEMS}
    return {"digest": digest} | answers


def test_campaign_walks_from_form_to_approval(
    pages: Pages, story: Story, author: FlaskClient, approver: FlaskClient
) -> None:
    answer = author.post("/campaigns/new", data=form_of(story, name="Ostrożnie", link="https://example.org/x"))
    made = re.fullmatch(r"/campaigns/(\d+)/times/new", answer.location)
    assert made is not None
    url = f"/campaigns/{made[1]}"
    assert author.post(f"{url}/times/new", data=TIME | {"save": "1"}).location == url
    author.post(f"{url}/correction", data={"message_id": story.campaign.correction_id})
    assert approver.post(f"{url}/harm", data=harm_form(pages, int(made[1]))).status_code == 302
    assert "Submit for approval" in author.get(url).text
    author.post(f"{url}/submit")
    page = approver.get(url)
    assert "Паспорт тримайте при собі." in page.text
    approver.post(f"{url}/approve", data={"digest": digest_in(page)})
    with pages.sessions() as session:
        campaign = session.get_one(Campaign, int(made[1]))
        assert (campaign.name, campaign.state) == ("Ostrożnie", CampaignState.APPROVED)


def test_each_post_leaves_one_entry(
    pages: Pages, story: Story, author: FlaskClient, approver: FlaskClient
) -> None:
    submit(story, author)
    assert count(pages, AuditEntry) == 2
    approver.post(at(story, "/return"), data={"reason": "Say 112 too."})
    author.post(at(story, "/edit"), data=form_of(story, max_parts=2))
    author.post(at(story, "/left-out"))
    author.post(at(story, "/duplicate"))
    author.post(at(story, "/archive"))
    author.post(at(story, "/take-back"))
    assert count(pages, AuditEntry) == 8


def test_approver_sees_the_fingerprint_that_is_approved(
    pages: Pages, story: Story, author: FlaskClient, approver: FlaskClient
) -> None:
    submit(story, author)
    page = approver.get(at(story))
    digest = digest_in(page)
    assert page.text.count(digest[:12]) >= 3
    approver.post(at(story, "/approve"), data={"digest": digest})
    with pages.sessions() as session:
        assert session.get_one(Campaign, story.campaign.id).approvals[0].digest == digest


def test_approval_of_what_was_not_read_is_refused(
    pages: Pages, story: Story, author: FlaskClient, approver: FlaskClient
) -> None:
    submit(story, author)
    answer = approver.post(at(story, "/approve"), data={"digest": "0" * 64}, follow_redirects=True)
    assert "changed while you read it" in answer.text
    assert state_of(pages, story) == CampaignState.SUBMITTED


def test_author_meets_no_approve_button(pages: Pages, story: Story, author: FlaskClient) -> None:
    submit(story, author)
    assert "digest" not in author.get(at(story)).text
    both = pages.member(Role.AUTHOR, Role.APPROVER)
    client = pages.client(both)
    client.post(at(story, "/edit"), data=form_of(story, max_parts=2))
    client.post(at(story, "/submit"))
    page = client.get(at(story))
    assert "another member has to approve it" in page.text
    assert 'id="approve"' not in page.text


def test_return_shows_its_reason(story: Story, author: FlaskClient, approver: FlaskClient) -> None:
    submit(story, author)
    empty = approver.post(at(story, "/return"), data={"reason": ""})
    assert (empty.status_code, "has-error" in empty.text) == (422, True)
    approver.post(at(story, "/return"), data={"reason": "Say <112> too."})
    assert "Say &lt;112&gt; too." in author.get(at(story)).text


def test_red_gate_says_what_and_where(pages: Pages, story: Story, author: FlaskClient, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        for number in range(25):
            contact = a_contact(session, story.organisation, language="pl")
            an_address(session, contact, vault, number=f"+4860{number:07}")
    page = author.get(at(story)).text
    assert "30 people would be left out" in page
    assert f"/messages/{story.campaign.message_id}/pl" in page
    assert "Send without these people" in page
    assert "Submit for approval" not in page
    author.post(at(story, "/left-out"))
    assert "30 people are left out, as confirmed" in author.get(at(story)).text


def test_small_numbers_are_not_shown(story: Story, author: FlaskClient) -> None:
    page = author.get(at(story)).text
    assert "fewer than 20" in page
    assert not re.search(r"\b3 people", page)


def test_cap_is_told_before_it_counts(story: Story, author: FlaskClient) -> None:
    told = "people who had 3 messages in 7 days, from all organisations here, are left out"
    for page in (author.get(at(story, "?tab=people")), author.get(at(story, "/edit"))):
        assert told in page.text


def test_who_had_enough_is_left_out_of_the_plan(pages: Pages, story: Story, author: FlaskClient) -> None:
    """All three people had three messages this week from a run of the same organisation."""
    with pages.sessions.begin() as session:
        contacts = session.scalars(select(Contact.id)).all()
        for _ in range(3):
            run = a_run(session, session.get_one(Campaign, story.campaign.id), finished_at=START)
            for contact_id in contacts:
                a_delivery(session, run, contact_id=contact_id, send_state=SendState.ACCEPTED, intent_at=START)
    page = author.get(at(story)).text
    assert "Everybody has had as many messages lately" in page
    assert "Submit for approval" not in page


def test_time_that_is_there_is_not_added_again(pages: Pages, story: Story, author: FlaskClient) -> None:
    author.post(at(story, "/times/new"), data=TIME | {"save": "1"})
    again = author.post(at(story, "/times/new"), data=TIME | {"save": "1"})
    assert (again.status_code, "This campaign has this time already." in again.text) == (422, True)
    assert count(pages, Schedule) == 1


def test_next_ten_times_are_shown_before_saving(pages: Pages, story: Story, author: FlaskClient) -> None:
    weekly = TIME | {"starts_at": "2026-03-27T02:30", "repeats": "DAILY", "preview": "1"}
    page = author.post(at(story, "/times/new"), data=weekly).text
    assert page.count("first message:") == 10
    assert "does not exist in Europe/Warsaw" in page
    assert count(pages, Schedule) == 0


@pytest.mark.parametrize(
    ("starts_at", "words"),
    [
        ("2026-03-29T02:30", "does not exist in Europe/Warsaw"),
        ("2026-10-25T02:30", "comes twice in Europe/Warsaw"),
    ],
)
def test_changes_of_the_clocks_are_told_before_saving(
    pages: Pages, story: Story, author: FlaskClient, starts_at: str, words: str
) -> None:
    """The first answer says what happens and saves nothing; whoever has read it saves again."""
    form = TIME | {"starts_at": starts_at, "save": "1"}
    told = author.post(at(story, "/times/new"), data=form)
    assert words in told.text
    assert (told.status_code, count(pages, Schedule)) == (200, 0)
    read = re.search(r'name="read" value="(\w+)"', told.text)
    assert read is not None
    assert author.post(at(story, "/times/new"), data=form | {"read": read[1]}).status_code == 302
    assert count(pages, Schedule) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"starts_at": "2026-03-02T12:30"}, "in the past"),
        ({"starts_at": "yesterday"}, "has-error"),
        ({"starts_at": "9999-12-31T23:59"}, "ten years ahead"),
        ({"time_zone": "Europe/Atlantis"}, "has-error"),
        ({"repeats": "rule", "rule": "FREQ=SECONDLY"}, "once an hour at most"),
        ({"repeats": "rule", "rule": "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"}, "never comes"),
        ({"repeats": "rule", "rule": "every day"}, "cannot be read"),
        ({"repeats": "rule", "rule": ""}, "cannot be read"),
        ({"repeats": "DAILY", "until": "2020-01-01"}, "never comes"),
        ({"grace_minutes": "0"}, "has-error"),
        ({"expires_after_minutes": "x"}, "has-error"),
    ],
)
def test_impossible_times_are_told_and_not_saved(
    pages: Pages, story: Story, author: FlaskClient, change: dict[str, str], words: str
) -> None:
    answer = author.post(at(story, "/times/new"), data=TIME | change | {"save": "1"})
    assert answer.status_code == 422
    assert words in answer.text
    assert (count(pages, Schedule), count(pages, AuditEntry)) == (0, 0)


def test_weekly_days_become_a_rule(pages: Pages, story: Story, author: FlaskClient) -> None:
    days = TIME | {"repeats": "WEEKLY", "weekdays": ["MO", "FR"], "until": "2026-04-30", "save": "1"}
    author.post(at(story, "/times/new"), data=days)
    with pages.sessions() as session:
        recurrence = session.scalars(select(Schedule.recurrence)).one()
    assert recurrence == "FREQ=WEEKLY;BYDAY=MO,FR;UNTIL=20260430"
    assert "Every week · Monday and Friday · until 30 Apr 2026" in author.get(at(story)).text


def test_removed_time_of_another_campaign_is_not_found(pages: Pages, story: Story, author: FlaskClient) -> None:
    submit(story, author)
    copy = author.post(at(story, "/duplicate")).location.split("/")[2]
    with pages.sessions() as session:
        schedule_id = session.scalars(select(Schedule.id)).one()
    assert author.post(f"/campaigns/{copy}/times/{schedule_id}/remove").status_code == 404
    assert author.post(at(story, f"/times/{schedule_id}/remove")).status_code == 302
    assert state_of(pages, story) == CampaignState.DRAFT


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"message_id": "999"},
        {"audience_id": "x"},
        {"max_parts": "99"},
        {"link": "http://example.org"},
        {"fallback_policy": "named_language"},
        {"fallback_policy": "guess"},
        {"fallback_language": "xx"},
    ],
)
def test_impossible_campaigns_are_told(
    pages: Pages, story: Story, author: FlaskClient, change: dict[str, str]
) -> None:
    answer = author.post("/campaigns/new", data=form_of(story, **change))
    assert answer.status_code == 422
    assert "notice is-bad" in answer.text
    assert count(pages, Campaign) == 1


def test_people_are_counted_before_saving(pages: Pages, story: Story, author: FlaskClient) -> None:
    form = {name: value for name, value in form_of(story).items() if name != "save"}
    answer = author.post("/campaigns/new", data=form | {"count": "1"})
    assert answer.status_code == 200
    assert "People who get a text in a language they read" in answer.text
    assert count(pages, Campaign) == 1


def test_foreign_parts_cannot_be_counted(pages: Pages, story: Story, vault: Vault) -> None:
    stranger = pages.member(Role.AUTHOR, organisation=pages.theirs)
    answer = pages.client(stranger).post("/campaigns/new", data=form_of(story) | {"count": "1"})
    assert "People who get a text" not in answer.text


def test_edit_of_an_approved_campaign_makes_it_a_draft(
    pages: Pages, story: Story, author: FlaskClient, approver: FlaskClient
) -> None:
    submit(story, author)
    approver.post(at(story, "/approve"), data={"digest": digest_in(approver.get(at(story)))})
    assert "makes this campaign a draft again" in author.get(at(story, "/edit")).text
    author.post(at(story, "/edit"), data=form_of(story, max_parts=2))
    page = author.get(at(story, "?tab=history")).text
    assert state_of(pages, story) == CampaignState.DRAFT
    assert "void since a change" in page


def test_change_behind_an_approval_is_said(
    pages: Pages, story: Story, author: FlaskClient, approver: FlaskClient
) -> None:
    submit(story, author)
    approver.post(at(story, "/approve"), data={"digest": digest_in(approver.get(at(story)))})
    with pages.sessions.begin() as session:
        session.get_one(Campaign, story.campaign.id).sender.identity = "+48123456789"
    assert "Changed since it was approved" in author.get(at(story)).text


def test_runs_are_listed_with_their_reason(
    pages: Pages, story: Story, author: FlaskClient, approver: FlaskClient
) -> None:
    submit(story, author)
    approver.post(at(story, "/approve"), data={"digest": digest_in(approver.get(at(story)))})
    with pages.sessions.begin() as session:
        fire_due(session, now=datetime(2026, 3, 2, 20, 0, tzinfo=DUE.tzinfo))
    page = author.get(at(story)).text
    assert "180 minutes late" in page
    assert "/delivery/runs/1" in page


def test_viewers_read_no_plans(pages: Pages, story: Story) -> None:
    viewer = pages.client(pages.member(Role.VIEWER))
    for path in (at(story), at(story, "/checks"), "/campaigns", "/campaigns/calendar", "/messages", "/delivery"):
        assert viewer.get(path).status_code == 403
    page = viewer.get("/").text
    assert story.campaign.name not in page


def test_others_see_the_plan_without_counts(pages: Pages, story: Story) -> None:
    page = pages.client(pages.member(Role.RESPONDER)).get(at(story))
    assert page.status_code == 200
    assert "fewer than 20" not in page.text
    assert "Edit" not in page.text


def test_list_tells_current_from_archived(story: Story, author: FlaskClient) -> None:
    author.post(at(story, "/archive"))
    assert story.campaign.code not in author.get("/campaigns").text
    assert story.campaign.code in author.get("/campaigns?archived=1").text


def test_archived_campaign_leads_to_what_came_of_it(pages: Pages, story: Story, author: FlaskClient) -> None:
    with pages.sessions.begin() as session:
        run = a_run(session, session.get_one(Campaign, story.campaign.id), finished_at=START)
    author.post(at(story, "/archive"))
    page = author.get(at(story)).text
    for way in (f'href="/reach/campaigns/{story.campaign.id}"', f'href="/delivery/runs/{run.id}"'):
        assert way in page


@pytest.mark.parametrize("locale", ["en", "uk", "ar"])
def test_pages_are_drawn_in_each_language(pages: Pages, story: Story, locale: str, vault: Vault) -> None:
    member: Member = pages.member(Role.AUTHOR, Role.APPROVER, Role.ADMIN, locale=locale)
    client = pages.client(member)
    urls = (
        "/campaigns",
        "/campaigns/new",
        at(story),
        at(story, "/edit"),
        at(story, "/times/new"),
        "/campaigns/senders",
    )
    for url in urls:
        page = client.get(url)
        assert page.status_code == 200
        assert f'lang="{locale}"' in page.text


def test_new_campaign_proposes_the_newest_message_and_the_sender_that_can_send(
    pages: Pages, story: Story, author: FlaskClient
) -> None:
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        newest = a_message(session, ours, title="A newer one").id
        a_sender(session, organisation_id=ours.id, name="A sender without a key", secret_name="nowhere")
        able = session.get_one(Sender, story.campaign.sender_id).name
    page = author.get("/campaigns/new").text
    assert f'<option selected value="{newest}">A newer one' in page
    assert f'<option selected value="{story.campaign.sender_id}">{able}' in page

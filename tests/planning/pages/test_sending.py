"""The pages of the order of senders, of WhatsApp templates and of rehearsals, as members meet them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.audience.models import Channel
from campaigns.core.keys.crypto import Vault
from campaigns.planning.models import Campaign, Run, Sender, TemplateState, WhatsAppTemplate
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_sender
from tests.planning.story import Story, a_story, more_people
from tests.web.pages import Pages

pytestmark = pytest.mark.usefixtures("at_the_start")


@pytest.fixture
def story(pages: Pages, vault: Vault) -> Story:
    """A ready campaign in `pages.ours`, committed; its session is closed. Its texts may be templates."""
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours)
        for translation in story.campaign.message.translations:
            if translation.language == "uk":
                translation.text = "Паспорт тримайте при собі. ((hotline)) цілодобово."
        return story


@pytest.fixture
def author(pages: Pages, story: Story) -> FlaskClient:
    return pages.client(story.author)


def at(story: Story, act: str = "") -> str:
    return f"/campaigns/{story.campaign.id}{act}"


def sender(pages: Pages, **changes: Any) -> Sender:
    with pages.sessions.begin() as session:
        return a_sender(session, **changes)


def order(story: Story, *senders: Sender | None) -> dict[str, Any]:
    campaign = story.campaign
    places = {f"senders-{rank}": each.id if each else "" for rank, each in enumerate(senders)}
    return places | {
        "name": campaign.name,
        "message_id": campaign.message_id,
        "audience_id": campaign.audience_id,
        "fallback_policy": "do_not_send",
        "max_parts": campaign.max_parts,
    }


def ranked(pages: Pages, story: Story) -> tuple[int, ...]:
    with pages.sessions() as session:
        return session.get_one(Campaign, story.campaign.id).sender_ids


def test_order_is_saved_and_shown_again(pages: Pages, story: Story, author: FlaskClient) -> None:
    """A place left empty is closed up."""
    one, two = sender(pages, name="One"), sender(pages, name="Two", countries=["PL"])
    assert author.post(at(story, "/edit"), data=order(story, two, None, one) | {"save": "1"}).status_code == 302
    assert ranked(pages, story) == (two.id, one.id)
    page = author.get(at(story, "/edit")).text
    chosen = re.findall(r'<option selected value="(\d*)">([^<]*)<', page)
    assert [value for value, _ in chosen if value in (str(one.id), str(two.id))] == [str(two.id), str(one.id)]
    assert f"Two · {two.identity} · Poland" in page
    shown = author.get(at(story)).text
    assert shown.index("Two</bdi>") < shown.index("One</bdi>")


def test_only_sender_is_chosen_already(pages: Pages, story: Story, author: FlaskClient) -> None:
    with pages.sessions() as session:
        name = session.get_one(Sender, story.campaign.sender_id).name
    chosen = f'<option selected value="{story.campaign.sender_id}">{name}'
    assert chosen in author.get("/campaigns/new").text
    sender(pages)
    assert chosen not in author.get("/campaigns/new").text


@pytest.mark.parametrize("places", [(), ("same", "same"), ("foreign",)])
def test_impossible_orders_are_told(
    pages: Pages, story: Story, author: FlaskClient, places: tuple[str, ...]
) -> None:
    known = {"same": sender(pages), "foreign": sender(pages, organisation_id=pages.theirs.id)}
    before = ranked(pages, story)
    form = order(story, *(known[name] for name in places)) | {"save": "1"}
    assert author.post(at(story, "/edit"), data=form).status_code == 422
    assert ranked(pages, story) == before


def test_counts_tell_who_is_written_to_over_what(
    pages: Pages, story: Story, author: FlaskClient, vault: Vault
) -> None:
    polish, rest = sender(pages, name="Polish", countries=["PL"]), sender(pages, name="Rest")
    page = author.post(at(story, "/edit"), data=order(story, polish, rest) | {"count": "1"}).text
    assert "Polish</bdi></dt><dd>" not in page
    many(pages, story, vault)
    page = author.post(at(story, "/edit"), data=order(story, polish, rest) | {"count": "1"}).text
    assert re.search(r"Polish</bdi></dt><dd>\s*fewer than 20", page)
    assert re.search(r"Rest</bdi></dt><dd>\s*30", page)


def many(pages: Pages, story: Story, vault: Vault) -> None:
    """Add so many people that anything is told of them."""
    with pages.sessions.begin() as session:
        there = replace(story, session=session, organisation=session.merge(story.organisation))
        more_people(there, vault, 22)


def test_matrix_shows_language_by_channel(pages: Pages, story: Story, author: FlaskClient, vault: Vault) -> None:
    polish, rest = sender(pages, name="Polish", countries=["PL"]), sender(pages, name="Rest")
    author.post(at(story, "/edit"), data=order(story, polish, rest) | {"save": "1"})
    assert "Who, how and for how much" not in author.get(at(story, "?tab=cost")).text
    many(pages, story, vault)
    page = author.get(at(story, "?tab=cost")).text
    assert "Who, how and for how much" in page
    assert re.search(r'data-label="SMS">\s*30', page)


#: The texts of the campaign itself, without those of its correction.
BY_CAMPAIGN = (Campaign, Campaign.message_id == WhatsAppTemplate.message_id)


def test_templates_are_asked_for_and_told(pages: Pages, story: Story, author: FlaskClient) -> None:
    """Ukrainian is fit for WhatsApp; English ends with its hotline and says so."""
    assert "no WhatsApp sender" in author.get(at(story, "/templates")).text
    author.post(at(story, "/edit"), data=order(story, sender(pages, channel=Channel.WHATSAPP)) | {"save": "1"})
    assert "WhatsApp lets nothing through" not in author.get(at(story)).text
    page = author.get(at(story, "/templates")).text
    assert "Ask for 3 texts" in page, "one, and two of its correction"
    assert "ends with an automatic field" in page
    author.post(at(story, "/templates"), data={"category": "UTILITY"})
    with pages.sessions.begin() as session:
        asked = session.scalars(select(WhatsAppTemplate).join(*BY_CAMPAIGN)).one()
        asked.state, asked.reason = TemplateState.REJECTED, "Too <promotional>."
        assert session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()[-1] == "template.ask"
    page = author.get(at(story, "/templates")).text
    assert "Too &lt;promotional&gt;." in page
    assert "Ask again" in page
    author.post(at(story, "/templates"), data={"category": "MARKETING", "language": "uk"})
    with pages.sessions() as session:
        assert session.scalars(select(WhatsAppTemplate.state).join(*BY_CAMPAIGN)).all() == ["wanted"]


def test_disabled_template_is_asked_for_again(pages: Pages, story: Story, author: FlaskClient) -> None:
    author.post(at(story, "/edit"), data=order(story, sender(pages, channel=Channel.WHATSAPP)) | {"save": "1"})
    author.post(at(story, "/templates"), data={"category": "UTILITY"})
    assert "Ask for" not in author.get(at(story, "/templates")).text
    with pages.sessions.begin() as session:
        session.scalars(select(WhatsAppTemplate).join(*BY_CAMPAIGN)).one().state = TemplateState.DISABLED
    page = author.get(at(story, "/templates")).text
    assert "Ask for 1 text<" in page
    assert "Ask again" in page
    author.post(at(story, "/templates"), data={"category": "UTILITY"})
    with pages.sessions() as session:
        assert session.scalars(select(WhatsAppTemplate.state).join(*BY_CAMPAIGN)).all() == ["wanted"]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "Choose the kind of message first"),
        ({"category": "SPAM"}, "Choose the kind of message first"),
        ({"category": "UTILITY", "language": "xx"}, "no reviewed text"),
        ({"category": "UTILITY", "language": "en"}, "ends with an automatic field"),
    ],
)
def test_impossible_wishes_are_told(
    pages: Pages, story: Story, author: FlaskClient, form: dict[str, str], words: str
) -> None:
    author.post(at(story, "/edit"), data=order(story, sender(pages, channel=Channel.WHATSAPP)) | {"save": "1"})
    answer = author.post(at(story, "/templates"), data=form, follow_redirects=True)
    assert words in answer.text
    with pages.sessions() as session:
        assert session.scalars(select(WhatsAppTemplate)).all() == []


def test_rehearsal_is_one_click(pages: Pages, story: Story, author: FlaskClient) -> None:
    assert "Nobody is written to" in author.get(at(story)).text
    answer = author.post(at(story, "/rehearse"), follow_redirects=True)
    assert "The rehearsal begins" in answer.text
    with pages.sessions() as session:
        run = session.scalars(select(Run)).one()
    assert run.is_rehearsal
    assert f"/delivery/runs/{run.id}" in answer.text
    assert "http://127.0.0.1:8081/" in answer.text
    reach = pages.client(pages.member(Role.VIEWER)).get(f"/reach/runs/{run.id}")
    assert reach.status_code == 404


@pytest.mark.parametrize("locale", ["en", "ar"])
def test_pages_are_drawn_in_each_language(pages: Pages, story: Story, locale: str) -> None:
    whatsapp = sender(pages, channel=Channel.WHATSAPP, name="WA")
    client = pages.client(pages.member(Role.AUTHOR, Role.ADMIN, locale=locale))
    client.post(at(story, "/edit"), data=order(story, whatsapp, sender(pages)) | {"save": "1"})
    client.post(at(story, "/templates"), data={"category": "UTILITY"})
    client.post(at(story, "/rehearse"))
    for act in ("", "/edit", "/templates"):
        page = client.get(at(story, act))
        assert (page.status_code, f'lang="{locale}"' in page.text) == (200, True)

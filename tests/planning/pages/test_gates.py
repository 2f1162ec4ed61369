"""The page of a campaign's gates: what a member reads and where it leads, for each gate that is closed."""

from __future__ import annotations

import re
from html import unescape

import pytest
from sqlalchemy import select

from campaigns.core.keys.crypto import Vault
from campaigns.planning.do_no_harm.models import CountryConfirmation
from campaigns.staff.models import Role
from tests.planning.gates.gate_cases import CASES, Case, numbers_of
from tests.planning.story import Story, a_story
from tests.web.pages import Pages

pytestmark = pytest.mark.usefixtures("at_the_start")


def seen(pages: Pages, story: Story) -> dict[str, str]:
    """Return where the sentences of closed gates lead, as the author sees them."""
    html = pages.client(story.author).get(f"/campaigns/{story.campaign.id}/checks").text
    closed = re.findall(r'badge is-bad.*?gate-sentence"><bdi>(.*?)</bdi>(.*?)</li>', html, re.DOTALL)
    links = [(sentence, re.findall(r'href="([^"]+)"', rest)) for sentence, rest in closed]
    return {unescape(sentence).replace("\xa0", " "): unescape(link[0]) for sentence, link in links if link}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.gate)
def test_member_reads_what_is_wrong_and_where_to_mend_it(pages: Pages, vault: Vault, case: Case) -> None:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours)
        story.scheduled()
        case.close(story)
        ids = {"campaign": story.campaign.id, "message": story.campaign.message_id}
        ids["audience"] = story.campaign.audience_id
    found = seen(pages, story)
    assert found.get(case.sentence) == case.link % ids, found


def test_rules_are_confirmed_by_name(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours)
        numbers_of("AE")(story)
    url, client = f"/campaigns/{story.campaign.id}/checks", pages.client(story.author)
    page = client.get(url).text
    assert "GOV.UK Notify rates" in page
    rules = re.findall(r'name="seen" value="([^"]+)"', page)
    assert "confirmed by name" in client.post(f"{url}/countries", data={"seen": rules}, follow_redirects=True).text
    with pages.sessions() as session:
        (kept,) = session.scalars(select(CountryConfirmation)).all()
    assert (kept.member_id, kept.country, kept.rules) == (story.author.id, "AE", ["phone_in_body"])


def test_rule_that_was_not_shown_is_not_confirmed(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours)
        numbers_of("AE")(story)
    url, client = f"/campaigns/{story.campaign.id}/checks", pages.client(story.author)
    answer = client.post(f"{url}/countries", data={"seen": ["AE url"]}, follow_redirects=True)
    assert "Another rule is broken by now." in answer.text


def test_others_are_told_nothing_of_people(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        story = a_story(session, vault, organisation=pages.ours)
    other = pages.client(pages.member(Role.RESPONDER))
    page = other.get(f"/campaigns/{story.campaign.id}/checks").text
    assert "Only authors and approvers" in page
    assert "gate-sentence" not in page

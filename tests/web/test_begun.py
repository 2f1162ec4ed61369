"""A member finds again what they began and did not hand on, and nothing that is another's or done."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from campaigns.begun import MOST_ON_NOW, PER_PAGE, find_begun
from campaigns.core import clock
from campaigns.messages.models import Message, ReturnedText, TranslationState, TranslationWriter
from campaigns.planning.models import CampaignState
from campaigns.staff.models import Member, Organisation, Role
from tests.factories import NOON, a_campaign, a_member, a_message, an_organisation
from tests.web.pages import Pages
from tests.web.test_keyed_pages import link


def drafts_of(session: Session, organisation: Organisation, member: Member) -> list[str]:
    return [each.title for each in find_begun(session, organisation.id, member.id, most=9)]


def a_draft(session: Session, organisation: Organisation, member: Member, title: str) -> Message:
    """A message whose Ukrainian text a member saved as a draft."""
    message = a_message(session, organisation, {"en": "Keep it.", "uk": "Тримайте."}, title=title)
    _english, ukrainian = message.translations
    ukrainian.state, ukrainian.updated_at = TranslationState.DRAFT, NOON
    ukrainian.writers.append(TranslationWriter(member_id=member.id))
    session.flush()
    return message


def test_only_ones_own_drafts_are_found(session: Session) -> None:
    ours, theirs = an_organisation(session), an_organisation(session)
    me, other = a_member(session, ours), a_member(session, ours)
    a_campaign(session, ours, me, name="Mine", updated_at=NOON)
    a_campaign(session, ours, me, name="Sent", state=CampaignState.APPROVED)
    a_campaign(session, ours, other, name="Another's")
    a_campaign(session, theirs, me, name="Elsewhere")
    a_draft(session, ours, other, "Another's text")
    a_draft(session, ours, me, "My text").translations[1].updated_at = NOON + timedelta(hours=1)
    session.flush()
    assert drafts_of(session, ours, me) == ["My text", "Mine"]


def test_a_returned_text_opens_where_it_was_returned(session: Session) -> None:
    ours = an_organisation(session)
    me = a_member(session, ours)
    message = a_draft(session, ours, me, "My text")
    english, ukrainian = message.translations
    english.state = TranslationState.DRAFT
    english.writers.append(TranslationWriter(member_id=me.id))
    ukrainian.returned = ReturnedText(member_id=a_member(session, ours).id, comment="No.", returned_at=NOON)
    session.flush()
    [begun] = find_begun(session, ours.id, me.id, most=9)
    assert begun.is_returned
    assert (begun.values["language"], set(begun.languages)) == ("uk", {"en", "uk"})


@pytest.mark.one_database
def test_the_newest_stand_on_the_first_page_and_all_behind_a_link(pages: Pages) -> None:
    member = pages.member(Role.AUTHOR)
    with pages.sessions.begin() as session:
        ours, me = session.merge(pages.ours), session.merge(member)
        for number in range(MOST_ON_NOW + 1):
            at = clock.now() + timedelta(hours=number)
            a_campaign(session, ours, me, name=f"Plan {number}", updated_at=at)
    client = pages.client(member)
    page = client.get("/").text
    assert "Plan 5" in page
    assert "Plan 0" not in page
    assert 'href="/drafts"' in page
    assert "Plan 0" in client.get("/drafts").text
    assert 'rel="next"' not in client.get("/drafts").text
    assert 'id="begun-title"' not in pages.client(pages.member(Role.AUTHOR)).get("/").text


@pytest.mark.one_database
def test_no_draft_is_cut_off_in_silence(pages: Pages) -> None:
    member = pages.member(Role.AUTHOR)
    with pages.sessions.begin() as session:
        ours, me = session.merge(pages.ours), session.merge(member)
        for number in range(PER_PAGE):
            a_campaign(session, ours, me, name=f"Plan {number}", updated_at=NOON + timedelta(hours=number))
        a_draft(session, ours, me, "My oldest text")
    client = pages.client(member)
    first = client.get("/drafts").text
    last = client.get(link("next", first)).text
    assert ("My oldest text" in first, 'rel="next"' in first) == (False, True)
    assert "My oldest text" in last

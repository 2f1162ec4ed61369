"""Pages for everybody show reviewed texts of a theme with who can help; a text's link leads there by default."""

from __future__ import annotations

from sqlalchemy import select

from campaigns.core import clock
from campaigns.messages.models import Message, TranslationState, Withdrawal
from campaigns.messages.service import save_translation
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.planning.draft import plan_of
from campaigns.planning.models import Campaign
from campaigns.planning.service import create_campaign
from campaigns.public_pages.service import Profile, set_profile
from campaigns.reach.outcomes.models import LinkDay
from campaigns.staff.models import Role
from tests.factories import a_campaign, a_message, a_service
from tests.web.pages import Pages

TEXT = "Keep your passport with you. Call ((hotline)). More: ((link))"


def _write(pages: Pages, **changes: object) -> int:
    """Open the pages, verify a helpline, and write about keeping documents; return the message's id."""
    admin = pages.member(Role.ADMIN)
    with pages.sessions.begin() as session:
        set_profile(session, pages.ours.id, Profile(is_open=True, contact="a@example.org"), by=admin.id)
        a_service(session, pages.ours, verified_on=clock.now().date(), languages=["en"])
        return a_message(session, pages.ours, {"en": TEXT}, **changes).id


def test_reviewed_text_is_shown_with_a_number_and_who_can_help(pages: Pages) -> None:
    _write(pages)
    page = pages.client().get("/en/pl/1").text
    assert 'with you. Call <bdi dir="ltr" class="n">+48 22 628 01 20</bdi>.' in page
    assert "/en/pl/1</p>" in page
    assert 'href="tel:+48226280120"' in page
    assert 'href="/en/pl/1"' in pages.client().get("/en/pl/i").text


def test_text_that_nobody_reviewed_or_that_was_withdrawn_is_not_shown(pages: Pages) -> None:
    message_id = _write(pages)
    member = pages.member()
    with pages.sessions.begin() as session:
        message = session.get_one(Message, message_id)
        message.translations[0].state = TranslationState.TRANSLATED
    assert "passport" not in pages.client().get("/en/pl/1").text
    with pages.sessions.begin() as session:
        message = session.get_one(Message, message_id)
        message.translations[0].state = TranslationState.REVIEWED
        session.add(
            Withdrawal(
                message_id=message_id, version=message.version, member_id=member.id, withdrawn_at=clock.now()
            )
        )
    pages.app.extensions["people"].kept.forget()
    page = pages.client().get("/en/pl/1").text
    assert "passport" not in page
    assert "Nothing is written about this here yet" in page


def test_copy_of_what_a_partner_withdrew_is_not_shown_until_it_is_changed(pages: Pages) -> None:
    message_id = _write(pages)
    member = pages.member()
    with pages.sessions.begin() as session:
        theirs = a_message(session, pages.theirs, {"en": TEXT})
        message = session.get_one(Message, message_id)
        message.copied_from_id, message.copied_from_version = theirs.id, theirs.version
        withdraw_version(session, theirs, theirs.version, by=member.id, reason="Wrong hotline")
    assert "passport" not in pages.client().get("/en/pl/1").text
    assert 'href="/en/pl/1"' not in pages.client().get("/en/pl/i").text
    with pages.sessions.begin() as session:
        changed = session.get_one(Message, message_id)
        save_translation(session, changed, language="en", text="Keep your passport dry.", by=member.id)
        changed.translations[0].state = TranslationState.REVIEWED
    pages.app.extensions["people"].kept.forget()
    assert "passport dry" in pages.client().get("/en/pl/1").text


def test_theme_without_a_number_of_ours_is_no_page(pages: Pages) -> None:
    assert pages.client().get("/en/pl/99").status_code == 404


def test_link_in_a_text_leads_to_the_page_of_its_theme_and_counts(pages: Pages) -> None:
    message_id = _write(pages)
    author = pages.member()
    with pages.sessions.begin() as session:
        message = session.get_one(Message, message_id)
        plan = plan_of(a_campaign(session, pages.ours, author, message=message))
        made = create_campaign(session, pages.ours.id, plan=plan, by=author.id, pages="https://info.example")
        closed = create_campaign(session, pages.ours.id, plan=plan, by=author.id)
        code, campaign_id = made.code, made.id
        assert (made.link, closed.link) == (f"https://info.example/go/{code}", None)
    answer = pages.client().get(f"/go/{code}/PL-18", headers={"Accept-Language": "uk"})
    assert answer.location.endswith("/uk/pl/1")
    assert pages.client().get(f"/go/{code}").location.endswith("/en")
    assert pages.client().get(f"/go/{code}/QQ-99").location.endswith("/en")
    with pages.sessions.begin() as session:
        set_profile(session, pages.ours.id, Profile(is_open=False), by=author.id)
    assert pages.client().get(f"/go/{code}").status_code == 404
    with pages.sessions.begin() as session:
        days = session.scalars(select(LinkDay).where(LinkDay.campaign_id == campaign_id)).all()
        assert sum(day.openings for day in days) == 3
        session.get_one(Campaign, campaign_id).link = "https://elsewhere.example"
    assert pages.client().get(f"/go/{code}").status_code == 404

"""Asking WhatsApp to approve a text: what is written down, and what is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.errors import InputError, PlaceholderError, TransitionError
from campaigns.messages.gates import Gate
from campaigns.messages.models import Message, TranslationState
from campaigns.planning.do_no_harm.common_correction import choose_common_correction
from campaigns.planning.gates.assessment import assess
from campaigns.planning.models import Campaign, Sender, TemplateCategory, TemplateState, WhatsAppTemplate
from campaigns.planning.queries import load_content
from campaigns.planning.whatsapp.requests import ask_for_missing, ask_for_template, count_missing_corrections
from campaigns.staff.models import AuditEntry, Member, Organisation
from tests.factories import a_campaign, a_member, a_message, a_sender, an_organisation, credentials

pytestmark = pytest.mark.one_database

TEXTS = {
    "en": "Keep it. Call ((hotline)) now.",
    "uk": "Тримайте. ((hotline)) цілодобово.",
    "pl": "Pomoc: ((hotline))",
}


@pytest.fixture
def campaign(session: Session) -> Campaign:
    organisation = an_organisation(session)
    member = a_member(session, organisation)
    message = a_message(session, organisation, TEXTS)
    senders = [a_sender(session, channel=Channel.WHATSAPP), a_sender(session)]
    return a_campaign(session, organisation, member, message=message, senders=senders)


def asker_of(session: Session) -> int:
    """Return the id of the only member, who asks."""
    return session.scalars(select(Member.id)).one()


def ask(
    session: Session, message: Message, language: str = "uk", sender: Sender | None = None
) -> WhatsAppTemplate:
    sender = sender or session.scalars(select(Sender).where(Sender.channel == Channel.WHATSAPP)).one()
    return ask_for_template(
        session,
        message,
        language=language,
        sender=sender,
        category=TemplateCategory.UTILITY,
        by=asker_of(session),
        credentials=credentials(session),
    )


def test_text_is_asked_for_as_it_is_reviewed(session: Session, campaign: Campaign) -> None:
    made = ask(session, campaign.message)
    assert (made.body, made.slots, made.state) == (
        "Тримайте. {{1}} цілодобово.",
        ["hotline"],
        TemplateState.WANTED,
    )
    assert made.name.startswith(f"fingerpost_uk_{made.id}_")
    assert session.scalars(select(AuditEntry.action)).all() == ["template.ask"]


def test_text_is_asked_for_once(session: Session, campaign: Campaign) -> None:
    ask(session, campaign.message)
    with pytest.raises(TransitionError, match="already"):
        ask(session, campaign.message)


@pytest.mark.both_databases
@pytest.mark.parametrize("state", [TemplateState.REJECTED, TemplateState.DISABLED])
def test_name_that_is_let_through_no_more_is_never_used_again(
    session: Session, campaign: Campaign, state: TemplateState
) -> None:
    first = ask(session, campaign.message)
    names = {first.name}
    for _ in range(3):
        first.state, first.content_sid = state, "HX1"
        again = ask(session, campaign.message)
        assert (again.id, again.state, again.content_sid) == (first.id, TemplateState.WANTED, None)
        names.add(again.name)
    assert len(names) == 4


def test_other_text_is_another_template(session: Session, campaign: Campaign) -> None:
    first = ask(session, campaign.message)
    next(each for each in campaign.message.translations if each.language == "uk").text = "Інше. ((hotline)) тут."
    assert ask(session, campaign.message).id != first.id


def test_unreviewed_text_cannot_be_asked_for(session: Session, campaign: Campaign) -> None:
    campaign.message.translations[1].state = TranslationState.TRANSLATED
    with pytest.raises(InputError, match="no reviewed text"):
        ask(session, campaign.message)


def test_unfit_text_and_other_channels_are_refused(session: Session, campaign: Campaign) -> None:
    with pytest.raises(PlaceholderError, match="ends with an automatic field"):
        ask(session, campaign.message, "pl")
    with pytest.raises(InputError, match="Only WhatsApp"):
        ask(session, campaign.message, sender=a_sender(session))


@pytest.mark.both_databases
def test_missing_ones_are_asked_for_together(session: Session, campaign: Campaign) -> None:
    """English was asked for before, and Polish is not fit: Ukrainian is left."""
    ask(session, campaign.message, "en")
    assert (
        ask_for_missing(
            session,
            campaign,
            category=TemplateCategory.MARKETING,
            by=asker_of(session),
            credentials=credentials(session),
        )
        == 1
    )
    asked = session.execute(select(WhatsAppTemplate.language, WhatsAppTemplate.category).order_by("language"))
    assert asked.all() == [("en", "UTILITY"), ("uk", "MARKETING")]
    assert len(session.scalars(select(AuditEntry.id)).all()) == 2
    with pytest.raises(InputError, match="no text left"):
        ask_for_missing(
            session,
            campaign,
            category=TemplateCategory.MARKETING,
            by=asker_of(session),
            credentials=credentials(session),
        )


def test_one_that_the_provider_disabled_is_missing_and_asked_for_with_the_rest(
    session: Session, campaign: Campaign
) -> None:
    """Of one that it rejected somebody has to say first what is different now."""
    correction = a_message(
        session, session.get_one(Organisation, campaign.organisation_id), {"en": "Wrong number."}
    )
    campaign.correction_id = correction.id
    of_both = (ask(session, campaign.message, "en"), ask(session, correction, "en"))
    for template in of_both:
        template.state, template.content_sid = TemplateState.DISABLED, "HX1"
    ask(session, campaign.message, "uk").state = TemplateState.REJECTED
    assert count_missing_corrections(session, campaign, load_content(session, campaign)) == 1
    asked = ask_for_missing(
        session,
        campaign,
        category=TemplateCategory.UTILITY,
        by=asker_of(session),
        credentials=credentials(session),
    )
    assert asked == 2
    assert [(each.state, each.content_sid) for each in of_both] == [(TemplateState.WANTED, None)] * 2


def test_correction_is_asked_for_along_with_it(session: Session, campaign: Campaign) -> None:
    correction = a_message(
        session, session.get_one(Organisation, campaign.organisation_id), {"en": "Wrong number."}
    )
    campaign.correction_id = correction.id
    content = load_content(session, campaign)
    assert count_missing_corrections(session, campaign, content) == 1
    # One of the three texts is of a kind that WhatsApp does not take.
    assert (
        ask_for_missing(
            session,
            campaign,
            category=TemplateCategory.UTILITY,
            by=asker_of(session),
            credentials=credentials(session),
        )
        == 2 + 1
    )
    assert count_missing_corrections(session, campaign, content) == 0
    of_correction = select(WhatsAppTemplate.body).where(WhatsAppTemplate.message_id == correction.id)
    assert session.scalars(of_correction).all() == ["Wrong number."]


def test_the_organisations_correction_is_asked_for_with_a_draft_that_follows_it(
    session: Session, campaign: Campaign
) -> None:
    organisation = session.get_one(Organisation, campaign.organisation_id)
    texts = {language: f"Wrong: {language}." for language in load_content(session, campaign).texts}
    # Nobody gets this campaign in Polish: that text is for others.
    common = a_message(session, organisation, texts | {"pl": "Wrong: pl."})
    by = a_member(session, organisation)
    choose_common_correction(session, organisation.id, message_id=common.id, by=by.id)
    content = load_content(session, campaign)
    assert count_missing_corrections(session, campaign, content) == len(texts)
    ask_for_missing(
        session, campaign, category=TemplateCategory.UTILITY, by=by.id, credentials=credentials(session)
    )
    assert count_missing_corrections(session, campaign, content) == 0


def gate_of(session: Session, campaign: Campaign) -> Gate:
    """Return what the checks of a campaign say of its correction."""
    gates = assess(session, campaign, now=clock.now()).gates
    return next(gate for gate in gates if gate.name == "correction")


def test_correction_that_whatsapp_would_not_let_through_is_warned_of(session: Session, campaign: Campaign) -> None:
    """Nothing can be asked for in time once something wrong was sent."""
    organisation = session.get_one(Organisation, campaign.organisation_id)
    texts = {language: f"Wrong: {language}." for language in load_content(session, campaign).texts}
    correction = a_message(session, organisation, texts)
    campaign.correction_id = correction.id
    ask(session, correction, "en").state = TemplateState.PENDING
    session.flush()
    gate = gate_of(session, campaign)
    assert (gate.passed, gate.warns, gate.link_endpoint) == (True, True, "planning.templates.show")
    assert "English, Polish and Ukrainian" in str(gate.sentence)
    for language in texts:
        with suppress(TransitionError):
            ask(session, correction, language)
    for template in session.scalars(select(WhatsAppTemplate)):
        template.state, template.content_sid = TemplateState.APPROVED, "HX1"
    session.flush()
    assert not gate_of(session, campaign).warns

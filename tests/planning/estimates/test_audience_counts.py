"""An audience divided over the senders of a campaign, and what the gates and rules make of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.audience.rules import LeftOut
from campaigns.core.errors import GateError, InputError
from campaigns.core.keys.crypto import Vault
from campaigns.messages.gates import Gate
from campaigns.messages.models import Translation
from campaigns.places.models import Region
from campaigns.planning import service
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.draft import plan_of
from campaigns.planning.estimates.audience_counts import tally_of
from campaigns.planning.gates.assessment import assess
from campaigns.planning.models import Health, Sender, TemplateCategory, TemplateState, WhatsAppTemplate
from campaigns.planning.service import fire_due
from campaigns.planning.whatsapp.requests import ask_for_template
from tests.factories import a_contact, a_sender, an_address, credentials
from tests.planning.story import DUE, START, Story, a_story

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]


@pytest.fixture
def story(session: Session, vault: Vault) -> Story:
    """Three Ukrainian numbers, and a Ukrainian text that may be a WhatsApp template."""
    story = a_story(session, vault)
    ukrainian(story).text = "Паспорт тримайте при собі. ((hotline)) цілодобово."
    return story


def ukrainian(story: Story) -> Translation:
    return next(each for each in story.campaign.message.translations if each.language == "uk")


def ranked(story: Story, *senders: Sender) -> None:
    plan = replace(plan_of(story.campaign), sender_ids=tuple(sender.id for sender in senders))
    service.update_campaign(story.session, story.campaign, plan=plan, by=story.author.id)


def more(story: Story, vault: Vault, *handles: tuple[Channel, str, str | None]) -> None:
    """Add a Ukrainian reader in the story's region with these addresses: channel, handle and country."""
    region_id = story.session.scalars(select(Region.id)).one()
    contact = a_contact(story.session, story.organisation, region_id=region_id)
    for channel, handle, country in handles:
        an_address(story.session, contact, vault, number=handle, channel=channel, country=country)


def gate(story: Story, name: str) -> Gate:
    found = assess(story.session, story.campaign, now=START).gates
    return next(each for each in found if each.name == name)


def approved(story: Story, sender: Sender, language: str = "uk") -> WhatsAppTemplate:
    message = story.campaign.message
    asked = ask_for_template(
        story.session,
        message,
        language=language,
        sender=sender,
        category=TemplateCategory.UTILITY,
        by=story.author.id,
        credentials=credentials(story.session),
    )
    asked.state, asked.content_sid = TemplateState.APPROVED, "HX" + "1" * 32
    story.session.flush()
    return asked


def test_people_are_counted_by_the_first_sender_that_reaches_them(story: Story, vault: Vault) -> None:
    polish = a_sender(story.session, name="PL", countries=["PL"])
    other = a_sender(story.session, name="Rest")
    more(story, vault, (Channel.SMS, "+48600000000", "PL"))
    ranked(story, polish, other)
    tally = tally_of(story.session, story.campaign, now=START)
    assert tally.by_sender() == {other.id: 3, polish.id: 1}
    assert tally.by_language_and_sender() == {("uk", other.id): 3, ("uk", polish.id): 1}


def test_senders_change_places(story: Story) -> None:
    """Swapping two of them must not meet the rule that each stands once."""
    one, two = a_sender(story.session), a_sender(story.session)
    ranked(story, one, two)
    ranked(story, two, one)
    assert story.campaign.sender_ids == (two.id, one.id)
    assert story.campaign.sender_id == two.id


@pytest.mark.both_databases
def test_order_of_senders_is_what_is_approved(story: Story) -> None:
    one, two = a_sender(story.session), a_sender(story.session, countries=["UA", "PL"])
    ranked(story, one, two)
    story.approved()
    assert story.is_sound()
    two.countries = ["UA"]
    story.session.flush()
    assert not story.is_sound()


@pytest.mark.both_databases
def test_run_keeps_the_order_it_was_made_with(story: Story) -> None:
    one, two = a_sender(story.session, countries=["PL"]), a_sender(story.session)
    ranked(story, one, two)
    story.approved()
    (run,) = fire_due(story.session, now=DUE)
    kept = [(each.sender_id, each.channel, each.countries) for each in run.ranked_senders]
    assert kept == [(one.id, Channel.SMS, ["PL"]), (two.id, Channel.SMS, [])]
    assert [sender["id"] for sender in FrozenRun.from_json(run.frozen).senders] == [one.id, two.id]


@pytest.mark.parametrize("senders", [(), (1, 1), tuple(range(1, 8))])
def test_impossible_orders_are_told(story: Story, senders: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        replace(plan_of(story.campaign), sender_ids=senders).checked()


def test_whatsapp_senders_share_one_account(story: Story) -> None:
    one = a_sender(story.session, channel=Channel.WHATSAPP)
    other = a_sender(story.session, channel=Channel.WHATSAPP, secret_name="second")
    with pytest.raises(InputError, match="one account"):
        ranked(story, one, other)


@pytest.mark.both_databases
def test_uncovered_countries_are_told_and_left_out(story: Story) -> None:
    ranked(story, a_sender(story.session, countries=["PL"]))
    assert tally_of(story.session, story.campaign, now=START).by_reason() == {LeftOut.NO_SENDER: 3}
    found = gate(story, "coverage")
    assert (found.passed, found.warns) == (True, True)
    assert "fewer than 20 people are left out" in str(found.sentence)


def test_sender_that_is_off_gives_its_place(story: Story) -> None:
    off, on = a_sender(story.session, name="Off", active=False), a_sender(story.session, name="On")
    ranked(story, off, on)
    assert tally_of(story.session, story.campaign, now=START).by_sender() == {on.id: 3}
    assert gate(story, "sender").warns
    assert "Off" in str(gate(story, "sender").sentence)


@pytest.mark.both_databases
def test_only_paused_senders_block(story: Story) -> None:
    paused = a_sender(story.session, name="Tired", health=Health.PAUSED, health_code="63018")
    ranked(story, paused)
    assert not gate(story, "sender").passed
    ranked(story, paused, a_sender(story.session))
    assert (gate(story, "sender").passed, gate(story, "sender").warns) == (True, True)


@pytest.mark.both_databases
def test_country_rules_name_the_sender_that_serves(story: Story, vault: Vault) -> None:
    more(story, vault, (Channel.SMS, "+48600000000", "PL"))
    polish = a_sender(story.session, name="PL", countries=["PL"], identity="NGOINFO")
    telegram = a_sender(story.session, name="Bot", channel=Channel.TELEGRAM, identity="fingerpostbot")
    ranked(story, telegram, polish, a_sender(story.session, name="Rest"))
    warnings = assess(story.session, story.campaign, now=START).warnings
    assert {warning.sender for warning in warnings if warning.country == "PL"} == {"PL"}
    assert {warning.sender for warning in warnings if warning.country == "UA"} == {"Rest"}


def test_length_counts_only_where_parts_are_paid(story: Story, vault: Vault) -> None:
    ukrainian(story).text = "Паспорт ((hotline)) " + "тримайте при собі " * 20
    assert not gate(story, "length").passed
    more(story, vault, (Channel.TELEGRAM, "77", None))
    ranked(story, a_sender(story.session, channel=Channel.TELEGRAM, identity="fingerpostbot"))
    assert gate(story, "length").passed


def test_whatsapp_alone_waits_for_its_templates(story: Story, vault: Vault) -> None:
    more(story, vault, (Channel.WHATSAPP, "+380501111111", "UA"))
    sender = a_sender(story.session, channel=Channel.WHATSAPP)
    ranked(story, sender)
    story.scheduled()
    with pytest.raises(GateError, match="WhatsApp lets nothing through yet: ask for its templates in Ukrainian"):
        story.submitted()
    approved(story, sender)
    assert gate(story, "templates").passed
    story.submitted()


def test_another_channel_takes_over_until_approval(story: Story, vault: Vault) -> None:
    more(story, vault, (Channel.WHATSAPP, "+380501111111", "UA"), (Channel.SMS, "+380501111111", "UA"))
    whatsapp, sms = a_sender(story.session, channel=Channel.WHATSAPP), a_sender(story.session)
    ranked(story, whatsapp, sms)
    assert tally_of(story.session, story.campaign, now=START).by_sender() == {sms.id: 4}
    assert (gate(story, "templates").passed, gate(story, "templates").warns) == (True, True)
    approved(story, whatsapp)
    assert tally_of(story.session, story.campaign, now=START).by_sender() == {sms.id: 3, whatsapp.id: 1}
    assert not gate(story, "templates").warns


@pytest.mark.both_databases
def test_run_keeps_the_templates_that_are_approved(story: Story) -> None:
    whatsapp = a_sender(story.session, channel=Channel.WHATSAPP)
    ranked(story, whatsapp, a_sender(story.session))
    story.approved()
    sid = approved(story, whatsapp).content_sid
    (run,) = fire_due(story.session, now=DUE)
    assert FrozenRun.from_json(run.frozen).templates == {"uk": {"content_sid": sid, "slots": ["hotline"]}}


def test_template_of_an_older_text_says_nothing(story: Story, vault: Vault) -> None:
    more(story, vault, (Channel.WHATSAPP, "+380501111111", "UA"))
    whatsapp = a_sender(story.session, channel=Channel.WHATSAPP)
    ranked(story, whatsapp)
    approved(story, whatsapp)
    assert tally_of(story.session, story.campaign, now=START).by_sender() == {whatsapp.id: 1}
    ukrainian(story).text = "Інший текст. ((hotline)) цілодобово."
    assert tally_of(story.session, story.campaign, now=START).without_template() == {"uk": 1}

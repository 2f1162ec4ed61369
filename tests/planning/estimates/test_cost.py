"""Language × channel × country: every person once, with a cost that gives no small number away."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import AddressState, Channel
from campaigns.audience.rules import LeftOut
from campaigns.core.keys.crypto import Vault
from campaigns.places.models import Region
from campaigns.planning import service
from campaigns.planning.draft import plan_of
from campaigns.planning.estimates.cost import Capped, Matrix, matrix_of
from campaigns.planning.gates.assessment import assess
from campaigns.planning.models import Sender
from campaigns.planning.queries import load_senders
from campaigns.planning.senders.prices import Basis
from tests.factories import a_contact, a_sender, an_address
from tests.planning.story import START, Story, a_story

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]


@pytest.fixture
def story(session: Session, vault: Vault) -> Story:
    """Thirty Ukrainian numbers whose text takes one part."""
    story = a_story(session, vault, people=30)
    story.campaign.message.translations[1].text = "Паспорт. ((hotline))"
    return story


def add_people(story: Story, vault: Vault, count: int, **changes: object) -> None:
    language, country = str(changes.pop("language", "uk")), changes.pop("country", "UA")
    region_id = story.session.scalars(select(Region.id)).one()
    for _ in range(count):
        contact = a_contact(story.session, story.organisation, language=language, region_id=region_id)
        an_address(
            story.session, contact, vault, number=f"+380{contact.id:08}{country}", country=country, **changes
        )


def ranked(story: Story, *senders: Sender) -> None:
    plan = replace(plan_of(story.campaign), sender_ids=tuple(sender.id for sender in senders))
    service.update_campaign(story.session, story.campaign, plan=plan, by=story.author.id)


def matrix(story: Story, *capped: Capped) -> Matrix:
    found = assess(story.session, story.campaign, now=START)
    return matrix_of(found.tally, found.rendered, load_senders(story.session, story.campaign), capped)


def test_everybody_is_in_one_cell_or_left_out_once(story: Story, vault: Vault) -> None:
    add_people(story, vault, 25, country="PL", language="en")
    add_people(story, vault, 4, language="pl")
    add_people(story, vault, 3, state=AddressState.OPTED_OUT)
    rows = {(row.country, row.language): row for row in matrix(story).rows}
    assert {key: row.people for key, row in rows.items()} == {
        ("UA", "uk"): 33,
        ("PL", "en"): 25,
        ("UA", "pl"): 4,
    }
    assert rows["UA", "uk"].left_out == {LeftOut.OPTED_OUT: 3}
    assert rows["UA", "pl"].left_out == {LeftOut.NO_TRANSLATION: 4}


@pytest.mark.both_databases
def test_channels_of_one_language_stand_side_by_side(story: Story, vault: Vault) -> None:
    add_people(story, vault, 25, channel=Channel.TELEGRAM, country=None)
    ranked(story, a_sender(story.session, channel=Channel.TELEGRAM), a_sender(story.session))
    found = matrix(story)
    assert found.channels == (Channel.TELEGRAM, Channel.SMS)
    cells = {(row.country, channel): cell for row in found.rows for channel, cell in row.cells.items()}
    assert (cells["UA", Channel.SMS].people, cells[None, Channel.TELEGRAM].people) == (30, 25)
    assert cells[None, Channel.TELEGRAM].usd == 0


def test_cost_is_people_times_parts_times_price(story: Story) -> None:
    story.campaign.message.translations[1].text = "Паспорт. ((hotline)) " + "тримайте " * 9
    [row] = matrix(story).rows
    assert (row.parts, row.usd) == (2, 30 * 2 * Decimal("0.1747"))


def test_small_groups_are_priced_as_twenty(story: Story, vault: Vault) -> None:
    """Who adds one person after the other sees no sum move until there are twenty-five."""
    sums = []
    for _ in range(3):
        add_people(story, vault, 1, country="PL", language="en")
        sums.append(matrix(story).estimate.usd)
    assert set(sums) == {30 * Decimal("0.1747") + 20 * Decimal("0.035")}


def test_price_of_the_sender_comes_first(story: Story, vault: Vault) -> None:
    add_people(story, vault, 20, country="PL", language="en")
    ranked(story, a_sender(story.session, prices={"UA": "0.1", "*": "0.02"}))
    found = matrix(story)
    assert found.estimate.usd == Decimal(3) + Decimal("0.4")
    assert found.estimate.uncertain == {}


def test_unknown_prices_are_named_and_high(story: Story, vault: Vault) -> None:
    add_people(story, vault, 20, country="IS", language="en")
    add_people(story, vault, 20, country="PL", language="en")
    found = matrix(story).estimate
    assert found.uncertain == {Basis.ASSUMED: ("IS",), Basis.ESTIMATED: ("PL",)}


def test_who_had_enough_costs_nothing(story: Story) -> None:
    sender_id = story.campaign.sender_id
    [row] = matrix(story, Capped("uk", sender_id, "UA", 10)).rows
    assert (row.cells[Channel.SMS].people, row.left_out) == (20, {LeftOut.CAPPED: 10})
    [row] = matrix(story, Capped("uk", sender_id, "UA", 30)).rows
    assert not row.cells
    assert (row.usd, row.people) == (Decimal(0), 30)


@pytest.mark.parametrize(("cents", "passes"), [(None, True), (524, False), (525, True)])
def test_budget_is_a_gate(story: Story, cents: int | None, passes: bool) -> None:
    """Thirty parts at 0.1747 dollars are 5.241, which is 5.25 in whole cents: never less than it may be."""
    plan = replace(plan_of(story.campaign), budget_cents=cents)
    service.update_campaign(story.session, story.campaign, plan=plan, by=story.author.id)
    gates = assess(story.session, story.campaign, now=START).gates
    gate = next(each for each in gates if each.name == "budget")
    assert gate.passed is passes
    assert "$5.25" in str(gate.sentence)

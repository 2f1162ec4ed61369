"""A campaign's own counted address stays its own: a copy has another, and saving it again takes nothing away."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from campaigns.core.errors import InputError
from campaigns.messages.filled_text import is_counted
from campaigns.planning import service
from campaigns.planning.draft import plan_of
from campaigns.planning.links.default_links import counted_address
from campaigns.planning.models import Campaign
from tests.factories import a_campaign, a_member, a_message, an_organisation

#: No address that a member may write down, but one by which an instance may be reached.
PAGES = "http://127.0.0.1:8000"


@pytest.fixture
def campaign(session: Session) -> Campaign:
    """A campaign whose text asks for a link, so that it has the address of its own."""
    organisation = an_organisation(session)
    author = a_member(session, organisation)
    message = a_message(session, organisation, {"en": "Read on: (( link ))"})
    plan = plan_of(a_campaign(session, organisation, author, message=message))
    return service.create_campaign(session, organisation.id, plan=plan, by=author.id, pages=PAGES)


def test_own_address_is_saved_again(session: Session, campaign: Campaign) -> None:
    own = campaign.link
    assert own == counted_address(PAGES, campaign.code)
    plan = replace(plan_of(campaign), name="Another name")
    service.update_campaign(session, campaign, plan=plan, by=campaign.created_by_id)
    assert (campaign.name, campaign.link) == ("Another name", own)
    for link in (f"{PAGES}/go/{campaign.code}X", f"http://127.0.0.1:9000/go/{campaign.code}"):
        with pytest.raises(InputError):
            service.update_campaign(session, campaign, plan=replace(plan, link=link), by=campaign.created_by_id)


def test_copy_does_not_lead_to_the_address_of_its_original(session: Session, campaign: Campaign) -> None:
    copy = service.duplicate_campaign(session, campaign, by=campaign.created_by_id)
    assert copy.link is None
    service.update_campaign(session, copy, plan=plan_of(copy), by=copy.created_by_id, pages=PAGES)
    assert copy.link == counted_address(PAGES, copy.code)


def test_copy_keeps_the_page_of_somebody_else(session: Session, campaign: Campaign) -> None:
    campaign.link = "https://help.example.org/documents"
    assert service.duplicate_campaign(session, campaign, by=campaign.created_by_id).link == campaign.link


def test_address_is_counted_for_its_own_code_alone() -> None:
    assert is_counted("https://info.example/go/K7", "K7")
    assert not any(
        is_counted(link, "K7") for link in (None, "", "https://info.example/go/K77", "https://a/go/XK7")
    )

"""A campaign that names a hotline and a counted link every day, and all that one stolen account can try on it."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.written_text import digest_of_wordings
from campaigns.directory.models import Service
from campaigns.messages.queries import get_base
from campaigns.planning.links.counted_links import CountedLink
from campaigns.planning.models import Run, Schedule, ZonePolicy
from campaigns.planning.policy import Policy
from campaigns.planning.schedules.recurrence import Timing
from campaigns.planning.service import fire_due
from campaigns.proposals.models import Proposal, ProposalState
from campaigns.staff.models import Organisation
from tests.planning.story import Story, a_story
from tests.web.pages import Pages

FOREIGN, OWN = "+48 600 666 666", "+48 22 628 01 20"
PAGE = "https://help.example.org/help"
TRIED = {"how": "test call, local SIM"}
#: What the form of a service holds with the foreign number.
FORM: dict[str, str] = {
    "name": "La Strada",
    "kind": "trafficking",
    "country": "PL",
    "region_codes": "",
    "number_national": FOREIGN,
    "number_from_abroad": FOREIGN,
    "works_from_foreign_sim": "yes",
    "languages_text": "pl, en, uk",
    "hours_text": "24/7",
    "time_zone": "Europe/Warsaw",
    "operator_type": "ngo",
    "source": "evil.example",
    "is_sourced": "y",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What is attacked, by id."""

    service_id: int
    campaign_id: int
    schedule_id: int
    code: str


def an_approved_campaign(
    session: Session, organisation: Organisation, vault: Vault, *, people: int, identity: str = "+15005550006"
) -> Target:
    """Make a daily campaign of the organisation, approved today, with a hotline and a counted link in its texts.

    It is sent from the number or name `identity`.
    """
    organisation.link_hosts = ["help.example.org"]
    story = a_story(session, vault, people=people, organisation=organisation)
    line = session.scalars(select(Service).where(Service.organisation_id == organisation.id)).one()
    line.key, line.verified_on = "line", clock.now().date()
    session.add(CountedLink(campaign_id=story.campaign.id, target=PAGE, changed_at=clock.now()))
    story.campaign.sender.identity = identity
    story.campaign.link = f"https://fingerpost.example.org/go/{story.campaign.code}"
    for translation in story.campaign.message.translations:
        translation.text = f"{translation.text} ((link))"
    _review(story)
    schedule = story.approved(_daily())
    return Target(line.id, story.campaign.id, schedule.id, story.campaign.code)


def fire(session: Session, target: Target) -> Run:
    """Let the campaign's next occurrence be due now, and return its run."""
    schedule = session.get_one(Schedule, target.schedule_id)
    schedule.next_fire_at = clock.now() - timedelta(seconds=1)
    schedule.next_occurrence = schedule.next_fire_at.replace(tzinfo=None, microsecond=0)
    (run,) = fire_due(session, now=clock.now(), only=schedule.id, policy=Policy(keeps_quiet=False))
    return run


def play_everything(pages: Pages, client: FlaskClient, target: Target) -> None:
    """Try all that a member can ask for to have people told the foreign number, or led elsewhere."""
    services, link = "/directory", f"/reach/campaigns/{target.campaign_id}/link"
    client.post(f"{services}/{target.service_id}/edit", data=FORM)
    client.post(f"{services}/new", data=FORM | {"name": "Another line"})
    client.post(f"{services}/import", data=sheet())
    client.post(f"{services}/emergency/PL", data=a_notice())
    client.post("/reach/link-hosts", data={"host": "trafficker.example"})
    for page in ("https://trafficker.example/login", "https://help.example.org/elsewhere", f"{PAGE}\r\nX: y"):
        client.post(link, data={"target": page})
    ids = _proposals(pages)
    for proposal_id in ids:
        client.post(f"/proposals/{proposal_id}/agree")
    client.post("/proposals/together", data={"proposal": ids})
    for service_id in _services(pages):
        page = client.get(f"{services}/{service_id}").text
        seen = re.search(r'name="seen" value="(\w+)"', page)
        data = TRIED | {"on": clock.now().date().isoformat()} | ({"seen": seen[1]} if seen else {})
        client.post(f"{services}/{service_id}/verify", data=data)
    for run_id in _runs(pages):
        client.post(f"/delivery/runs/{run_id}/let-start")


def agreed(pages: Pages) -> list[str]:
    """Return the kinds of the changes that were made."""
    with pages.sessions() as session:
        done = select(Proposal.kind).where(Proposal.state == ProposalState.AGREED)
        return list(session.scalars(done))


def _review(story: Story) -> None:
    base = get_base(story.campaign.message)
    for translation in story.campaign.message.translations:
        translation.source_digest = digest_of_wordings(base.text, base.wordings)
    story.session.flush()


def _daily() -> Timing:
    begins = (clock.now() + timedelta(hours=1)).replace(tzinfo=None, second=0, microsecond=0)
    return Timing(begins, "FREQ=DAILY", ZonePolicy.FIXED, "UTC")


def sheet() -> dict[str, Any]:
    lines = "id,name,phones/0/number,phones/1/number,phones/1/description"
    row = f"line,La Strada,{FOREIGN},{FOREIGN},from abroad"
    return {"file": (io.BytesIO(f"{lines}\n{row}\n".encode()), "services.csv")}


def a_notice() -> dict[str, str]:
    return {"number": "600600", "document": "A notice", "document_date": clock.now().date().isoformat()}


def _proposals(pages: Pages) -> list[int]:
    with pages.sessions() as session:
        return list(session.scalars(select(Proposal.id).where(Proposal.state == ProposalState.WAITING)))


def _services(pages: Pages) -> list[int]:
    with pages.sessions() as session:
        return list(session.scalars(select(Service.id)))


def _runs(pages: Pages) -> list[int]:
    with pages.sessions() as session:
        return list(session.scalars(select(Run.id)))

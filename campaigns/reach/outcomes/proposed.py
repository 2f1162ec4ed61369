"""Two members change where a counted address leads, and to which hosts links may lead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from campaigns.core.words import N_
from campaigns.planning.links.counted_links import CountedLink
from campaigns.planning.links.link_targets import LINK_TARGET, check_host, check_target
from campaigns.planning.models import Campaign
from campaigns.proposals.holding import hold
from campaigns.proposals.models import Proposal
from campaigns.proposals.proposal_kinds import Kind, Line, Shown
from campaigns.proposals.service import propose
from campaigns.reach.outcomes.service import lead_link, list_host
from campaigns.staff.models import Organisation
from campaigns.staff.permissions import Permission


def propose_target(session: Session, campaign: Campaign, target: str, *, by: int, reason: str = "") -> Proposal:
    """Propose where the counted address of a campaign leads.

    Raises InputError for what is no page on a host of the organisation's, or where it leads already.
    """
    hold(session, campaign)
    organisation = session.get_one(Organisation, campaign.organisation_id, populate_existing=True)
    after = {"target": check_target(target, organisation.link_hosts)}
    return propose(
        session,
        TARGET,
        campaign,
        organisation_id=organisation.id,
        before=_target_now(session, campaign.id),
        after=after,
        by=by,
        reason=reason,
    )


def propose_host(session: Session, organisation: Organisation, host: str, *, by: int) -> Proposal:
    """Propose that links may lead to pages of a host. Raises InputError for no host, or one that is listed."""
    name = check_host(host)
    hold(session, organisation)
    before, after = {"listed": name in organisation.link_hosts}, {"listed": True}
    return propose(
        session, HOST, organisation, organisation_id=organisation.id, topic=name, before=before, after=after, by=by
    )


def _target_now(session: Session, campaign_id: int) -> dict[str, Any]:
    link = session.get(CountedLink, campaign_id, populate_existing=True)
    return {"target": link.target if link else ""}


def _read_target(session: Session, proposal: Proposal) -> Mapping[str, Any]:
    return _target_now(session, proposal.subject_id)


def _apply_target(session: Session, proposal: Proposal, by: int) -> None:
    lead_link(session, session.get_one(Campaign, proposal.subject_id), proposal.after["target"], by=by)


def _show_target(session: Session, proposal: Proposal) -> Shown:
    # The campaign of an example may have been thrown away since.
    campaign = session.get(Campaign, proposal.subject_id)
    lines = [Line(N_("Page that it leads to"), proposal.before["target"], proposal.after["target"])]
    hint = N_("Open the page on a device of your own, and see whose it is.")
    name, arguments = campaign.name if campaign else "–", {"campaign_id": proposal.subject_id}
    return Shown(name, lines, "reach.outcomes.index", arguments, hint)


def _read_host(session: Session, proposal: Proposal) -> Mapping[str, Any]:
    organisation = session.get_one(Organisation, proposal.organisation_id, populate_existing=True)
    return {"listed": proposal.topic in organisation.link_hosts}


def _apply_host(session: Session, proposal: Proposal, by: int) -> None:
    list_host(session, session.get_one(Organisation, proposal.organisation_id), proposal.topic, by=by)


def _show_host(session: Session, proposal: Proposal) -> Shown:
    return Shown(proposal.topic, [Line(N_("Host"), "", proposal.topic)], "reach.outcomes.hosts")


TARGET = Kind(
    LINK_TARGET,
    N_("Page that a link with a counter leads to"),
    Permission.REVIEW,
    _read_target,
    _apply_target,
    _show_target,
    proposing=Permission.EDIT,
)
HOST = Kind(
    "link_host",
    N_("Host that links may lead to"),
    Permission.ADMINISTER,
    _read_host,
    _apply_host,
    _show_host,
    proposing=Permission.ADMINISTER,
)
KINDS = (TARGET, HOST)

"""Records what came of a campaign: openings of a counted link, and what services and partners tell of its code."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import CellError, TransitionError
from campaigns.core.words import N_
from campaigns.places.models import Region
from campaigns.places.queries import find_region
from campaigns.planning.links.counted_links import CountedLink
from campaigns.planning.links.link_targets import check_target
from campaigns.planning.models import Campaign
from campaigns.reach.counting.ladder import Step
from campaigns.reach.outcomes.models import TOLD_STEPS, LinkDay, Outcome, Way
from campaigns.staff import audit
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned

#: More people than this in one report are no people who came, but a slip of the keyboard.
MOST_PEOPLE = 100_000


def record_assisted(
    session: Session,
    organisation_id: int,
    *,
    code: str,
    people: int,
    day: date,
    partner: str,
    step: Step = Step.ASSISTED,
    region_code: str | None = None,
    note: str = "",
    recurrent: bool = False,
    way: Way = Way.FORM,
    by: int | None = None,
) -> Outcome:
    """Record that `people` people came quoting a campaign's code; no names, no single person.

    `step` is SIGNPOSTED (they turned to a service) or ASSISTED (they got help). Raises CellError for a code that
    no campaign of the organisation has, a number or day that cannot be, or a region that we do not know.
    """
    campaign = _find_campaign(session, organisation_id, code)
    if step not in TOLD_STEPS:
        raise CellError(N_("Partners tell of people who turned to a service or got help, of nothing else."))
    _check_report(campaign, people=people, day=day, partner=partner)
    region = _find_region(session, region_code)
    outcome = Outcome(
        organisation_id=organisation_id,
        campaign_id=campaign.id,
        step=step,
        people=people,
        region_id=region.id if region else None,
        day=day,
        partner=partner.strip()[:200],
        way=way,
        note=note.strip()[:300],
        recurrent=recurrent,
        recorded_by_id=by,
        recorded_at=clock.now(),
    )
    return _record(session, outcome)


def _record(session: Session, outcome: Outcome) -> Outcome:
    session.add(outcome)
    session.flush()
    told = {"people": outcome.people, "step": outcome.step}
    _note(session, "reach.record_outcome", outcome, outcome.recorded_by_id, **told)
    return outcome


def _check_report(campaign: Campaign, *, people: int, day: date, partner: str) -> None:
    if not 0 < people <= MOST_PEOPLE:
        raise CellError(N_("Between 1 and %(most)s people can be given in one entry."), most=f"{MOST_PEOPLE:,}")
    if not partner.strip():
        raise CellError(N_("Say who tells it: the service or the partner."))
    if day > clock.now().date() or day < campaign.created_at.date():
        raise CellError(N_("%(day)s lies in the future, or before the campaign began."), day=day.isoformat())


def _find_region(session: Session, code: str | None) -> Region | None:
    region = find_region(session, code) if code else None
    if code and region is None:
        raise CellError(N_("%(code)s is an area that our map does not draw."), code=code[:10])
    return region


def withdraw_outcome(session: Session, outcome: Outcome, *, by: int | None) -> None:
    """Let a report that turned out wrong count nowhere; it stays readable. Raises TransitionError."""
    withdrawn = update(Outcome).where(Outcome.id == outcome.id, Outcome.withdrawn_at.is_(None))
    done = session.execute(withdrawn.values(withdrawn_at=clock.now()).returning(Outcome.id)).all()
    if not done:
        raise TransitionError(N_("These partner's figures were withdrawn already."))
    session.refresh(outcome)
    _note(session, "reach.withdraw_outcome", outcome, by)


def lead_link(session: Session, campaign: Campaign, target: str, *, by: int) -> CountedLink:
    """Lead the counted address of a campaign to a page.

    Two members settled it, see `proposed.py`; `by` is the one who agreed. Raises InputError for what is no page on
    a host of the organisation's.
    """
    organisation = session.get_one(Organisation, campaign.organisation_id)
    return _lead(session, campaign, check_target(target, organisation.link_hosts), "reach.change_link", by=by)


def take_away_link(session: Session, campaign: Campaign, *, by: int) -> None:
    """Let the counted address of a campaign lead nowhere, which takes one member. Raises TransitionError."""
    _hold(session, campaign)
    link = session.get(CountedLink, campaign.id, populate_existing=True)
    if link is None or not link.target:
        raise TransitionError(N_("This address leads nowhere already."))
    _lead(session, campaign, "", "reach.take_away_link", by=by)


def _lead(session: Session, campaign: Campaign, target: str, action: str, *, by: int) -> CountedLink:
    stored = session.get(CountedLink, campaign.id, with_for_update=True, populate_existing=True)
    link = stored or CountedLink(campaign_id=campaign.id, target="")
    before, link.target, link.changed_at = link.target, target, clock.now()
    session.add(link)
    session.flush()
    owner = {"organisation_id": campaign.organisation_id, "member_id": by}
    audit.record(session, action, subject=campaign, before=before, after=target, **owner)
    return link


def list_host(session: Session, organisation: Organisation, host: str, *, by: int) -> None:
    """Let links lead to pages of a host. Two administrators settled it; `by` is the one who agreed."""
    _hold(session, organisation)
    _keep_hosts(session, organisation, {*organisation.link_hosts, host}, by=by)


def remove_host(session: Session, organisation: Organisation, host: str, *, by: int) -> None:
    """Let links lead to a host no more, which takes one administrator: they lead nowhere from now on."""
    _hold(session, organisation)
    if host not in organisation.link_hosts:
        raise TransitionError(N_("This host is not listed."))
    _keep_hosts(session, organisation, set(organisation.link_hosts) - {host}, by=by)


def _hold(session: Session, row: Organisation | Campaign) -> None:
    """Read anew what is written back in part, and keep others from doing so meanwhile."""
    session.refresh(row, with_for_update={"key_share": True})


def _keep_hosts(session: Session, organisation: Organisation, hosts: set[str], *, by: int) -> None:
    before, organisation.link_hosts = organisation.link_hosts, sorted(hosts)
    session.flush()
    owner = {"organisation_id": organisation.id, "member_id": by}
    audit.record(
        session,
        "organisation.link_hosts",
        subject=organisation,
        before=before,
        after=organisation.link_hosts,
        **owner,
    )


def count_opening(session: Session, campaign_id: int, region_code: str | None = None) -> None:
    """Count that a campaign's address was opened today.

    Nothing is known of who opened it: no cookie, no address of a device, no token of a person.
    """
    region = find_region(session, region_code.upper()) if region_code else None
    is_postgres = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert(LinkDay) if is_postgres else sqlite.insert(LinkDay)
    row = {"campaign_id": campaign_id, "region_id": region.id if region else 0, "day": clock.now().date()}
    session.execute(
        insert.values(**row, openings=1).on_conflict_do_update(
            index_elements=list(row), set_={"openings": LinkDay.openings + 1}
        )
    )


def _find_campaign(session: Session, organisation_id: int, code: str) -> Campaign:
    wanted = owned(select(Campaign), Campaign, organisation_id).where(Campaign.code == code.strip().upper())
    campaign = session.scalar(wanted)
    if campaign is None:
        raise CellError(N_("no campaign of yours has the code %(code)s."), code=code.strip()[:10])
    return campaign


def _note(session: Session, action: str, outcome: Outcome, by: int | None, **detail: object) -> None:
    audit.record(
        session,
        action,
        subject=outcome,
        organisation_id=outcome.organisation_id,
        member_id=by,
        campaign=outcome.campaign_id,
        way=str(outcome.way),
        **detail,
    )

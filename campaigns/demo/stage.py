"""Sets the scene on an empty database, through the same verbs that members' pages call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Audience
from campaigns.audience.rules import AudienceRule, Direction, RoutePart
from campaigns.audience.service import create_audience, import_file
from campaigns.core import clock
from campaigns.core.settings import Settings
from campaigns.demo import scenario
from campaigns.demo.people import Stop, World, as_csv, invent_people
from campaigns.directory.exchange.service import import_services
from campaigns.directory.exchange.worklist import read_bundled
from campaigns.directory.models import Service
from campaigns.directory.proposed import SERVICE, change_service
from campaigns.directory.service import update_service, verify_service
from campaigns.members.proposed import ROLES, kinds_of_members
from campaigns.members.service import add_member
from campaigns.messages.models import Message
from campaigns.messages.service import create_in_languages, review_translation
from campaigns.places.files.sheets import read_locations, read_routes
from campaigns.places.models import PlaceKind, Region, Route
from campaigns.places.service import import_places, import_routes, load_regions
from campaigns.planning.do_no_harm.checklist import ITEMS, Answer
from campaigns.planning.do_no_harm.service import answer_harm, prepare_correction
from campaigns.planning.draft import Plan
from campaigns.planning.estimates.signpost_coverage import Pointed, point_people
from campaigns.planning.gates.assessment import assess
from campaigns.planning.models import Campaign, TemplateCategory, TemplateState, WhatsAppTemplate, ZonePolicy
from campaigns.planning.policy import Policy
from campaigns.planning.queries import load_content
from campaigns.planning.runs.rehearsal import rehearse as start_rehearsal
from campaigns.planning.schedules.recurrence import Timing
from campaigns.planning.senders.service import create_sender
from campaigns.planning.service import (
    accept_left_out,
    approve_campaign,
    create_campaign,
    schedule_campaign,
    submit_campaign,
)
from campaigns.planning.whatsapp.requests import ask_for_missing
from campaigns.proposals.service import agree
from campaigns.staff.credentials import load_credentials
from campaigns.staff.models import Role
from campaigns.staff.queries import owned
from campaigns.staff.service import change_password, create_member, create_organisation
from campaigns.staff.sign_in.passwords import hash_password, make_one_time_password

_PEOPLE = ("author", "approver")
#: How long an approver waits who is appointed later than by founding; nobody in the demo is.
NEW_APPROVER_WAITS = timedelta(hours=24)
#: Longest that submitting and approving take on a slow machine; the time must not pass meanwhile.
APPROVED_WITHIN = timedelta(seconds=25)


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part: ids of the organisation and its two members, and how they sign in."""

    organisation_id: int
    author_id: int
    approver_id: int
    #: E-mail address and password of each, in that order.
    sign_ins: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Hired:
    """A member to be: how they sign in, and what they are called."""

    email: str
    name: str
    password: str = field(default_factory=make_one_time_password)


def hire(session: Session) -> Cast:
    """Found the invented organisation, as two people do; their passwords are made up now.

    The first administrator comes by command. While nothing was sent they appoint the second, who approves, alone;
    what else the second is trusted with takes both.
    """
    slug, name = scenario.ORGANISATION
    organisation = create_organisation(session, slug, name=name, time_zone=scenario.TIME_ZONE)
    author, approver = (_Hired(f"{person}@example.org", f"{person.capitalize()} (invented)") for person in _PEOPLE)
    author_id = create_member(
        session,
        organisation,
        email=author.email,
        name=author.name,
        password_hash=hash_password(author.password),
        roles=(Role.AUTHOR, Role.STEWARD, Role.RESPONDER, Role.ADMIN),
    ).id
    kind = next(
        each
        for each in kinds_of_members(approver_wait=NEW_APPROVER_WAITS, seal=hash_password)
        if each.name == ROLES
    )
    member, proposal = add_member(
        session,
        organisation,
        kind,
        email=approver.email,
        name=approver.name,
        password_hash=hash_password(make_one_time_password()),
        roles=(Role.ADMIN, Role.APPROVER, Role.STEWARD, Role.AUTHOR),
        by=author_id,
    )
    change_password(session, member, hash_password(approver.password))
    if proposal is not None:
        agree(session, proposal, kind, by=member.id)
    sign_ins = tuple((each.email, each.password) for each in (author, approver))
    return Cast(organisation.id, author_id, member.id, sign_ins)


def mark_places(session: Session, cast: Cast) -> tuple[int, int]:
    """Import the bundled places and routes; return how many of each there are."""
    load_regions(session)
    data = files("campaigns.demo") / "data"
    locations = read_locations((data / "locations.csv").read_text(encoding="utf-8"))
    routes = read_routes((data / "routes.csv").read_text(encoding="utf-8"))
    import_places(session, cast.organisation_id, locations, by=cast.author_id, source=scenario.LABEL)
    import_routes(session, cast.organisation_id, routes, by=cast.author_id)
    return len(locations), len(routes)


def list_services(session: Session, cast: Cast) -> int:
    """Import the work list of hotlines and pretend to verify some; return how many were pretended.

    The first is changed after that, which takes both members.
    """
    drafts = read_bundled()
    import_services(
        session, cast.organisation_id, drafts.drafts, without_number=drafts.without_number, by=cast.author_id
    )
    pretended = scenario.simulated_verifications()
    services = session.scalars(
        owned(
            select(Service).where(Service.key.in_(pretended)).order_by(Service.key), Service, cast.organisation_id
        )
    ).all()
    for service in services[1:]:
        update_service(session, service, facts={"languages": pretended[service.key]}, by=cast.author_id)
    for service in services:
        verify_service(session, service, by=cast.approver_id, on=clock.now().date(), how="simulated", is_demo=True)
    _change_languages(session, cast, services[0], pretended[services[0].key])
    return len(services)


def _change_languages(session: Session, cast: Cast, service: Service, languages: list[str]) -> None:
    """Propose the languages of a service that texts may name, as one member, and agree as the other."""
    reason = "Simulated for the demo: told by the line itself."
    facts = {"languages": languages}
    proposal = change_service(session, service, facts=facts, by=cast.author_id, reason=reason)
    if proposal is not None:
        agree(session, proposal, SERVICE, by=cast.approver_id)


def gather_people(session: Session, cast: Cast, *, count: int, settings: Settings) -> list[dict[str, str]]:
    """Import `count` invented people near the stops of the programme's routes, as a member would: from a file.

    Return the rows of the file.
    """
    world = World(_stops(session, cast.organisation_id), scenario.language_shares(), scenario.WAYS)
    rows = list(invent_people(count, world, now=clock.now(), seed=scenario.SEED))
    import_file(
        session,
        cast.organisation_id,
        "invented-people.csv",
        as_csv(rows),
        by=cast.author_id,
        vault=settings.vault(),
        settings=settings,
    )
    return rows


def write_message(session: Session, cast: Cast) -> Message:
    """Write the message in six languages; the second member reviews each."""
    return _write(session, cast, scenario.CAMPAIGN, scenario.message_texts())


def plan(session: Session, cast: Cast, message: Message, settings: Settings) -> Campaign:
    """Make the audience, the senders and the campaign, and ask WhatsApp to approve its texts."""
    audience, credentials = _audience(session, cast), load_credentials(session, settings)
    senders = [
        create_sender(session, cast.organisation_id, facts=facts, by=cast.author_id, credentials=credentials)
        for facts in scenario.SENDERS
    ]
    campaign = create_campaign(
        session,
        cast.organisation_id,
        plan=Plan(
            name=scenario.CAMPAIGN,
            message_id=message.id,
            audience_id=audience.id,
            sender_ids=tuple(sender.id for sender in senders),
            max_parts=scenario.MAX_PARTS,
        ),
        by=cast.author_id,
    )
    ask_for_missing(
        session, campaign, category=TemplateCategory.UTILITY, by=cast.author_id, credentials=credentials
    )
    safeguard(session, cast, campaign)
    return campaign


def safeguard(session: Session, cast: Cast, campaign: Campaign) -> None:
    """Prepare the correction, and let the second member answer the do-no-harm checklist."""
    correction = _write(session, cast, f"{scenario.CAMPAIGN} (correction)", scenario.correction_texts())
    prepare_correction(session, campaign, message_id=correction.id, by=cast.author_id)
    answers = {item.key: Answer(True, scenario.HARM_WORDS) for item in ITEMS}
    digest = load_content(session, campaign).said_digest
    answer_harm(session, campaign, by=cast.approver_id, answers=answers, digest=digest)


def rehearse(session: Session, cast: Cast) -> int:
    """Rehearse the campaign once more, and return the id of that run."""
    campaign = session.scalars(owned(select(Campaign).limit(1), Campaign, cast.organisation_id)).one()
    return start_rehearsal(session, campaign, by=cast.author_id, now=clock.now()).id


def count_templates(session: Session) -> tuple[int, int]:
    """Count the texts that WhatsApp has approved, and those it was asked for."""
    states = session.scalars(select(WhatsAppTemplate.state)).all()
    return states.count(TemplateState.APPROVED), len(states)


def point(session: Session, campaign: Campaign, settings: Settings) -> Pointed:
    """Count the people of the campaign by the service that they are pointed to now."""
    return point_people(assess(session, campaign, now=clock.now(), policy=Policy.of(settings)).rendered)


def approve(session: Session, cast: Cast, campaign: Campaign, settings: Settings) -> datetime:
    """Give the campaign its time, submit it, let the second member approve exactly that; return the local time.

    People whose language has no text are left out, which the author agrees to with their number.
    """
    local = clock.now().astimezone(ZoneInfo(scenario.TIME_ZONE)).replace(tzinfo=None)
    start = (local + timedelta(minutes=1) + APPROVED_WITHIN).replace(second=0, microsecond=0)
    timing = Timing(start, None, ZonePolicy.FIXED, scenario.TIME_ZONE)
    schedule_campaign(session, campaign, timing=timing, by=cast.author_id)
    accept_left_out(session, campaign, by=cast.author_id)
    policy = Policy.of(settings)
    read = submit_campaign(session, campaign, by=cast.author_id, policy=policy).content.digest
    approve_campaign(session, campaign, by=cast.approver_id, digest=read, policy=policy)
    return start


def _write(session: Session, cast: Cast, title: str, texts: dict[str, str]) -> Message:
    """Write a message in several languages; the second member reviews each."""
    message = create_in_languages(
        session,
        cast.organisation_id,
        title=title,
        theme=scenario.THEME,
        base_language=scenario.BASE_LANGUAGE,
        texts=texts,
        by=cast.author_id,
    )
    for translation in message.translations:
        review_translation(session, translation, by=cast.approver_id)
    return message


def _audience(session: Session, cast: Cast) -> Audience:
    routes = session.scalars(
        owned(select(Route.id).where(Route.programme == scenario.PROGRAMME), Route, cast.organisation_id)
    )
    rule = AudienceRule(
        route_parts=tuple(RoutePart(route_id, Direction.ALL) for route_id in routes),
        max_position_age_days=scenario.POSITION_AGE_DAYS,
    )
    return create_audience(session, cast.organisation_id, name=scenario.AUDIENCE, rule=rule, by=cast.author_id)


def _stops(session: Session, organisation_id: int) -> list[Stop]:
    """Return the stops of the programme's routes; one that lies on several routes comes several times."""
    routes = owned(select(Route).where(Route.programme == scenario.PROGRAMME), Route, organisation_id)
    places = [stop.place for route in session.scalars(routes) for stop in route.stops]
    countries = dict(session.execute(select(Region.id, Region.country)).all())
    return [
        Stop(
            place.geometry["coordinates"][0],
            place.geometry["coordinates"][1],
            countries.get(place.region_id or 0, "UA"),
        )
        for place in places
        if place.kind == PlaceKind.STOP
    ]

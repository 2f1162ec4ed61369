"""By these verbs an example comes into an organisation, becomes its own, or goes again; none commits.

It can be rehearsed and never sent: its campaign says so, and the database keeps such a campaign a draft.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.audience.rules import AudienceRule, Direction, RoutePart
from campaigns.audience.service import create_audience
from campaigns.core.errors import RefusedError
from campaigns.core.words import N_
from campaigns.directory.exchange.service import import_services
from campaigns.directory.exchange.worklist import read_bundled
from campaigns.directory.models import Service
from campaigns.example.models import ExamplePart, PartKind
from campaigns.example.queries import CREDENTIAL, find_example, has_earlier, rows, sheet
from campaigns.example.removal import remove_parts
from campaigns.messages.models import Message
from campaigns.messages.service import create_in_languages
from campaigns.messages.themes import Theme
from campaigns.places.files.sheets import read_locations, read_routes
from campaigns.places.models import Place, Route
from campaigns.places.service import import_places, import_routes
from campaigns.planning.do_no_harm.service import prepare_correction
from campaigns.planning.draft import Plan
from campaigns.planning.models import Campaign, Sender
from campaigns.planning.service import create_campaign
from campaigns.staff import audit
from campaigns.staff.audit import Subject
from campaigns.staff.models import Organisation
from campaigns.staff.queries import hold_organisation, owned

#: Countries whose helplines come along, to be verified.
COUNTRIES = ("PL", "UA")
BASE_LANGUAGE = "en"
#: Ofcom keeps these numbers for films: nobody can be written to from one.
_NUMBERS = "+447700900{:03}"
_FIRST_NUMBER, _COUNT = 200, 800
#: Room for a link to leave in the longest of the texts: whose answers nobody hears has one.
MAX_PARTS = 4
#: How old a position may be, in days.
POSITION_AGE_DAYS = 30


@dataclass(frozen=True, slots=True)
class Names:
    """What the parts are called, in the language of who adds them."""

    message: str
    correction: str
    audience: str
    sender: str
    campaign: str


def add_example(session: Session, organisation: Organisation, *, names: Names, by: int) -> Campaign:
    """Add the example: places, helplines to verify, unreviewed texts, an audience, a correction and a campaign.

    Raises RefusedError when the organisation has one, or places of an earlier one: those are its own now.
    """
    ours = organisation.id
    # Whoever presses the button at the same time waits here, and is refused then.
    hold_organisation(session, ours)
    if find_example(session, ours) is not None:
        raise RefusedError(N_("The example is there already."))
    places, routes = _mark_places(session, ours, by)
    services = _list_services(session, ours, by)
    message, correction = (
        _write(session, ours, column, title, by)
        for column, title in (("message", names.message), ("correction", names.correction))
    )
    rule = AudienceRule(
        route_parts=tuple(RoutePart(route.id, Direction.ALL) for route in routes),
        max_position_age_days=POSITION_AGE_DAYS,
    )
    audience = create_audience(session, ours, name=names.audience, rule=rule, by=by)
    sender = _add_sender(session, ours, names.sender, by)
    plan = Plan(
        name=names.campaign,
        message_id=message.id,
        audience_id=audience.id,
        sender_ids=(sender.id,),
        max_parts=MAX_PARTS,
    )
    campaign = create_campaign(session, ours, plan=plan, by=by)
    campaign.is_example = True
    prepare_correction(session, campaign, message_id=correction.id, by=by)
    _mark(session, ours, [*places, *routes, *services, message, correction, audience, sender, campaign])
    audit.record(session, "example.add", subject=organisation, organisation_id=ours, member_id=by)
    return campaign


def keep_example(session: Session, organisation: Organisation, *, by: int) -> Campaign:
    """Make the example the organisation's own: from now on it passes every check before it is sent.

    Raises RefusedError when there is none.
    """
    campaign = _get_example(session, organisation.id)
    campaign.is_example = False
    session.execute(delete(ExamplePart).where(ExamplePart.organisation_id == organisation.id))
    audit.record(session, "example.keep", subject=organisation, organisation_id=organisation.id, member_id=by)
    return campaign


def throw_example_away(session: Session, organisation: Organisation, *, by: int) -> None:
    """Remove the example and its rehearsals; what the organisation uses elsewhere meanwhile stays, as its own.

    Raises RefusedError when there is none, or while a rehearsal of it is being sent.
    """
    remove_parts(session, _get_example(session, organisation.id), by=by)
    audit.record(session, "example.remove", subject=organisation, organisation_id=organisation.id, member_id=by)


def _get_example(session: Session, organisation_id: int) -> Campaign:
    campaign = find_example(session, organisation_id)
    if campaign is None:
        raise RefusedError(N_("There is no example here."))
    return campaign


def _mark_places(session: Session, ours: int, by: int) -> tuple[list[Place], list[Route]]:
    locations, routes = read_locations(sheet("places.csv")), read_routes(sheet("routes.csv"))
    own_places = owned(select(Place).where(Place.key.in_([row.key for row in locations])), Place, ours)
    own_routes = owned(select(Route).where(Route.key.in_([row.key for row in routes])), Route, ours)
    if has_earlier(session, ours):
        raise RefusedError(
            N_("Places or routes of an earlier example are yours now. Delete them before you add another one.")
        )
    import_places(session, ours, locations, by=by, source="example")
    import_routes(session, ours, routes, by=by)
    found = list(session.scalars(own_routes))
    # The strip along a route is a place, too.
    return [*session.scalars(own_places), *(route.corridor for route in found)], found


def _list_services(session: Session, ours: int, by: int) -> list[Service]:
    """Add the helplines that are not there yet; none is verified."""
    before = set(session.scalars(owned(select(Service.id), Service, ours)))
    drafts = [draft for draft in read_bundled().drafts if draft.country in COUNTRIES]
    import_services(session, ours, drafts, by=by)
    return [each for each in session.scalars(owned(select(Service), Service, ours)) if each.id not in before]


def _write(session: Session, ours: int, column: str, title: str, by: int) -> Message:
    texts = {row["language"]: row[column] for row in rows("texts.csv")}
    return create_in_languages(
        session, ours, title=title, theme=Theme.DOCS_KEEP, base_language=BASE_LANGUAGE, texts=texts, by=by
    )


def _add_sender(session: Session, ours: int, name: str, by: int) -> Sender:
    """Add a sender of which no provider ever heard."""
    sender = Sender(
        organisation_id=ours,
        name=name,
        channel=Channel.SMS,
        gateway="twilio",
        identity=_find_number(session, ours),
        secret_name=CREDENTIAL,
    )
    session.add(sender)
    session.flush()
    audit.record(session, "sender.create", subject=sender, organisation_id=ours, member_id=by)
    return sender


def _find_number(session: Session, ours: int) -> str:
    """Return a number that no sender has; organisations begin to look at different ones."""
    numbers = [_NUMBERS.format(_FIRST_NUMBER + (ours + step) % _COUNT) for step in range(_COUNT)]
    taken = set(session.scalars(select(Sender.identity).where(Sender.identity.in_(numbers))))
    free = next((number for number in numbers if number not in taken), None)
    if free is None:
        raise RefusedError(N_("Every number for examples is in use."))
    return free


def _mark(session: Session, ours: int, parts: Iterable[Subject]) -> None:
    session.flush()
    session.add_all(
        ExamplePart(organisation_id=ours, kind=PartKind(part.__tablename__), row_id=part.id) for part in parts
    )
    session.flush()

"""Factories with defaults: each makes one valid row, flushed, and lets a test change what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.handles import number_key
from campaigns.audience.models import Address, AddressState, Audience, Channel, Contact
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import load_settings
from campaigns.core.written_text import digest_of
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.directory.models import Service
from campaigns.messages.models import Message, MessageVersion, Origin, Translation, TranslationState
from campaigns.places.models import Place, PlaceKind, Region, Route, Waypoint
from campaigns.planning.do_no_harm.checklist import ITEMS
from campaigns.planning.do_no_harm.models import HarmReview
from campaigns.planning.models import (
    Campaign,
    CampaignSender,
    CampaignState,
    FallbackPolicy,
    Run,
    RunSender,
    RunState,
    Schedule,
    Sender,
    ZonePolicy,
)
from campaigns.planning.queries import load_content
from campaigns.reach.releases.documents.document import Heading, write_document
from campaigns.reach.releases.models import LedgerEntry, Release, ReleaseFile, ReportReader, ScopeKind, View
from campaigns.reach.releases.periods import period_named
from campaigns.reach.releases.privacy.disclose import shape_of
from campaigns.reach.releases.privacy.region_tree import load_tree
from campaigns.reach.releases.privacy.small_areas import fold
from campaigns.reach.releases.readers.service import add_reader
from campaigns.staff.credentials import Credentials, load_credentials
from campaigns.staff.models import ApiToken, Member, Membership, Organisation, Role
from campaigns.staff.tokens import ApiScope, issue_token

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MARCH = period_named("2026-03")
R = TypeVar("R")
#: Short names of organisations, for settings that say whose a credential is before there is any.
SLUGS = tuple(f"org-{number}" for number in range(1, 1000))


def add(session: Session, row: R) -> R:
    session.add(row)
    session.flush()
    return row


def an_organisation(session: Session, **changes: Any) -> Organisation:
    """An organisation; the first is called by the first of `SLUGS`, and so on."""
    slug = SLUGS[session.scalar(select(func.count()).select_from(Organisation)) or 0]
    return add(session, Organisation(**{"slug": slug, "name": f"Org {slug}", "created_at": NOON} | changes))


def a_member(session: Session, organisation: Organisation, *roles: Role, **changes: Any) -> Member:
    name = uuid4().hex[:8]
    values = {"email": f"{name}@example.org", "name": name, "fs_uniquifier": name, "created_at": NOON}
    member = add(session, Member(**values | changes))
    add(
        session,
        Membership(
            member_id=member.id,
            organisation_id=organisation.id,
            roles=sorted(roles or (Role.AUTHOR,)),
        ),
    )
    return member


def a_region(session: Session, **changes: Any) -> Region:
    values: dict[str, Any] = {"code": "PL-18", "country": "PL", "name": "Podkarpackie", "names": {}}
    return add(session, Region(**values | changes))


def a_place(session: Session, organisation: Organisation, **changes: Any) -> Place:
    values: dict[str, Any] = {
        "organisation_id": organisation.id,
        "key": uuid4().hex[:10],
        "kind": PlaceKind.HOTSPOT,
        "name": "Medyka",
        "geometry": {"type": "Point", "coordinates": [22.94, 49.8]},
        "radius_m": 5000,
        "created_at": NOON,
        "updated_at": NOON,
    }
    return add(session, Place(**values | changes))


def a_contact(session: Session, organisation: Organisation, **changes: Any) -> Contact:
    values: dict[str, Any] = {
        "organisation_id": organisation.id,
        "language": "uk",
        "time_zone": "Europe/Warsaw",
        "position_at": NOON,
        "created_at": NOON,
    }
    return add(session, Contact(**values | changes))


def an_address(
    session: Session, contact: Contact, vault: Vault, *, number: str = "+380501234567", **changes: Any
) -> Address:
    values: dict[str, Any] = {
        "organisation_id": contact.organisation_id,
        "contact_id": contact.id,
        "channel": Channel.SMS,
        "ciphertext": b"",
        "lookup": vault.lookup_hash(changes.get("channel", Channel.SMS), number),
        "number": number_key(vault, changes.get("channel", Channel.SMS), number),
        "country": "UA",
        "state": AddressState.ACTIVE,
        "created_at": NOON,
    }
    address: Address = add(session, Address(**values | changes))
    address.ciphertext = vault.seal(number, table="address", column="ciphertext", row_id=address.id)
    session.flush()
    return address


def a_message(
    session: Session, organisation: Organisation, texts: dict[str, str] | None = None, **changes: Any
) -> Message:
    values: dict[str, Any] = {
        "organisation_id": organisation.id,
        "title": "Keep your documents",
        "theme": "docs_keep",
        "base_language": "en",
        "created_at": NOON,
        "updated_at": NOON,
    }
    message: Message = add(session, Message(**values | changes))
    texts = texts or {"en": "Keep your passport.", "uk": "Паспорт тримайте при собі."}
    for language, text in texts.items():
        message.translations.append(
            Translation(
                language=language,
                text=text,
                source_digest=digest_of(texts.get(message.base_language, "")),
                state=TranslationState.REVIEWED,
                updated_at=NOON,
            )
        )
    session.flush()
    kept = MessageVersion(message_id=message.id, version=message.version, origin=Origin.WRITTEN, made_at=NOON)
    kept.texts, kept.wordings = texts, {}
    add(session, kept)
    return message


def safeguarded(session: Session, campaign: Campaign, reviewer: Member) -> None:
    """Answer the do-no-harm checklist of a campaign for what it says now, and prepare a correction of it.

    Nothing is done twice.
    """
    organisation = session.get_one(Organisation, campaign.organisation_id)
    texts = {each.language: "We gave you a wrong number." for each in campaign.message.translations}
    if campaign.correction_id is None:
        base = campaign.message.base_language
        campaign.correction = a_message(session, organisation, texts, base_language=base, title="Correction")
        session.flush()
    answers = {item.key: {"yes": True, "words": "Looked at."} for item in ITEMS}
    digest = load_content(session, campaign).said_digest
    answered = select(HarmReview.digest).where(HarmReview.campaign_id == campaign.id)
    if session.scalar(answered.order_by(HarmReview.id.desc()).limit(1)) == digest:
        return
    values = {"campaign_id": campaign.id, "member_id": reviewer.id, "digest": digest, "answered_at": NOON}
    add(session, HarmReview(answers=answers, **values))


def a_service(session: Session, organisation: Organisation, **changes: Any) -> Service:
    values: dict[str, Any] = {
        "organisation_id": organisation.id,
        "key": uuid4().hex[:10],
        "name": "La Strada",
        "kind": "trafficking",
        "country": "PL",
        "region_codes": [],
        "number_national": "+48 22 628 01 20",
        "number_from_abroad": "+48 22 628 01 20",
        "languages": ["pl", "en", "uk"],
        "hours": {},
        "time_zone": "Europe/Warsaw",
        "source_status": "sourced",
        "verified_on": NOON.date(),
        "created_at": NOON,
        "updated_at": NOON,
    }
    return add(session, Service(**values | changes))


def an_audience(session: Session, organisation: Organisation, **changes: Any) -> Audience:
    values: dict[str, Any] = {
        "organisation_id": organisation.id,
        "name": "Everybody",
        "rule": {},
        "created_at": NOON,
        "updated_at": NOON,
    }
    return add(session, Audience(**values | changes))


def a_sender(session: Session, **changes: Any) -> Sender:
    """A sender with a number of its own, the first with +15005550006; pass organisation_id= for one of theirs."""
    used = session.scalar(select(func.count()).select_from(Sender)) or 0
    values: dict[str, Any] = {
        "name": "NGOINFO",
        "channel": Channel.SMS,
        "gateway": "twilio",
        "identity": f"+1500555{6 + used:04}",
        "secret_name": "twilio",
        "pace": 1000.0,
    }
    return add(session, Sender(**values | changes))


def credentials(session: Session, mode: str = "demo", **changes: str) -> Credentials:
    """Whose the credentials are of an instance with one for Twilio; `changes` are names and values of settings."""
    values = {"mode": mode, "secret_twilio": "AC0:token"} | changes
    settings = load_settings({f"FINGERPOST_{name.upper()}": value for name, value in values.items()})
    return load_credentials(session, settings)


def a_campaign(session: Session, organisation: Organisation, member: Member, **changes: Any) -> Campaign:
    """A campaign; pass message=, audience=, sender= or senders= (in their order) to use existing ones."""
    senders = changes.pop("senders", None)
    message = changes.pop("message", None) or a_message(session, organisation)
    audience = changes.pop("audience", None) or an_audience(session, organisation)
    senders = senders or [changes.pop("sender", None) or a_sender(session)]
    values: dict[str, Any] = {
        "organisation_id": organisation.id,
        "name": "Documents",
        "code": uuid4().hex[:6].upper(),
        "state": CampaignState.DRAFT,
        "message_id": message.id,
        "audience_id": audience.id,
        "sender_id": senders[0].id,
        "fallback_policy": FallbackPolicy.DO_NOT_SEND,
        "max_parts": 3,
        "created_by_id": member.id,
        "created_at": NOON,
        "updated_at": NOON,
    }
    campaign = add(session, Campaign(**values | changes))
    for rank, sender in enumerate(senders):
        add(session, CampaignSender(campaign_id=campaign.id, rank=rank, sender_id=sender.id))
    return campaign


def a_schedule(session: Session, campaign: Campaign, **changes: Any) -> Schedule:
    values: dict[str, Any] = {
        "campaign_id": campaign.id,
        "starts_at": datetime(2026, 3, 2, 18, 0),
        "zone_policy": ZonePolicy.FIXED,
        "time_zone": "Europe/Warsaw",
    }
    return add(session, Schedule(**values | changes))


def a_run(session: Session, campaign: Campaign, **changes: Any) -> Run:
    """A run of the campaign in state `running` with its senders; pass schedule= to use an existing one."""
    schedule = changes.pop("schedule", None) or a_schedule(session, campaign)
    values: dict[str, Any] = {
        "organisation_id": campaign.organisation_id,
        "campaign_id": campaign.id,
        "schedule_id": schedule.id,
        "occurrence": schedule.starts_at,
        "state": RunState.RUNNING,
        "sender_id": campaign.sender_id,
        "channel": Channel.SMS,
        "digest": "0" * 64,
        "message_version": 1,
        "frozen": {},
        "created_at": NOON,
        "started_at": NOON,
    }
    run = add(session, Run(**values | changes))
    for rank, each in enumerate(campaign.ranked_senders):
        facts = {"channel": each.sender.channel, "countries": each.sender.countries}
        add(session, RunSender(run_id=run.id, rank=rank, sender_id=each.sender_id, **facts))
    return run


#: Years of ledgers in which releases of tests are paid for: each has room.
_years = count(2100)


def a_release(session: Session, campaign: Campaign, **changes: Any) -> Release:
    """A release of a campaign with one file; its document is only as whole as pages need."""
    heading = Heading(View.REGIONS, "campaign", ("Org",), (campaign.name, campaign.code), MARCH, 1, "", NOON)
    tree = load_tree()
    shape = shape_of(View.REGIONS, tree)
    body = write_document(heading, tree, shape, fold(dict.fromkeys(shape.leaves, 0), shape.parents))
    values: dict[str, Any] = {
        "organisation_id": campaign.organisation_id,
        "scope": ScopeKind.CAMPAIGN,
        "scope_id": campaign.id,
        "view": View.REGIONS,
        "period": "campaign",
        "revision": 1,
        "body": body,
        "sha256": "0" * 64,
        "title": campaign.name,
        "total": 0,
        "made_at": NOON,
    }
    release: Release = add(session, Release(**values | changes))
    add(session, ReleaseFile(release_id=release.id, format="csv", content=b"country", sha256="1" * 64))
    paid = {"organisation_id": campaign.organisation_id, "year": next(_years), "slot": 1}
    add(session, LedgerEntry(release_id=release.id, **paid))
    return release


def a_reader(session: Session, organisation: Organisation, member: Member, vault: Vault) -> ReportReader:
    address = f"{uuid4().hex[:8]}@example.org"
    return add_reader(session, vault, organisation.id, address=address, language="en", every="month", by=member.id)


def an_api_token(session: Session, organisation: Organisation, member: Member) -> ApiToken:
    return issue_token(session, organisation.id, name="P", scopes=ApiScope, days=30, by=member.id)[0]


#: Contacts of deliveries that need no contact row.
_strangers = count(1_000_000)


def a_delivery(session: Session, run: Run, **changes: Any) -> Delivery:
    """A queued delivery to a contact that need not exist; pass contact_id= and address_id= for one that does."""
    contact_id = next(_strangers)
    values: dict[str, Any] = {
        "run_id": run.id,
        "contact_id": contact_id,
        "address_id": contact_id,
        "channel": Channel.SMS,
        "sender_id": run.sender_id,
        "text_id": 0,
        "region_id": 0,
        "send_state": SendState.QUEUED,
        "reference": uuid4().hex,
        "due_at": NOON,
        "expires_at": NOON + timedelta(hours=12),
    }
    return add(session, Delivery(**values | changes))


def a_route(session: Session, organisation: Organisation, **changes: Any) -> Route:
    """A route with two stops; its corridor has no cells."""
    points = ([23.99, 49.84], [22.78, 49.78])
    line = {"type": "LineString", "coordinates": list(points)}
    corridor = a_place(session, organisation, kind=PlaceKind.CORRIDOR, geometry=line)
    values: dict[str, Any] = {
        "organisation_id": organisation.id,
        "key": uuid4().hex[:10],
        "name": "Lviv – Przemyśl",
        "mode": "rail",
        "width_m": 20_000,
        "corridor_id": corridor.id,
        "created_at": NOON,
        "updated_at": NOON,
    }
    route: Route = add(session, Route(**values | changes))
    for position, point in enumerate(points):
        geometry = {"type": "Point", "coordinates": point}
        stop = a_place(session, organisation, kind=PlaceKind.STOP, geometry=geometry)
        route.stops.append(Waypoint(position=position, place_id=stop.id))
    session.flush()
    return route

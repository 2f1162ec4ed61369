"""One sample of everything an address can name: URL arguments and the values they have in one organisation."""

from __future__ import annotations

import secrets
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from campaigns.audience.grouping import create_group
from campaigns.audience.models import Channel, ContactImport, EntryPoint, GroupKind, ImportState
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.leave_token import token_of
from campaigns.directory.proposed import propose_emergency_number
from campaigns.directory.service import Stated
from campaigns.gateways.callbacks import MediaKind
from campaigns.inbox.complaints.models import Complaint, ComplaintReader
from campaigns.inbox.conversations.models import Conversation, ConversationState
from campaigns.inbox.duty.models import Duty, Team
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.inbox.media.models import Media, MediaState
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.inbox.urgency.levels import Urgency
from campaigns.messages.models import GlossaryTerm
from campaigns.places.changes.guard import facts_of_place
from campaigns.places.models import Place
from campaigns.places.proposed import PLACE
from campaigns.planning.links.counted_links import CountedLink
from campaigns.planning.models import Campaign, CampaignState
from campaigns.proposals.models import Proposal
from campaigns.proposals.service import propose
from campaigns.reach.counting.ladder import Step
from campaigns.reach.imported.models import FileState, ReachFile, Source
from campaigns.reach.outcomes.models import Outcome, Way
from campaigns.reach.releases.models import AskedRelease, JointRequest, ScopeKind, View
from campaigns.staff.models import Member, Organisation
from campaigns.staff.queries import load_active_members
from tests.factories import (
    NOON,
    a_campaign,
    a_contact,
    a_delivery,
    a_message,
    a_place,
    a_reader,
    a_release,
    a_route,
    a_run,
    a_schedule,
    a_sender,
    a_service,
    add,
    an_address,
    an_api_token,
    an_audience,
)

_years = count(2001)
#: An id that nothing has.
MISSING = 999_999

#: Arguments that are not ids: the same in every organisation, and never missing.
CONSTANTS: dict[str, Any] = {
    "filename": "fingerpost.css",
    "language": "uk",
    "gateway": "twilio",
    "secret": "nobody-knows",
    "version": 1,
    "code": "NOBODYS",
    "region_code": "PL-18",
    "nonce": "0123456789abcdef",
    "format_name": "csv",
    "word": "signed-by-nobody",
    "country": "PL",
    "host": "nobody.example",
    "kind": "shelter",
    "theme": 1,
    "token": "nobodys",
}


def make_samples(session: Session, organisation: Organisation, member: Member, vault: Vault) -> dict[str, Any]:
    """Add one of each kind to `organisation` and return the values of URL arguments that name them.

    `member` is whom `<int:member_id>` names.
    """
    message, audience = a_message(session, organisation), an_audience(session, organisation)
    service, place = a_service(session, organisation), a_place(session, organisation)
    contact = a_contact(session, organisation)
    address = an_address(session, contact, vault, number=f"+38050{contact.id:07d}")
    group = create_group(
        session, organisation.id, kind=GroupKind.COHORT, name=f"Course {contact.id}", by=member.id
    )
    campaign = a_campaign(
        session, organisation, member, message=message, audience=audience, state=CampaignState.APPROVED
    )
    schedule = a_schedule(session, campaign)
    run = a_run(session, campaign, schedule=schedule)
    contact_file = add(
        session,
        ContactImport(
            organisation_id=organisation.id,
            file_name="people.csv",
            state=ImportState.CANCELLED,
            report={},
            created_at=NOON,
        ),
    )
    opt_outs = ContactImport(
        organisation_id=organisation.id,
        file_name="stops.csv",
        state=ImportState.CANCELLED,
        report={"opts_out": True, "rows": 0, "bad_rows": 0, "numbers": 0, "contacts": None, "done": 0},
        created_at=NOON,
    )
    entry_point = EntryPoint(
        organisation_id=organisation.id, code=f"gate-{contact.id}", name="Gate", place_id=place.id, created_at=NOON
    )
    conversation = Conversation(
        organisation_id=organisation.id,
        contact_id=contact.id,
        state=ConversationState.NEW,
        urgency=Urgency.QUESTION,
        reasons=[],
        waiting_since=NOON,
        last_at=NOON,
        channel=Channel.SMS,
        created_at=NOON,
    )
    term = GlossaryTerm(
        organisation_id=organisation.id,
        source_language="en",
        term=f"passport {contact.id}",
        language="uk",
        wording="паспорт*",
        updated_at=NOON,
    )
    named: dict[str, Any] = {
        "entry_point": add(session, entry_point),
        "message": message,
        # Not shared: nobody sees it among what partners share.
        "shared": message,
        "term": add(session, term),
        "audience": audience,
        "service": service,
        "place": place,
        "contact": contact,
        "group": group,
        "conversation": add(session, conversation),
        "complaint": add(session, a_complaint(session, organisation)),
        "duty": add(session, a_duty(organisation)),
        "team": add(session, Team(organisation_id=organisation.id, name=f"Team {contact.id}", created_at=NOON)),
        "hand_over": add(session, a_hand_over(conversation, member)),
        "address": address,
        "campaign": campaign,
        "schedule": schedule,
        "run": run,
        "delivery": a_delivery(session, run),
        "sender": a_sender(session, organisation_id=organisation.id),
        "route": a_route(session, organisation),
        "import": contact_file,
        "list": add(session, opt_outs),
        "member": member,
        "file": add(session, a_report(organisation)),
        "outcome": add(session, an_outcome(campaign)),
        "release": a_release(session, campaign),
        "joint": add(session, a_joint_request(organisation, member)),
        "asked": add(session, an_asked_release(organisation, member)),
        "reader": a_reader(session, organisation, member, vault),
        "token": an_api_token(session, organisation, member),
        "reply": add(session, a_reply(organisation)),
        "media": add(session, a_file(session, organisation)),
        "proposal": propose_emergency_number(session, organisation, "AF", a_notice(), by=member.id),
        "change": propose_move(session, place, by=member.id),
    }
    session.get_one(Organisation, organisation.id).link_hosts = ["example.org"]
    add(session, CountedLink(campaign_id=campaign.id, target="https://example.org/help", changed_at=NOON))
    tokens = {"code": campaign.code, "token": token_of(address.id, address.lookup, vault)}
    return {f"{name}_id": row.id for name, row in named.items()} | CONSTANTS | tokens


def a_complaint(session: Session, organisation: Organisation) -> Complaint:
    """A complaint about an organisation that all of its active members are to read."""
    facts = {
        "urgency": Urgency.QUESTION,
        "reasons": [],
        "channel": Channel.SMS,
        "last_at": NOON,
        "created_at": NOON,
    }
    facts |= {"organisation_id": organisation.id, "state": ConversationState.ANSWERED, "is_complaint": True}
    conversation = add(session, Conversation(contact_id=a_contact(session, organisation).id, **facts))
    for member_id in load_active_members(session, organisation.id):
        session.merge(ComplaintReader(organisation_id=organisation.id, member_id=member_id))
    about = {"organisation_id": organisation.id, "receiver_id": organisation.id}
    return Complaint(conversation_id=conversation.id, marked_at=NOON, **about)


def a_duty(organisation: Organisation) -> Duty:
    """A duty that nobody keeps yet."""
    whole = {"days": "0123456", "begin": 480, "end": 1200, "languages": []}
    return Duty(organisation_id=organisation.id, name="Day", created_at=NOON, **whole)


def a_hand_over(conversation: Conversation, member: Member) -> HandOver:
    """A conversation that its organisation hands to itself, so that one walk may do both halves."""
    return HandOver(
        conversation_id=conversation.id,
        organisation_id=conversation.organisation_id,
        receiver_id=conversation.organisation_id,
        state=OfferState.OFFERED,
        code=secrets.token_hex(3),
        urgency=conversation.urgency,
        sealed_summary=b"",
        sealed_consent=b"",
        offered_by_id=member.id,
        offered_at=NOON,
        due_at=NOON,
    )


def propose_move(session: Session, place: Place, *, by: int) -> Proposal:
    """Propose another name for a place."""
    before = facts_of_place(place)
    after = before | {"name": "Elsewhere"}
    return propose(session, PLACE, place, organisation_id=place.organisation_id, before=before, after=after, by=by)


def a_notice() -> Stated:
    """An emergency number in a document that nothing names yet."""
    return Stated("119", f"Ministry of the Interior, notice {secrets.token_hex(4)}", NOON.date())


def a_joint_request(organisation: Organisation, member: Member) -> JointRequest:
    """A joint release of a quarter of its own, as a quarter is asked for once at a time."""
    return JointRequest(
        organisation_id=organisation.id,
        organisation_ids=[organisation.id],
        period=f"{next(_years)}-Q1",
        revision=1,
        reason="",
        asked_by_id=member.id,
        asked_at=NOON,
    )


def an_asked_release(organisation: Organisation, member: Member) -> AskedRelease:
    """A release that waits until a worker has counted its people."""
    wanted = {"view": View.REGIONS, "scope": ScopeKind.ORGANISATION, "period": "2026-03", "reason": ""}
    times = {"asked_at": NOON, "due_at": NOON}
    return AskedRelease(organisation_id=organisation.id, member_id=member.id, **wanted, **times)


def a_reply(organisation: Organisation) -> Reply:
    """Something that a stranger wrote."""
    return Reply(
        gateway="twilio",
        provider_id=secrets.token_hex(16),
        channel=Channel.SMS,
        lookup=b"nobody's",
        organisation_id=organisation.id,
        kind=ReplyKind.TEXT,
        sealed_text=b"",
        received_at=NOON,
    )


def a_file(session: Session, organisation: Organisation) -> Media:
    """A voice note that the worker has not fetched yet."""
    return Media(
        reply_id=add(session, a_reply(organisation)).id,
        number=0,
        kind=MediaKind.VOICE,
        state=MediaState.WAITING,
        gateway="twilio",
        channel=Channel.SMS,
        account="AC0",
    )


def a_report(organisation: Organisation) -> ReachFile:
    """An undone file of reported reach."""
    return ReachFile(
        organisation_id=organisation.id,
        file_name="adverts.csv",
        source=Source.META_ADS,
        digest="0" * 64,
        exported_on=NOON.date(),
        state=FileState.UNDONE,
        reading={},
        report={"rows": 0, "largest": 0, "contacts": 0, "bad_rows": 0, "problems": [], "columns": []},
        created_at=NOON,
    )


def an_outcome(campaign: Campaign) -> Outcome:
    """Three people who came quoting the campaign's code."""
    return Outcome(
        organisation_id=campaign.organisation_id,
        campaign_id=campaign.id,
        step=Step.ASSISTED,
        people=3,
        day=NOON.date(),
        partner="Shelter",
        way=Way.FORM,
        recorded_at=NOON,
    )

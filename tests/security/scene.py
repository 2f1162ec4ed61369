"""What a thief finds: an organisation at work, its neighbour, and one stolen account of each kind."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from campaigns.audience.models import Address, AddressState
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.states import SendState
from campaigns.directory.models import EmergencyNumber, Service
from campaigns.gateways.callbacks import hook_secret
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.places.models import Place
from campaigns.planning.links.counted_links import CountedLink
from campaigns.planning.models import Approval, CampaignState, Decision, Run, RunState, Sender
from campaigns.proposals.models import Proposal, ProposalState
from campaigns.reach.releases.models import JointPartner, LedgerEntry
from campaigns.reach.releases.readers.service import sign_link
from campaigns.staff.models import TRUSTED, Member, Membership, Organisation, Role
from campaigns.staff.tokens import ApiScope, issue_token
from tests.audience.files.test_watch import STOPPED, say_stop
from tests.factories import (
    a_campaign,
    a_contact,
    a_delivery,
    a_member,
    a_place,
    a_reader,
    a_release,
    a_run,
    a_sender,
    add,
    an_address,
    an_audience,
)
from tests.reach.outcomes.told_by_two import Target, an_approved_campaign
from tests.web.pages import KEYS, Pages

#: Who a thief is: a member by role, an administrator of the neighbour, the bearer of a link or of a token.
ELSEWHERE, LINK = "admin elsewhere", "reader's link"
ACTORS = (*Role, ELSEWHERE, LINK, *ApiScope)
#: The number of ours, over a connection whose requests nobody signs, and what must stand in no answer.
NUMBER, KEY = "+447700900100", "ours_africa"
THEIR_NUMBER, THEIR_KEY, THEIR_CODE = "+447700900200", "theirs_africa", "THEIRS"
WORDS, PROVIDER_ID, PLAN = "meet me at five at the church", "SMofoneperson", "Go north on Friday"
SETTINGS = {"public_url": "https://f.example"}
for _key, _owner in ((KEY, "ours"), (THEIR_KEY, "theirs")):
    SETTINGS |= {f"secret_{_key}": f"{_key}:{_key}-token", f"owners_{_key}": _owner}
_EXACT = re.compile(r"\b1 of 1\b")
_PEOPLE = re.compile(r"38050000000\d")
_NO_DIGIT = re.compile(r"\D")


@dataclass(frozen=True, slots=True)
class Scene:
    """What is there, by id, and what the actors hold."""

    pages: Pages
    target: Target
    ids: dict[str, int]
    members: dict[str, Member]
    link: str
    tokens: dict[str, str]


def build(pages: Pages, vault: Vault) -> Scene:
    """Fill the empty database of `pages`."""
    with pages.sessions.begin() as session:
        ours, theirs = (session.get_one(Organisation, each.id) for each in (pages.ours, pages.theirs))
        target = an_approved_campaign(session, ours, vault, people=4)
        members = {str(role): a_member(session, ours, role) for role in Role}
        members[ELSEWHERE] = a_member(session, theirs, Role.ADMIN)
        a_member(session, ours, Role.ADMIN)
        ids = _things(session, ours, members[Role.AUTHOR], vault)
        ids["their_release"] = _neighbour(session, theirs, members[ELSEWHERE], vault)
        ids |= {f"{name}_id": each.id for name, each in members.items()}
        session.add_all(JointPartner(organisation_id=each.id, joined_at=clock.now()) for each in (ours, theirs))
        reader = a_reader(session, ours, members[Role.STEWARD], vault)
        admin_id = members[Role.ADMIN].id
        tokens = {
            str(scope): issue_token(session, ours.id, name="P", scopes=[scope], days=30, by=admin_id)[1]
            for scope in ApiScope
        }
        link = sign_link(KEYS["FINGERPOST_SECRET_KEY"], reader.id)
    return Scene(pages, target, ids, members, link, tokens)


def _things(session: Session, ours: Organisation, author: Member, vault: Vault) -> dict[str, int]:
    place = a_place(session, ours, name="Medyka")
    near = an_audience(session, ours, name="Medyka", rule={"place_ids": [place.id]})
    sender = a_sender(
        session,
        organisation_id=ours.id,
        identity=NUMBER,
        gateway="africastalking",
        secret_name=KEY,
    )
    campaign = a_campaign(session, ours, author, audience=near, sender=sender, state=CampaignState.APPROVED)
    now = clock.now()
    run = a_run(session, campaign, planned=4, started_at=now, state=RunState.RUNNING)
    person, stopped = session.scalars(select(Address).order_by(Address.id).limit(2)).all()
    stopped.state = AddressState.OPTED_OUT
    of_person = {"contact_id": person.contact_id, "address_id": person.id, "provider_id": PROVIDER_ID}
    delivery = a_delivery(
        session, run, send_state=SendState.ACCEPTED, due_at=now, expires_at=now + timedelta(hours=1), **of_person
    )
    reply = add(session, _a_reply(ours, person))
    reply.sealed_text = vault.seal(WORDS, table="reply", column="sealed_text", row_id=reply.id)
    own = a_campaign(session, ours, author, sender=sender, name=PLAN)
    return {
        "place": place.id,
        "near": near.id,
        "run": run.id,
        "delivery": delivery.id,
        "contact": person.contact_id,
        "stopped": stopped.contact_id,
        "draft": own.id,
        "sender": sender.id,
        "release": a_release(session, campaign).id,
    }


def _neighbour(session: Session, theirs: Organisation, member: Member, vault: Vault) -> int:
    """Let the neighbour have sent something, hear a stop, and make a release; return its id."""
    an_address(session, a_contact(session, theirs), vault, number=STOPPED)
    say_stop(session, vault, STOPPED)
    sender = a_sender(
        session,
        organisation_id=theirs.id,
        identity=THEIR_NUMBER,
        gateway="africastalking",
        secret_name=THEIR_KEY,
    )
    campaign = a_campaign(session, theirs, member, sender=sender, code=THEIR_CODE)
    a_run(session, campaign, started_at=clock.now(), state=RunState.DONE)
    return a_release(session, campaign).id


def _a_reply(ours: Organisation, person: Address) -> Reply:
    return Reply(
        gateway="africastalking",
        provider_id="AT1",
        channel=person.channel,
        lookup=person.lookup,
        organisation_id=ours.id,
        contact_id=person.contact_id,
        kind=ReplyKind.TEXT,
        sealed_text=b"",
        received_at=clock.now(),
    )


@dataclass
class Thief:
    """Somebody with one stolen account, and every answer they got."""

    scene: Scene
    name: str
    answers: list[TestResponse] = field(default_factory=list)
    #: What the attack itself found out by comparing answers.
    found: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._client: FlaskClient = self.scene.pages.client(self.scene.members.get(self.name))
        self.token = self.scene.tokens.get(self.name)
        self.is_reader = self.name == LINK
        self._headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if self.is_reader:
            self.get(f"/publications/{self.scene.link}")

    @property
    def is_elsewhere(self) -> bool:
        """Whether the account is one of the neighbour's."""
        return self.name == ELSEWHERE

    def get(self, path: str) -> TestResponse:
        return self._keep(self._client.get(path, headers=self._headers))

    def post(self, path: str, **content: Any) -> TestResponse:
        return self._keep(self._client.post(path, headers=self._headers, **content))

    def _keep(self, answer: TestResponse) -> TestResponse:
        self.answers.append(answer)
        return answer

    def agree_to_everything(self) -> None:
        """Agree, one by one and together, to all that waits."""
        with self.scene.pages.sessions() as session:
            waits = select(Proposal.id).where(Proposal.state == ProposalState.WAITING)
            ids = session.scalars(waits).all()
        for each in ids:
            self.post(f"/proposals/{each}/agree")
        if ids:
            self.post("/proposals/together", data={"proposal": ids})

    def reads(self) -> set[str]:
        """Return what stood in the answers that only few may read."""
        texts = [answer.get_data(as_text=True) for answer in self.answers]
        kept = {"plan": PLAN, "reply": WORDS, "row": PROVIDER_ID, "hook": hook_secret(f"{KEY}-token")}
        kept |= {"their hook": hook_secret(f"{THEIR_KEY}-token")}
        found = self.found | {name for name, words in kept.items() if any(words in text for text in texts)}
        found |= {"exact number" for text in texts if _EXACT.search(text)}
        return found | {"phone" for text in texts if _PEOPLE.search(_NO_DIGIT.sub("", text))}


def look(scene: Scene) -> dict[str, Any]:
    """Return what nobody alone may have changed."""
    with scene.pages.sessions() as session:
        ours = session.get_one(Organisation, scene.pages.ours.id)
        verified = select(Service).where(Service.verified_on.is_not(None)).order_by(Service.id)
        numbered = Sender.identity.in_((NUMBER, THEIR_NUMBER))
        senders = session.scalars(select(Sender).where(numbered).order_by(Sender.id)).all()
        return {
            "lines": [(row.id, row.number_national, row.number_from_abroad) for row in session.scalars(verified)],
            "emergencies": session.scalars(select(EmergencyNumber.number)).all(),
            "links": session.scalars(select(CountedLink.target)).all(),
            "hosts": ours.link_hosts,
            "place": _place(session.get_one(Place, scene.ids["place"])),
            "roles": _trusted(session, ours.id),
            "approvals": _count(session, Approval.id, Approval.decision == Decision.APPROVED),
            "runs": _count(session, Run.id, ~Run.is_rehearsal),
            "senders": [(row.id, row.organisation_id, row.identity, row.secret_name) for row in senders],
            "people": [str(state) for state in session.scalars(select(Address.state).order_by(Address.id))],
            "ledgers": _count(session, LedgerEntry.release_id),
        }


def waiting(scene: Scene) -> int:
    with scene.pages.sessions() as session:
        return _count(session, Proposal.id, Proposal.state == ProposalState.WAITING)


def _place(place: Place) -> tuple[str, dict[str, Any]]:
    return place.name, place.geometry


def _trusted(session: Session, organisation_id: int) -> list[tuple[int, list[Role], str]]:
    """Return who may do what can hurt, and by which password."""
    rows = select(Membership).where(Membership.organisation_id == organisation_id).order_by(Membership.id)
    found = []
    for row in session.scalars(rows):
        if roles := sorted(TRUSTED.intersection(row.roles)):
            secret = hashlib.sha256((row.member.password or "").encode()).hexdigest()
            found.append((row.member_id, roles, secret))
    return found


def _count(session: Session, column: Any, *conditions: Any) -> int:
    return session.scalar(select(func.count(column)).where(*conditions)) or 0

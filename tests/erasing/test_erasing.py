"""Everything of an erased person goes; reach stays as counts, and whoever said stop stays remembered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import LargeBinary, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import grant
from campaigns.audience.consent.pairs import find_pairs, note_pair
from campaigns.audience.models import (
    Address,
    Channel,
    Consent,
    Contact,
    ContactImport,
    Erasure,
    ImportState,
    SuppressedAddress,
)
from campaigns.audience.rules import (
    UNKNOWN_ZONE,
    AudienceRule,
    LeftOut,
    Resolution,
    SenderChoice,
    select_resolved,
)
from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Attempt, Delivery, Receipt, RunText
from campaigns.delivery.rehearsal_addresses import is_nobodys
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.erasing.leftovers import KEPT_FOR, go_on
from campaigns.erasing.service import Why, ask_to_erase
from campaigns.inbox.conversations import service as conversations
from campaigns.inbox.conversations.models import Conversation, ConversationWord, Draft
from campaigns.inbox.holds import settling
from campaigns.inbox.models import Reply
from campaigns.inbox.queries import open_text
from campaigns.messages.help_numbers import KnownHelp
from campaigns.planning.models import Run, Sender
from campaigns.reach.counting.ladder import carrier_countries
from campaigns.reach.counting.service import count_crowd, select_counts
from campaigns.reach.counting.unique_people import Crowd
from campaigns.reach.models import Scope
from campaigns.schema import metadata
from campaigns.staff.models import AuditEntry, AuditNote, Member, Organisation
from tests.factories import (
    a_campaign,
    a_contact,
    a_delivery,
    a_member,
    a_run,
    a_sender,
    an_address,
    an_organisation,
)
from tests.inbox.builders import OURS, THEM, write

pytestmark = pytest.mark.one_database

BEFORE = timedelta(hours=1)


@dataclass
class Scene:
    """A person who got a campaign's message, asked, was answered, and has a draft and a reason about them."""

    session: Session
    vault: Vault
    organisation: Organisation
    member: Member
    sender: Sender
    contact: Contact
    run: Run
    delivery: Delivery

    def hear(self, text: str, *, number: str = THEM, provider_id: str = "") -> Reply | None:
        named = {"provider_id": provider_id} if provider_id else {}
        return write(self.session, self.vault, self.organisation.id, text, options={}, from_handle=number, **named)

    @property
    def conversation(self) -> Conversation:
        return self.session.scalars(select(Conversation)).one()

    def answer(self, words: str) -> None:
        conversations.answer(
            self.session,
            self.conversation,
            words,
            by=self.member.id,
            seen=conversations.seen_now(self.session, self.conversation),
            vault=self.vault,
            known=KnownHelp([], {}, 180),
        )

    def erase(self, words: str = "") -> bool:
        done = ask_to_erase(
            self.session, self.contact, by=self.member.id, why=Why.ASKED, words=words, vault=self.vault
        )
        self.session.flush()
        self.session.expire_all()
        return done

    def counts(self) -> list[Any]:
        """Everything that reach tells of the run, and of its people counted once."""
        self.session.flush()
        found: list[Any] = sorted(tuple(row) for row in self.session.execute(select_counts(self.run.id)))
        for crowd in (
            Crowd(Scope.ORGANISATION, self.organisation.id),
            Crowd(Scope.CAMPAIGN, self.run.campaign_id or 0),
            Crowd(Scope.INSTANCE, 0),
        ):
            rows = (tuple(map(str, row.values())) for row in count_crowd(self.session, crowd))
            found.append(sorted(rows))
        return found


@pytest.fixture
def scene(session: Session, vault: Vault) -> Scene:
    return make_scene(session, vault)


def make_scene(session: Session, vault: Vault, *, number: str = THEM) -> Scene:
    organisation = an_organisation(session)
    member = a_member(session, organisation)
    sender = a_sender(session, organisation_id=organisation.id, identity=OURS)
    contact = a_contact(session, organisation)
    address = an_address(session, contact, vault, number=number)
    grant(session, address, Declaration("form", "v1", clock.now()))
    run = a_run(session, a_campaign(session, organisation, member))
    delivery = a_delivery(
        session,
        run,
        contact_id=contact.id,
        address_id=address.id,
        sender_id=sender.id,
        send_state=SendState.ACCEPTED,
        receipt_state=ReceiptState.DELIVERED,
        provider_id="SM-canary-provider-id",
        intent_at=clock.now() - BEFORE,
    )
    return Scene(session, vault, organisation, member, sender, contact, run, delivery)


def settle_answers(session: Session) -> None:
    """Let what was answered be sent."""
    session.execute(
        update(Delivery).where(Delivery.send_state == SendState.QUEUED).values(send_state=SendState.ACCEPTED)
    )


def ciphertexts(session: Session) -> set[bytes]:
    """Everything binary that any table holds: sealed words and keyed hashes."""
    found: set[bytes] = set()
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, LargeBinary):
                found |= {bytes(each) for each in session.scalars(select(column)) if each}
    return found


@pytest.mark.both_databases
def test_everything_of_theirs_goes(scene: Scene) -> None:
    session = scene.session
    before = ciphertexts(session)
    references = [scene.delivery.reference]
    scene.hear("Where can we sleep?")
    scene.answer("At the station.")
    settle_answers(session)
    conversations.keep_draft(session, scene.conversation, "A draft", by=scene.member.id, vault=scene.vault)
    settling.put_on_hold(session, scene.contact, by=scene.member.id, reason="phone was stolen", vault=scene.vault)
    theirs = ciphertexts(session) - before
    theirs |= {scene.contact.addresses[0].ciphertext, scene.contact.addresses[0].lookup}
    remembered = set(session.scalars(select(SuppressedAddress.lookup)))
    assert len(theirs) > 5
    assert scene.erase("said so at the desk") is True
    assert ciphertexts(session) & theirs - remembered == set()
    for mapped in (Address, Consent, Conversation, ConversationWord, Draft):
        assert session.scalar(select(func.count()).select_from(mapped)) == 0, mapped
    sent = session.scalars(select(Delivery)).all()
    assert {each.provider_id for each in sent} == {None}
    assert not {each.reference for each in sent} & set(references)
    assert all(is_nobodys(each.address_id) for each in sent)
    assert session.scalars(select(RunText.sealed_body).where(RunText.sealed_body.is_not(None))).all() == []
    left = session.get_one(Contact, scene.contact.id)
    assert (left.language, left.cell, left.region_id, left.position_at) == ("und", None, None, None)
    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (entry.action, entry.subject_id, entry.detail) == ("contact.erase", left.id, {"reason": "asked"})
    assert session.scalars(select(AuditNote.entry_id)).all() == [entry.id]
    assert THEM not in str(entry.detail)


def test_reach_stays_as_it_was(scene: Scene) -> None:
    scene.hear("Where can we sleep?")
    scene.hear("And where is food?")
    before = scene.counts()
    assert "engaged" in str(before)
    assert scene.erase() is True
    assert scene.counts() == before


def test_receipt_of_carrier_stays_one(session: Session, vault: Vault) -> None:
    scene = make_scene(session, vault)
    session.execute(update(Address).values(country=min(carrier_countries())))
    before = scene.counts()
    assert "carrier" in str(before)
    scene.erase()
    assert scene.counts() == before


def test_whoever_said_stop_stays_remembered(scene: Scene) -> None:
    scene.hear("STOP")
    marks = set(scene.session.scalars(select(SuppressedAddress.lookup)))
    assert marks
    scene.erase()
    assert set(scene.session.scalars(select(SuppressedAddress.lookup))) == marks


@pytest.mark.both_databases
@pytest.mark.parametrize("is_known", [False, True])
def test_two_handles_of_theirs_are_forgotten_once_nobody_here_has_either(scene: Scene, is_known: bool) -> None:
    phone, whatsapps = HashedHandle.of(scene.contact.addresses[0]), b"i" * 32
    note_pair(scene.session, HashedHandle(whatsapps, Channel.WHATSAPP, whatsapps), phone)
    if is_known:
        another = a_contact(scene.session, an_organisation(scene.session))
        an_address(scene.session, another, scene.vault, number=THEM)
    scene.erase()
    assert find_pairs(scene.session, [whatsapps]) == ({phone.phone} if is_known else set())


def test_whoever_writes_again_is_new(scene: Scene) -> None:
    scene.hear("Where can we sleep?", provider_id="SM-once")
    scene.erase()
    assert scene.hear("Where can we sleep?", provider_id="SM-once") is None, "the provider tells of it once more"
    reply = scene.hear("It is me again")
    assert reply is not None
    assert reply.contact_id not in (None, scene.contact.id)
    assert scene.conversation.contact_id == reply.contact_id
    assert scene.session.scalars(select(Address.contact_id)).all() == [reply.contact_id]


def test_queued_message_is_not_sent(scene: Scene) -> None:
    scene.delivery.send_state = SendState.QUEUED
    scene.erase()
    delivery = scene.session.get_one(Delivery, scene.delivery.id)
    assert delivery.send_state == SendState.SUPPRESSED
    assert delivery.expires_at <= clock.now()


def test_queued_answer_is_not_sent(scene: Scene) -> None:
    scene.hear("Where can we sleep?")
    scene.answer("At the station.")
    scene.erase()
    states = set(scene.session.scalars(select(Delivery.send_state)))
    assert states == {SendState.ACCEPTED, SendState.SUPPRESSED}


def test_files_that_wait_are_discarded(scene: Scene) -> None:
    waiting = ContactImport(
        organisation_id=scene.organisation.id,
        state=ImportState.CHECKED,
        sealed_file=scene.vault.seal(THEM, table="contact_import", column="sealed_file", row_id=1),
        report={},
        created_at=clock.now(),
    )
    scene.session.add(waiting)
    scene.session.flush()
    scene.erase()
    assert (waiting.state, waiting.sealed_file) == (ImportState.CANCELLED, None)


def test_other_organisation_keeps_its_contact(scene: Scene) -> None:
    theirs = a_contact(scene.session, an_organisation(scene.session))
    address = an_address(scene.session, theirs, scene.vault, number=THEM)
    scene.erase()
    assert scene.session.scalars(select(Address.id)).all() == [address.id]
    assert scene.session.get_one(Contact, theirs.id).erased_at is None


def test_whoever_shares_the_number_keeps_what_they_wrote(scene: Scene) -> None:
    """Two people of one phone, each on a channel of their own; one of them asked for help and waits."""
    theirs = a_contact(scene.session, scene.organisation)
    address = an_address(scene.session, theirs, scene.vault, number=THEM, channel=Channel.WHATSAPP)
    asked = write(
        scene.session, scene.vault, scene.organisation.id, "Where can we sleep?", options={}, channel="whatsapp"
    )
    assert asked is not None
    assert asked.contact_id == theirs.id
    scene.erase()
    kept = scene.session.get_one(Reply, asked.id)
    assert (kept.contact_id, open_text(kept, scene.vault)) == (theirs.id, "Where can we sleep?")
    assert (scene.conversation.contact_id, scene.conversation.last_reply_id) == (theirs.id, asked.id)
    assert scene.session.scalars(select(Address.id)).all() == [address.id]


def test_asked_once_with_few_words(scene: Scene) -> None:
    with pytest.raises(InputError):
        scene.erase("x" * 201)
    scene.erase()
    with pytest.raises(TransitionError):
        scene.erase()


def test_conversation_that_was_erased_takes_no_answer(scene: Scene) -> None:
    scene.hear("Where can we sleep?")
    kept = scene.conversation
    seen = conversations.seen_now(scene.session, kept)
    scene.session.expunge(kept)
    scene.erase()
    with pytest.raises(RefusedError):
        conversations.answer(
            scene.session,
            kept,
            "At the station.",
            by=scene.member.id,
            seen=seen,
            vault=scene.vault,
            known=KnownHelp([], {}, 180),
        )


def test_message_on_its_way_is_waited_for(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        scene = make_scene(session, vault)
        scene.delivery.send_state, scene.delivery.token = SendState.SENDING, "t"
        other = a_run(session, a_campaign(session, scene.organisation, scene.member))
        address_id = scene.contact.addresses[0].id
        queued = a_delivery(session, other, contact_id=scene.contact.id, address_id=address_id)
        assert scene.erase() is False
        delivery_id, contact_id, queued_id = scene.delivery.id, scene.contact.id, queued.id
        reference = scene.delivery.reference
    go_on(sessions, vault)
    with sessions.begin() as session:
        assert session.get_one(Contact, contact_id).erased_at is None
        assert session.get_one(Delivery, queued_id).send_state == SendState.SUPPRESSED
        session.get_one(Delivery, delivery_id).send_state = SendState.ACCEPTED
    go_on(sessions, vault)
    with sessions.begin() as session:
        assert session.get_one(Contact, contact_id).erased_at is not None
        assert session.scalar(select(func.count(Address.id))) == 0
        assert session.get_one(Delivery, delivery_id).reference != reference


def test_no_run_is_planned_for_whoever_waits_to_be_erased(sessions: sessionmaker[Session], vault: Vault) -> None:
    """A run that starts while a message is on its way would else reach them before a worker looks again."""
    with sessions.begin() as session:
        scene = make_scene(session, vault)
        scene.delivery.send_state, scene.delivery.token = SendState.SENDING, "t"
        assert scene.erase() is False
        by_sms = (SenderChoice(scene.sender.id, Channel.SMS),)
        anybody = Resolution(by_sms, ("uk",), "uk", UNKNOWN_ZONE, clock.now())
        of = scene.organisation.id
        people = session.execute(select_resolved(AudienceRule(), of, anybody)).all()
        assert [person.reason for person in people] == [LeftOut.OPTED_OUT]
        # They did not say stop: a later agreement counts.
        assert session.scalar(select(func.count()).select_from(SuppressedAddress)) == 0


def test_late_receipts_go_and_the_erasure_ends(
    sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sessions.begin() as session:
        scene = make_scene(session, vault)
        scene.hear("Where can we sleep?")
        scene.hear("And where is food?")
        tried = Attempt(delivery_id=scene.delivery.id, number=1, at=clock.now(), outcome="fell_back")
        tried.reference, tried.provider_id, tried.address_id = "earlier-reference", "SM-earlier", 7
        session.add(tried)
        reference = scene.delivery.reference
        scene.erase()
        for word in (reference, "earlier-reference", "a-stranger"):
            session.add(a_receipt(word))
    go_on(sessions, vault)
    with sessions.begin() as session:
        assert session.scalars(select(Receipt.reference)).all() == ["a-stranger"]
        session.add(a_receipt("later", provider_id="SM-canary-provider-id"))
        kept = session.scalars(select(Attempt)).one()
        assert (kept.reference, kept.address_id, kept.provider_id) == (None, None, "")
        assert session.scalars(select(Erasure.cleaned_at)).one() is not None
    go_on(sessions, vault)
    later = clock.now() + KEPT_FOR
    monkeypatch.setattr(clock, "now", lambda: later)
    go_on(sessions, vault)
    with sessions.begin() as session:
        assert session.scalars(select(Receipt.reference)).all() == ["a-stranger"]
        assert session.scalars(select(Erasure.contact_id)).all() == []
        [left] = session.scalars(select(Reply)).all()
        assert left.provider_id.startswith("none-")


def a_receipt(reference: str, **changes: Any) -> Receipt:
    values: dict[str, Any] = {"provider_id": f"of-{reference}", "gateway": "twilio", "status": "sent", "raw": {}}
    return Receipt(reference=reference, received_at=clock.now(), **values | changes)

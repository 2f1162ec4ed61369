"""A receiver alone can open what it takes along, and no number, id or name of staff is in it."""

from __future__ import annotations

import io
import json
import random
from dataclasses import dataclass

import pypdf
import pyrage
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.errors import InputError, TransitionError
from campaigns.core.folding import digits_of, words_of
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.handing_over import service
from campaigns.inbox.handing_over.exporting import export_keys, exports
from campaigns.inbox.handing_over.exporting.exported import Document
from campaigns.inbox.handing_over.exporting.exports import Format
from campaigns.inbox.handing_over.exporting.paper import set_on_paper
from campaigns.inbox.handing_over.models import ExportKey, HandOver
from campaigns.staff.models import AuditEntry
from tests.factories import a_member
from tests.inbox.handing_over.exporting.generated_threads import Planted, make_staff, make_threads
from tests.inbox.handing_over.test_service import SUMMARY, Desks, desks

__all__ = ["desks"]
pytestmark = pytest.mark.one_database


@dataclass
class Receiver:
    """The receiver's half: its key, and what it takes along."""

    desks: Desks
    vault: Vault
    identity: pyrage.x25519.Identity

    def confirm_key(self) -> ExportKey:
        session, by = self.desks.session, self.desks.worker.id
        recipient = str(self.identity.to_public())
        key = export_keys.add_key(session, self.desks.partner.id, recipient, by=by, vault=self.vault)
        word = pyrage.decrypt(key.encrypted_word.encode(), [self.identity]).decode()
        export_keys.confirm_key(session, key, word, by=by, vault=self.vault)
        return key

    def accept(self, summary: str = SUMMARY, consent: str = "Yes.") -> HandOver:
        made = self.desks.offer(summary="A bed.", consent=consent)
        # As an offer may stand that was made before numbers were looked for so thoroughly.
        made.sealed_summary = self.vault.seal(summary, table="hand_over", column="sealed_summary", row_id=made.id)
        service.accept(self.desks.session, made, by=self.desks.worker.id)
        return made

    def export(self, handed: HandOver, format_: Format = Format.JSON) -> bytes:
        by, session = self.desks.worker.id, self.desks.session
        document = exports.read_for_export(session, handed, vault=self.vault)
        plain = document.to_json() if format_ is Format.JSON else _paper(document)
        return exports.export(session, handed, plain, format_, by=by)

    def open(self, file: bytes) -> bytes:
        opened: bytes = pyrage.decrypt(file, [self.identity])
        return opened


def _paper(document: Document) -> bytes:
    return set_on_paper(
        "Handed over", [("What", document.summary), ("Said", document.consent or "")], language="en"
    )


def _read(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


@pytest.fixture
def receiver(desks: Desks, vault: Vault) -> Receiver:
    return Receiver(desks, vault, pyrage.x25519.Identity.generate())


def test_export_is_opened_by_the_receiver_alone(receiver: Receiver) -> None:
    receiver.confirm_key()
    handed = receiver.accept("A woman with a child, call +380 67 000 00 01", "Yes, I am @ivanna")
    file = receiver.export(handed)
    told = json.loads(receiver.open(file))
    assert told["summary"] == "A woman with a child, call ███"
    assert told["consent"] == "Yes, I am ███"
    assert (told["sender"], told["receiver"]) == (receiver.desks.person.organisation.name, "Shelter")
    assert not {"id", "code", "conversation_id"} & set(told)
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(file, [pyrage.x25519.Identity.generate()])
    assert "A woman with a child, call ◼◼◼" in _read(receiver.open(receiver.export(handed, Format.PDF)))
    lines = receiver.desks.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "hand_over.export").order_by(AuditEntry.id)
    ).all()
    assert [line.detail["format"] for line in lines] == ["json", "pdf"]
    assert {line.organisation_id for line in lines} == {receiver.desks.partner.id}


def test_nothing_is_exported_without_a_confirmed_key(receiver: Receiver) -> None:
    handed = receiver.accept()
    with pytest.raises(TransitionError, match="key that your organisation confirmed"):
        receiver.export(handed)
    recipient = str(receiver.identity.to_public())
    by = receiver.desks.worker.id
    key = export_keys.add_key(
        receiver.desks.session, receiver.desks.partner.id, f" {recipient}\n", by=by, vault=receiver.vault
    )
    assert (key.recipient, key.confirmed_at) == (recipient, None)
    with pytest.raises(TransitionError, match="key that your organisation confirmed"):
        receiver.export(handed)
    with pytest.raises(InputError, match="not the word"):
        export_keys.confirm_key(receiver.desks.session, key, "bcdfghjkmn", by=by, vault=receiver.vault)
    with pytest.raises(TransitionError, match="not confirmed"):
        export_keys.encrypt_to(key, b"")


def test_another_key_has_to_be_confirmed_anew(receiver: Receiver) -> None:
    first, session, by = receiver.confirm_key(), receiver.desks.session, receiver.desks.worker.id
    with pytest.raises(TransitionError, match="confirmed already"):
        export_keys.confirm_key(session, first, "x", by=by, vault=receiver.vault)
    theirs, other = receiver.desks.partner.id, str(pyrage.x25519.Identity.generate().to_public())
    second = export_keys.add_key(session, theirs, other, by=by, vault=receiver.vault)
    assert (second.id, second.confirmed_at) == (first.id, None)
    assert export_keys.find_confirmed(session, theirs) is None
    export_keys.remove_key(session, second, by=by)
    assert export_keys.find_key(session, theirs) is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("age1nothing", "no public key of age"),
        ("ssh-ed25519 AAAA", "no public key of age"),
        ("AGE-SECRET-KEY-1QQPQQ", "This is the secret half"),
    ],
)
def test_what_is_no_public_key_is_refused(session: Session, vault: Vault, written: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        export_keys.add_key(session, 1, written, by=1, vault=vault)


def test_only_what_is_in_the_receivers_hands_is_exported(receiver: Receiver) -> None:
    receiver.confirm_key()
    offered = receiver.desks.offer()
    with pytest.raises(TransitionError, match="Only what you accepted"):
        receiver.export(offered)
    service.accept(receiver.desks.session, offered, by=receiver.desks.worker.id)
    assert receiver.export(offered)
    service.take_back(receiver.desks.session, offered, by=receiver.desks.person.member.id)
    with pytest.raises(TransitionError, match="Only what you accepted"):
        receiver.export(offered)


@pytest.mark.parametrize("count", [20, pytest.param(1_000, marks=pytest.mark.slow)])
def test_generated_threads_leave_without_numbers_ids_or_names(receiver: Receiver, count: int) -> None:
    chance, session = random.Random(count), receiver.desks.session
    staff = make_staff(chance, 6)
    for number, name in enumerate(staff):
        ours = number % 2 == 0
        organisation = receiver.desks.person.organisation if ours else receiver.desks.partner
        a_member(session, organisation, name=name, email=f"staff-{number}@example.org")
    receiver.confirm_key()
    stranger, leaks, opened_by_others = pyrage.x25519.Identity.generate(), list[str](), 0
    for planted in make_threads(chance, staff, count):
        handed = receiver.accept(planted.text)
        for format_ in Format:
            file = receiver.export(handed, format_)
            plain = receiver.open(file)
            text = _read(plain) if format_ is Format.PDF else json.loads(plain)["summary"]
            leaks += _found(planted, handed, text)
            try:
                pyrage.decrypt(file, [stranger])
                opened_by_others += 1
            except pyrage.DecryptError:
                pass
        service.take_back(session, handed, by=receiver.desks.person.member.id)
    assert (leaks, opened_by_others) == ([], 0)


def _found(planted: Planted, handed: HandOver, text: str) -> list[str]:
    """Return what of a thread is left in its export, found by other means than it was masked by."""
    digits, words = digits_of(text), set(words_of(text))
    found = [number for number in (*planted.numbers, handed.code) if number in digits]
    found += [handle for handle in planted.handles if handle in text]
    return found + [part for name in planted.names for part in words_of(name) if part in words]


def test_export_keeps_the_words_that_are_needed(receiver: Receiver) -> None:
    receiver.confirm_key()
    told = "Two adults, 3 children of 4, 7 and 12 years; they come at 18:30."
    assert json.loads(receiver.open(receiver.export(receiver.accept(told))))["summary"] == told

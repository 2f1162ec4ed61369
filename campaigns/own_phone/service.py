"""Verbs on a member's own phone: enter, prove, remove it, and send a test message to it. None commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from campaigns.audience.consent.handles import lookups_of, number_key, number_of, read_number
from campaigns.audience.consent.ledger import find_suppressed
from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.errors import QuotaError, RefusedError
from campaigns.core.keys.crypto import Vault
from campaigns.core.sentences import CountryName
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.delivery.answers.answer_runs import AnswerText, close_answer, queue_to_phone
from campaigns.delivery.lanes.text_senders import find_text_sender, load_text_senders
from campaigns.own_phone.models import TestText
from campaigns.own_phone.phone_codes import LIVES, MOST_TRIES, hash_of_code, is_code, make_code
from campaigns.own_phone.queries import count_tests, find_phone
from campaigns.planning.models import Run, Sender
from campaigns.planning.senders.connections import find_faults
from campaigns.planning.senders.prices import most_cents
from campaigns.staff import audit
from campaigns.staff.models import SEALED_NUMBER, Member, MemberPhone
from campaigns.staff.service import CHANGE_PHONE, organisations_of

#: Test messages of a member in a day.
TESTS_A_DAY, DAY = 10, timedelta(days=1)
#: Stands in front of a test message, in a line of its own: whatever direction the text has.
MARK = "TEST"
#: A test message that could not be sent for so long is of no use.
TEST_LIVES = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class EnteredNumber:
    """A phone number that a member typed."""

    #: E.164.
    text: str
    country: str | None
    key: bytes


def read_own_number(typed: str, vault: Vault) -> EnteredNumber:
    """Return what a member typed. Raises AddressError saying what to mend."""
    text, country = read_number(typed, default_country=None)
    return EnteredNumber(text, country, number_key(vault, Channel.SMS, text))


def enter_number(
    session: Session,
    member: Member,
    organisation_id: int,
    number: EnteredNumber,
    *,
    language: str,
    words: str,
    settings: Settings,
) -> None:
    """Take a number in place of the one before, and send it a code; `words` say it, with {code}.

    A number that said stop gets none, and whoever entered it is not told: it may be somebody else's. So its code
    is noted like any other, at its price, and closed. Raises RefusedError where no sender reaches it.
    """
    vault = settings.vault()
    # Of two clicks at once the second replaces the phone of the first.
    session.execute(select(Member.id).where(Member.id == member.id).with_for_update(key_share=True))
    sender = choose_sender(session, organisation_id, number.country, settings=settings)
    session.execute(delete(MemberPhone).where(MemberPhone.member_id == member.id))
    code = make_code()
    phone = MemberPhone(
        member_id=member.id,
        sealed_number=b"",
        number=number.key,
        country=number.country,
        code_made_at=clock.now(),
    )
    session.add(phone)
    session.flush()
    phone.sealed_number = vault.seal(number.text, **SEALED_NUMBER, row_id=phone.id)
    phone.code_hash = hash_of_code(code, phone.id, vault)
    text = AnswerText(language, words.format(code=code))
    run = _queue(session, phone, organisation_id, sender, text, vault=vault, is_code=True)
    if _may_have_stopped(session, number.text, vault):
        close_answer(session, run)
    audit.record(
        session, "member.enter_phone", subject=member, organisation_id=organisation_id, member_id=member.id
    )


def count_code_try(session: Session, member_id: int) -> bool:
    """Count a typed code before it is compared, so that many at once are no more; False: too many, or too old."""
    changed = (
        update(MemberPhone)
        .where(MemberPhone.member_id == member_id, MemberPhone.code_hash.is_not(None))
        .where(MemberPhone.tries < MOST_TRIES, MemberPhone.code_made_at > clock.now() - LIVES)
        .values(tries=MemberPhone.tries + 1)
    )
    return session.execute(changed.returning(MemberPhone.id)).first() is not None


def prove_phone(session: Session, member: Member, typed: str, *, vault: Vault) -> bool:
    """Say whether the code is right; the phone then is the member's, of which administrators are told."""
    phone = _hold(session, member.id)
    if phone is None or phone.code_hash is None or not is_code(typed, phone.code_hash, phone.id, vault):
        return False
    phone.code_hash, phone.proved_at = None, clock.now()
    for organisation_id in organisations_of(member):
        audit.record(session, CHANGE_PHONE, subject=member, organisation_id=organisation_id, member_id=member.id)
    return True


def remove_phone(session: Session, member: Member) -> None:
    """Remove the phone of a member; what is queued for it is not sent any more."""
    gone = session.execute(delete(MemberPhone).where(MemberPhone.member_id == member.id).returning(MemberPhone.id))
    if gone.all():
        audit.record(session, "member.remove_phone", subject=member, organisation_id=None, member_id=member.id)


def send_test(
    session: Session,
    member: Member,
    organisation_id: int,
    text: AnswerText,
    *,
    settings: Settings,
    among: Sequence[Sender] | None = None,
) -> Run:
    """Queue a test message to the member's phone over the first sender `among` these (None: all) that reaches it.

    Raises RefusedError where the phone is not proved, said stop or is reached by no sender, QuotaError after too
    many.
    """
    phone = _hold(session, member.id)
    if phone is None or phone.proved_at is None:
        raise RefusedError(N_("Enter your own phone number in the settings and prove it by a code first."))
    vault = settings.vault()
    _check_may_hear(session, phone, vault)
    now = clock.now()
    if count_tests(session, member.id, since=now - DAY) >= TESTS_A_DAY:
        raise QuotaError(N_("%(count)s test messages a day are the most. Try again tomorrow."), count=TESTS_A_DAY)
    sender = choose_sender(session, organisation_id, phone.country, settings=settings, among=among)
    marked = AnswerText(text.language, f"{MARK}\n{text.body}")
    run = _queue(session, phone, organisation_id, sender, marked, vault=vault, is_code=False)
    audit.record(
        session,
        "member.send_test",
        subject=run,
        organisation_id=organisation_id,
        member_id=member.id,
        sender=sender.id,
    )
    return run


def choose_sender(
    session: Session,
    organisation_id: int,
    country: str | None,
    *,
    settings: Settings,
    among: Sequence[Sender] | None = None,
) -> Sender:
    """Return the first sender of text messages that reaches a country now. Raises RefusedError for none."""
    usable = load_text_senders(session, {organisation_id})
    if among is not None:
        ids = {each.id for each in usable}
        usable = [each for each in among if each.id in ids]
    faults = find_faults(settings, session, usable, organisation_id)
    sender = find_text_sender([each for each in usable if each.id not in faults], country)
    if sender is None:
        raise RefusedError(
            N_("No sender writes text messages to numbers of this country now: %(country)s. Look at the senders."),
            country=CountryName(country or ""),
        )
    return sender


def _hold(session: Session, member_id: int) -> MemberPhone | None:
    """Return the phone of a member, held until the transaction ends: two tests at once are both counted."""
    phone = find_phone(session, member_id)
    if phone is not None:
        session.refresh(phone, with_for_update=True)
    return phone


def _may_have_stopped(session: Session, number: str, vault: Vault) -> bool:
    """Say whether a number said stop, or may have, on any channel; an earlier version remembered other hashes."""
    spellings = {number, number_of(number) or number}
    numbers = {vault.number_hash(each) for each in spellings}
    handles = set[bytes]().union(*(lookups_of(vault, each) for each in spellings))
    return bool(find_suppressed(session, numbers | handles, or_held=True))


def _check_may_hear(session: Session, phone: MemberPhone, vault: Vault) -> None:
    number = vault.open(phone.sealed_number, **SEALED_NUMBER, row_id=phone.id)
    if _may_have_stopped(session, number, vault):
        raise RefusedError(
            N_("Somebody opted out with this number, so nothing is sent to it. Send START from it to the sender.")
        )


def _queue(
    session: Session,
    phone: MemberPhone,
    organisation_id: int,
    sender: Sender,
    text: AnswerText,
    *,
    vault: Vault,
    is_code: bool,
) -> Run:
    now = clock.now()
    lives = LIVES if is_code else TEST_LIVES
    run = queue_to_phone(session, phone, organisation_id, sender, text, vault=vault, until=now + lives)
    session.add(
        TestText(
            run_id=run.id,
            member_id=phone.member_id,
            organisation_id=organisation_id,
            language=text.language,
            is_code=is_code,
            cents=most_cents(text.body, phone.country, sender.prices),
            asked_at=now,
        )
    )
    session.flush()
    return run

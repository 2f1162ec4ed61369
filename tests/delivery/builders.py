"""Runs with people in them, and what became of their messages, for tests of fan-out and engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.handles import number_key
from campaigns.audience.models import Address, AddressState, Channel, Contact
from campaigns.core.database import reserve_ids
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Claimed, Result
from campaigns.delivery.models import Delivery, RunText, RunZone
from campaigns.delivery.references import new_reference
from campaigns.delivery.states import SendState
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.models import Run, RunState
from campaigns.staff.models import Organisation
from tests.factories import NOON, a_campaign, a_member, a_message, a_run, a_sender, a_service, add, an_organisation

FAR = datetime(2099, 1, 1, tzinfo=UTC)
TEXT = "Keep your passport."


def frozen(texts: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """Return what a run keeps of a campaign with these texts."""
    values: dict[str, Any] = {
        "texts": texts or {"en": TEXT, "uk": "Паспорт тримайте при собі."},
        "base_language": "en",
        "rule": {},
        "fallback_language": None,
        "max_parts": 3,
        "link": None,
        "code": "K7",
        "zone_policy": "fixed",
        "time_zone": "Europe/Warsaw",
        "expires_after_minutes": 720,
        "message_id": 1,
        "message_version": 1,
        "resend_unknown": False,
    }
    return FrozenRun(**values | changes).to_json()


def a_planned_run(session: Session, **changes: Any) -> Run:
    """Return a run in state `planning`, of an organisation of its own unless `campaign` is given.

    `sender` or `senders` (in their order) are used instead of a new one.
    """
    campaign = changes.pop("campaign", None)
    if campaign is None:
        organisation = changes.pop("organisation", None) or an_organisation(session)
        sender = changes.pop("sender", None)
        senders = changes.pop("senders", None) or [sender or a_sender(session)]
        campaign = a_campaign(session, organisation, a_member(session, organisation), senders=senders)
    values: dict[str, Any] = {"state": RunState.PLANNING, "frozen": frozen(), "started_at": None}
    return a_run(session, campaign, **values | changes)


def a_refusal(claimed: Claimed, error: str, **facts: Any) -> Result:
    """Return what became of a claimed message that a provider refuses for good."""
    facts |= {"error": error, "outcome": "rejected"}
    return Result(claimed.id, claimed.token, SendState.FAILED, claimed.attempts, **facts)


def people(session: Session, organisation_id: int, vault: Vault, *, count: int, **changes: Any) -> list[int]:
    """Add contacts with an active address each, numbered from +380670000001; return the contact ids."""
    return list(addressed_people(session, organisation_id, vault, count=count, **changes))


def addressed_people(
    session: Session, organisation_id: int, vault: Vault, *, count: int, **changes: Any
) -> dict[int, int]:
    """Do what `people` does and return the address id of each contact id."""
    prefix = changes.pop("prefix", "+38067")
    contact_ids = list(reserve_ids(session, Contact, count))
    contact: dict[str, Any] = {"organisation_id": organisation_id, "language": "en", "created_at": NOON} | changes
    session.execute(insert(Contact), [{"id": contact_id, **contact} for contact_id in contact_ids])
    return give_addresses(session, organisation_id, vault, contact_ids, prefix=prefix)


def give_addresses(
    session: Session, organisation_id: int, vault: Vault, contact_ids: list[int], *, prefix: str, **changes: Any
) -> dict[int, int]:
    """Give each contact an active address (SMS unless said otherwise) and return its id by that of the contact."""
    values: dict[str, Any] = {
        "organisation_id": organisation_id,
        "channel": Channel.SMS,
        "country": "UA",
        "state": AddressState.ACTIVE,
        "created_at": NOON,
    } | changes
    address_ids = list(reserve_ids(session, Address, len(contact_ids)))
    rows = []
    for number, (contact_id, address_id) in enumerate(zip(contact_ids, address_ids, strict=True), start=1):
        handle = f"{prefix}{number:07}"
        sealed = {
            "ciphertext": vault.seal(handle, table="address", column="ciphertext", row_id=address_id),
            "lookup": vault.lookup_hash(values["channel"], handle),
            "number": number_key(vault, values["channel"], handle),
        }
        rows.append({"id": address_id, "contact_id": contact_id, **sealed, **values})
    session.execute(insert(Address), rows)
    return dict(zip(contact_ids, address_ids, strict=True))


def a_running_run(session: Session, vault: Vault, *, count: int, **changes: Any) -> Run:
    """Return a running run with `count` queued deliveries that are due now and do not expire."""
    deliveries: dict[str, Any] = changes.pop("deliveries", {})
    run = a_planned_run(session, **{"state": RunState.RUNNING, "started_at": NOON, "planned": count} | changes)
    addresses = addressed_people(session, run.organisation_id, vault, count=count)
    text: RunText = add(session, RunText(run_id=run.id, language="en", body=TEXT, parts=1))
    add(session, RunZone(run_id=run.id, time_zone="Europe/Warsaw", due_at=NOON, expires_at=FAR))
    values: dict[str, Any] = {
        "run_id": run.id,
        "channel": Channel.SMS,
        "sender_id": run.sender_id,
        "text_id": text.id,
        "region_id": 0,
        "send_state": SendState.QUEUED,
        "due_at": NOON,
        "expires_at": FAR,
        "attempts": 0,
    } | deliveries
    session.execute(
        insert(Delivery).values(reference=new_reference(is_rehearsal=False)),
        [{"contact_id": contact, "address_id": address, **values} for contact, address in addresses.items()],
    )
    return run


def a_run_in_every_state(session: Session, vault: Vault) -> Run:
    """Return a running run with one delivery in each state, in their order."""
    run = a_running_run(session, vault, count=len(SendState))
    for state, delivery in zip(SendState, all_deliveries(session), strict=True):
        delivery.send_state = state
    session.flush()
    return run


def a_done_copy(session: Session, vault: Vault, **deliveries: Any) -> Run:
    """Return a done run with three deliveries that are queued; its partner withdrew since what it says."""
    partner = an_organisation(session, name="Signal Fire (invented)")
    theirs = a_message(session, partner, {"en": TEXT})
    run = a_running_run(session, vault, count=3, state=RunState.DONE, finished_at=NOON, deliveries=deliveries)
    own = run.campaign.message
    own.copied_from_id, own.copied_from_version = theirs.id, theirs.version
    run.frozen = frozen({"en": TEXT}, message_id=own.id)
    session.flush()
    by = a_member(session, partner).id
    withdraw_version(session, theirs, theirs.version, by=by, reason="A wrong number.")
    return run


def all_deliveries(session: Session) -> list[Delivery]:
    """Return every delivery as the database has it now, in the order of their ids."""
    return list(session.scalars(select(Delivery).order_by(Delivery.id).execution_options(populate_existing=True)))


def an_unverified_text(session: Session, run: Run) -> RunText:
    """Return a further text of a run, which names a helpline that nobody verified."""
    service = a_service(session, session.get_one(Organisation, run.organisation_id), verified_on=None)
    # Read here: the caller's may belong to a session that has ended.
    session.get_one(Run, run.id).frozen = frozen({"en": TEXT, "uk": "((hotline))"})
    text = RunText(run_id=run.id, language="uk", body=service.number_national, parts=1, service_ids=[service.id])
    added: RunText = add(session, text)
    return added


def minutes_ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)

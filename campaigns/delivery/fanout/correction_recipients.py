"""The people who got a wrong version of a message get its correction, over the same addresses."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, case, func, literal, null, or_, select
from sqlalchemy.orm import Session, aliased

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.audience.rules import LeftOut
from campaigns.audience.walk import FREE_TEXT, between
from campaigns.core import clock
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.queries import in_state, was_sent_again
from campaigns.delivery.states import SendState
from campaigns.messages.models import Withdrawal
from campaigns.messages.translations.withdrawals import find_saying
from campaigns.places.models import Region
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.models import Run

#: What was claimed before a stop is committed, and seen by whoever looks, so long after it; with room for clocks
#: that differ.
STOP_SETTLES = timedelta(seconds=15)
#: States of a message that a person got or may have got.
GOT = (SendState.ACCEPTED, SendState.UNKNOWN, SendState.UNCONFIRMED)


def find_said_versions(session: Session, run: Run) -> set[int]:
    """Return the version of its message that `run` says, with those that say the same in its languages."""
    frozen = run.frozen
    texts, wordings = frozen.get("texts") or {}, frozen.get("wordings") or {}
    return {run.message_version, *find_saying(session, int(frozen.get("message_id", 0)), texts, wordings)}


def find_wrong_runs(session: Session, run: Run) -> list[int]:
    """Return the ids of the organisation's runs to people that say of its message what `run` says."""
    this = aliased(Run)
    said = Run.message_version.in_(find_said_versions(session, run))
    same = select(Run.id).join(this, _of_its_message(Run, this)).where(this.id == run.id, said)
    return list(session.scalars(same.order_by(Run.id)))


def was_corrected_with(runs: Any, run: Any) -> ColumnElement[bool]:
    """Match `runs` to people whose words were withdrawn with those of `run`; both may be aliases."""
    one, other = aliased(Withdrawal), aliased(Withdrawal)
    together = and_(other.message_id == one.message_id, other.withdrawn_at == one.withdrawn_at)
    withdrawn = (
        select(one.version)
        .join(other, together)
        .where(one.message_id == run.frozen["message_id"].as_integer(), one.version == run.message_version)
        .where(other.version == runs.message_version)
    )
    return and_(_of_its_message(runs, run), withdrawn.correlate(runs, run).exists())


def _of_its_message(runs: Any, run: Any) -> ColumnElement[bool]:
    return and_(
        runs.organisation_id == run.organisation_id,
        runs.frozen["message_id"].as_integer() == run.frozen["message_id"].as_integer(),
        ~runs.is_rehearsal,
        runs.corrects_id.is_(None),
    )


def select_corrected(run: Run, wrong: Collection[int], *, after: int, through: int) -> Select[*tuple[Any, ...]]:
    """Select the people, with a contact id in (after, through], whom the correction `run` is for.

    Columns are named as fan-out reads them. Each person comes once, by the latest of their messages in the runs
    `wrong` whose address may be written to now; who has a delivery in `run` already does not come again. Those
    without one, as who said stop since, on whichever channel, or whose addresses are gone, carry the reason that
    the latest has.
    """
    frozen = FrozenRun.from_json(run.frozen)
    texts, fallback = tuple(frozen.texts), frozen.fallback_language
    can_read: ColumnElement[bool] = RunText.language.in_(texts)
    if fallback in frozen.templates:
        # The approved text in another language is better than none: theirs would not be let through.
        can_read = and_(can_read, ~_is_shut_to(frozen, RunText.language))
    language: Any = case((can_read, RunText.language), else_=fallback) if fallback else RunText.language
    reason = _reason(frozen, language, literal(True) if fallback else can_read)
    latest = _latest(run, wrong, after, through, reason)
    country = func.coalesce(Address.country, "")
    return (
        select(
            Delivery.contact_id.label("contact_id"),
            Delivery.address_id.label("address_id"),
            Delivery.channel.label("channel"),
            Delivery.sender_id.label("sender_id"),
            language.label("language"),
            Delivery.region_id.label("region_id"),
            literal(frozen.time_zone, String()).label("time_zone"),
            RunText.place_id.label("place_id"),
            (country != func.coalesce(Region.country, "?")).label("roaming"),
            country.label("number_country"),
            reason.label("reason"),
        )
        .select_from(Delivery)
        .join(latest, latest.c.id == Delivery.id)
        .join(RunText, RunText.id == Delivery.text_id)
        .outerjoin(Address, Address.id == Delivery.address_id)
        .outerjoin(Region, Region.id == Delivery.region_id)
    )


def may_have_got() -> ColumnElement[bool]:
    """Match messages that a person got or may have got.

    What a member sent again was unconfirmed before, whatever became of it since: not sent, or refused.
    """
    was_called = and_(Delivery.intent_at.is_not(None), Delivery.send_state != SendState.SENDING)
    return or_(Delivery.send_state.in_(GOT), and_(was_called, was_sent_again()))


def may_be_on_the_way(session: Session, correction: Run, wrong: Collection[int]) -> bool:
    """Say whether a call of these runs has no result yet, or a claim of them may still turn up.

    One that began before the runs were stopped, as the correction was made, may be committed after anybody looked.
    """
    if clock.now() - correction.created_at < STOP_SETTLES:
        return True
    sending = select(Delivery.id).where(in_state(SendState.SENDING), Delivery.run_id.in_(wrong))
    return session.scalar(sending.limit(1)) is not None


def _latest(run: Run, wrong: Collection[int], after: int, through: int, reason: ColumnElement[Any]) -> Any:
    """Select one message of each person: the latest without a `reason` to leave it out, else the latest of all."""
    own = aliased(Delivery)
    is_planned = select(own.id).where(own.run_id == run.id, own.contact_id == Delivery.contact_id).exists()
    reaching = func.max(case((reason.is_(None), Delivery.id)))
    return (
        select(func.coalesce(reaching, func.max(Delivery.id)).label("id"))
        .select_from(Delivery)
        .join(RunText, RunText.id == Delivery.text_id)
        .outerjoin(Address, Address.id == Delivery.address_id)
        .where(Delivery.run_id.in_(wrong), *between(Delivery.contact_id, after, through))
        .where(may_have_got(), ~is_planned)
        .group_by(Delivery.contact_id)
        .subquery("latest")
    )


def _reason(frozen: FrozenRun, language: ColumnElement[Any], can_read: ColumnElement[bool]) -> ColumnElement[Any]:
    """Return why a person is left out, whom the text in `language` is for, or NULL; the first that applies."""
    return case(
        (Address.id.is_(None), LeftOut.NO_ADDRESS.value),
        (Address.state == AddressState.OPTED_OUT, LeftOut.OPTED_OUT.value),
        (Address.state == AddressState.HELD, LeftOut.HELD.value),
        (Address.state != AddressState.ACTIVE, LeftOut.INVALID_ADDRESS.value),
        (_is_shut_to(frozen, language), LeftOut.NO_TEMPLATE.value),
        (~can_read, LeftOut.NO_TRANSLATION.value),
        else_=null(),
    )


def _is_shut_to(frozen: FrozenRun, language: Any) -> ColumnElement[bool]:
    """Match people on WhatsApp who wrote nothing within a day, where it has not approved a text in `language`."""
    heard = and_(Address.heard_at.is_not(None), Address.heard_at > clock.now() - FREE_TEXT)
    has_template = language.in_(tuple(frozen.templates)) if frozen.templates else literal(False)
    return and_(Delivery.channel == Channel.WHATSAPP, ~has_template, ~heard)

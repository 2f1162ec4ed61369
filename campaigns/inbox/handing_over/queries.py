"""Reads offers: those an organisation made and those it received, and what it may see of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core.errors import NotFoundError
from campaigns.core.keys.crypto import Vault
from campaigns.core.words import N_
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.places.models import Region
from campaigns.staff.models import Organisation

#: Offers of each kind that one page lists, the latest.
MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class OpenedWords:
    """The words of an offer, opened; None where nobody can open them."""

    summary: str | None
    consent: str | None
    reason: str | None


def load_offered(session: Session, organisation_id: int) -> Sequence[HandOver]:
    """Return what an organisation offered to others, the latest first."""
    made = select(HandOver).where(HandOver.organisation_id == organisation_id)
    return session.scalars(made.order_by(HandOver.id.desc()).limit(MOST_SHOWN)).all()


def load_received(session: Session, organisation_id: int) -> Sequence[HandOver]:
    """Return what others offered to an organisation and did not take back: what waits for it comes first."""
    got = select(HandOver).where(
        HandOver.receiver_id == organisation_id,
        HandOver.state.in_((OfferState.OFFERED, OfferState.ACCEPTED)),
    )
    waits = HandOver.state != OfferState.OFFERED
    return session.scalars(got.order_by(waits, HandOver.due_at, HandOver.id).limit(MOST_SHOWN)).all()


def get_seen(session: Session, hand_over_id: int, organisation_id: int) -> HandOver:
    """Return an offer that an organisation made, or received and that has not ended; else raise NotFoundError.

    Whoever declined or came too late sees nothing of it any more.
    """
    handed = session.get(HandOver, hand_over_id)
    if handed is not None and handed.organisation_id == organisation_id:
        return handed
    is_theirs = handed is not None and handed.receiver_id == organisation_id
    if handed is None or not is_theirs or handed.state not in (OfferState.OFFERED, OfferState.ACCEPTED):
        raise NotFoundError(N_("There is no such offer."))
    return handed


def open_words(handed: HandOver, vault: Vault) -> OpenedWords:
    """Open the words of an offer."""
    of = partial(vault.open_or_none, table="hand_over", row_id=handed.id)
    return OpenedWords(
        of(handed.sealed_summary, column="sealed_summary"),
        of(handed.sealed_consent, column="sealed_consent"),
        of(handed.sealed_reason, column="sealed_reason"),
    )


def find_region(session: Session, code: str | None) -> Region | None:
    """Return the region with a code."""
    return None if code is None else session.scalar(select(Region).where(Region.code == code))


def load_names(session: Session, ids: set[int]) -> Mapping[int, str]:
    """Return the names of organisations by their ids."""
    found = select(Organisation.id, Organisation.name).where(Organisation.id.in_(ids))
    return {row.id: row.name for row in session.execute(found)}

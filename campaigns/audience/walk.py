"""A walk down an ordered list of senders finds the first one that reaches each person.

SQL walks for all people at once, and `find_sender` for one whose addresses were read; a test holds them equal.

A stop opts out every address of the person, so the walk ends at nobody by itself. Where one channel is opted out
and another is not, the person said START on the other: that one is written to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

from sqlalchemy import ColumnElement, FromClause, and_, func, null, or_
from sqlalchemy.orm import aliased

from campaigns.audience.models import Address, AddressState, Channel, Contact

#: WhatsApp lets free text through for so long after a person wrote (Meta, customer service window).
FREE_TEXT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SenderChoice:
    """One sender as the choice for a person sees it."""

    id: int
    channel: Channel
    #: Countries (alpha-2) of the addresses it may write to; empty: all, those without a country too.
    countries: tuple[str, ...] = ()
    #: Languages in which an approved template says the text; None: the channel asks for none.
    template_languages: tuple[str, ...] | None = None
    #: A sender that is switched off writes to nobody.
    active: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """One question of the walk; the first that holds for a person ends it."""

    holds: ColumnElement[bool]
    #: Sender that writes to the person.
    sender: SenderChoice


class Walk:
    """The walk for all people at once: one join of addresses a channel, and conditions over them."""

    def __init__(
        self,
        senders: Sequence[SenderChoice],
        *,
        text_language: ColumnElement[Any],
        has_text: ColumnElement[bool] | None,
        now: datetime,
    ) -> None:
        """Prepare the walk. `has_text` tells who has a text at all (None: everybody); `now` is aware UTC."""
        self._senders = senders
        self._text_language = text_language
        self._has_text = has_text
        self._heard_since = now - FREE_TEXT
        #: Addresses of each channel, in the order in which the channels are first tried.
        self.addresses: dict[Channel, Any] = {
            channel: aliased(Address, name=f"{channel}_address")
            for channel in dict.fromkeys(sender.channel for sender in senders)
        }

    def joined(self, people: FromClause, *, after: int | None, through: int | None) -> FromClause:
        """Return `people` (contacts) with the address each has on each channel, or NULLs."""
        for channel, address in self.addresses.items():
            own = and_(
                address.contact_id == Contact.id,
                address.channel == channel,
                # Said of both sides: PostgreSQL carries equality over a join but not a range; it would read all
                # addresses.
                *between(address.contact_id, after, through),
            )
            people = people.outerjoin(address, own)
        return people

    @cached_property
    def steps(self) -> list[Step]:
        """The questions in their order."""
        return list(self._steps())

    def in_state(self, state: AddressState) -> ColumnElement[bool]:
        """Match people with an address in this state on any channel."""
        return or_(*(address.state == state for address in self.addresses.values()))

    def has_no_address(self) -> ColumnElement[bool]:
        """Match people without an address on any channel."""
        return and_(*(address.id.is_(None) for address in self.addresses.values()))

    def any_country(self) -> ColumnElement[Any]:
        """Return the country of the first address a person has on these channels, or NULL."""
        # Of one value, as of none, SQLite makes no choice.
        return func.coalesce(*(address.country for address in self.addresses.values()), null(), null())

    def is_covered(self) -> ColumnElement[bool] | None:
        """Match people whom a sender could write to if there were a template; None: no sender needs any."""
        waiting = [sender for sender in self._senders if sender.active and sender.template_languages is not None]
        return or_(*(self._covers(sender) for sender in waiting)) if waiting else None

    def _steps(self) -> Iterator[Step]:
        for sender in self._senders:
            if sender.active:
                yield Step(and_(self._covers(sender), *self._may_say(sender)), sender)

    def _covers(self, sender: SenderChoice) -> ColumnElement[bool]:
        address = self.addresses[sender.channel]
        is_active: ColumnElement[bool] = address.state == AddressState.ACTIVE
        return and_(is_active, address.country.in_(sender.countries)) if sender.countries else is_active

    def _may_say(self, sender: SenderChoice) -> Iterator[ColumnElement[bool]]:
        """Give the condition that the text may go out as it is: as a template, or freely after they wrote."""
        if sender.template_languages is None:
            return
        heard = self.addresses[sender.channel].heard_at > self._heard_since
        ways = [heard, self._text_language.in_(sender.template_languages)]
        if self._has_text is not None:
            # Who has no text misses a translation, not a template.
            ways.append(~self._has_text)
        yield or_(*ways)


class Reached(Protocol):
    """What the walk needs to know of an address."""

    @property
    def state(self) -> AddressState: ...
    @property
    def country(self) -> str | None: ...
    @property
    def heard_at(self) -> datetime | None: ...


def find_sender(
    senders: Iterable[SenderChoice], addresses: Mapping[Channel, Reached], *, has_template: bool, now: datetime
) -> SenderChoice | None:
    """Return the first of `senders` that reaches a person with these addresses, or None when there is none; pure.

    `has_template` says whether an approved template says their text on WhatsApp.
    """
    for sender in senders:
        address = addresses.get(sender.channel)
        if not sender.active or address is None or address.state != AddressState.ACTIVE:
            continue
        if sender.countries and address.country not in sender.countries:
            continue
        was_heard = address.heard_at is not None and address.heard_at > now - FREE_TEXT
        if sender.channel != Channel.WHATSAPP or has_template or was_heard:
            return sender
    return None


def between(column: Any, after: int | None, through: int | None) -> list[ColumnElement[bool]]:
    """Return the conditions that `column` is in (after, through]; None is no bound."""
    bounds = [] if after is None else [column > after]
    return bounds if through is None else [*bounds, column <= through]

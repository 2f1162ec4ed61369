"""A page shows what was counted before, with its date, and asks a worker to count anew what is missing or old."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from flask import current_app, g
from flask.sansio.app import App
from sqlalchemy.orm import Session

from campaigns.audience.kept.counting import Count, Row, Span, add_up
from campaigns.audience.kept.keeping import Counted, ask, find_counted
from campaigns.audience.kept.people_questions import PeopleQuestion, ask_contacts, ask_people
from campaigns.audience.models import Channel
from campaigns.audience.queries import Contacts, Preview, contacts_from, preview_from
from campaigns.audience.rules import UNKNOWN_ZONE, AudienceRule, Resolution, SenderChoice
from campaigns.core import clock
from campaigns.staff.auth import current_organisation
from campaigns.web.session import session, write_afterwards

_KEY = "counts_at_once"
#: Whoever waits for so long is told.
LONG = timedelta(minutes=1)


def is_long_ago(asked_at: datetime | None) -> bool:
    """Say whether what was asked for then is waited for longer than what somebody works on."""
    return asked_at is not None and clock.now() - asked_at > LONG


@dataclass(frozen=True, slots=True)
class Freshness:
    """How some figures of a page stand: when they were counted, and how far a new count of them is."""

    #: By which the page asks how far it is.
    digests: tuple[str, ...]
    #: When the oldest of them was counted; None: one of them never was.
    counted_at: datetime | None
    #: Since when a new count is waited for; None: nobody waits.
    asked_at: datetime | None
    #: What the count under way has gone through, from 0 to 1.
    share: float

    def waits_long(self) -> bool:
        """Say whether a new count is waited for longer than one that somebody works on."""
        return not self.share and is_long_ago(self.asked_at)

    @classmethod
    def of(cls, counted: Sequence[Counted]) -> Freshness:
        """Put together how several figures stand."""
        moments = [each.counted_at for each in counted]
        waits = [each for each in counted if each.asked_at is not None]
        return cls(
            digests=tuple(dict.fromkeys(each.digest for each in counted)),
            counted_at=None if None in moments else min(filter(None, moments), default=None),
            asked_at=min((each.asked_at for each in waits if each.asked_at), default=None),
            share=sum(each.share for each in waits) / len(waits) if waits else 0.0,
        )


def init_counts(app: App, *, at_once: Mapping[str, Count] | None = None) -> None:
    """Tell the pages of `app` to wait for a worker; or to count themselves, where no worker runs beside them."""
    app.extensions[_KEY] = at_once


def counts_at_once() -> bool:
    """Say whether pages count people themselves, because no worker runs beside them."""
    return current_app.extensions[_KEY] is not None


def find_figures(questions: Sequence[PeopleQuestion]) -> tuple[list[tuple[Row, ...] | None], Freshness]:
    """Return the groups that each question's count found (None: not yet), and how they stand; ask for new ones.

    Raises AudienceRuleError where pages count themselves and a rule cannot be read.
    """
    organisation_id, now = current_organisation().id, clock.now()
    at_once = cast("Mapping[str, Count] | None", current_app.extensions[_KEY])
    if at_once is not None:
        span = Span(organisation_id, now)
        found = {each.digest: _count(session(), at_once, each, span) for each in questions}
        counted = [found[each.digest] for each in questions]
    else:
        counted = _of_one_moment(find_counted(session(), organisation_id, questions))
        is_old = any(each.asked_at is None and each.is_old(now) for each in counted)
        old = {each.digest for each in counted if each.asked_at is None} if is_old else set[str]()
        _ask_once({each.digest: each for each in questions if each.digest in old}, now=now)
        counted = [replace(each, asked_at=now) if each.digest in old else each for each in counted]
    return [each.rows for each in counted], Freshness.of(counted)


def find_preview(rule: AudienceRule, *, languages: Iterable[str]) -> tuple[Preview | None, Freshness]:
    """Return whom a rule means, as if a text existed in all `languages`; None: it was not counted yet.

    Each channel on which the organisation has an address counts once more, as if it were the only one.
    """
    channels, standing = find_channels()
    if channels is None:
        return None, standing
    ways = [channels, *([channel] for channel in channels)]
    questions = [ask_people(rule, _reaching(way, languages)) for way in ways]
    (people, *alone), standing = find_figures(questions)
    if people is None or None in alone:
        return None, standing
    by_channel = {channel: rows or () for channel, rows in zip(channels, alone, strict=True)}
    return preview_from(people, by_channel), standing


def find_channels() -> tuple[list[Channel] | None, Freshness]:
    """Return the channels on which the organisation has any address, or SMS; None: that was not counted yet."""
    contacts, standing = find_contacts()
    return (None if contacts is None else contacts.channels or [Channel.SMS]), standing


def find_contacts() -> tuple[Contacts | None, Freshness]:
    """Return which contacts the organisation has; None: they were not counted yet. A request reads them once."""
    if "counted_contacts" not in g:
        (rows,), standing = find_figures([ask_contacts()])
        g.counted_contacts = None if rows is None else contacts_from(rows), standing
    return cast("tuple[Contacts | None, Freshness]", g.counted_contacts)


def _of_one_moment(counted: list[Counted]) -> list[Counted]:
    """Return what stands beside each other, as never counted where it is of several moments: it would not fit."""
    if len({each.counted_at for each in counted}) == 1:
        return counted
    return [replace(each, rows=None, counted_at=None) for each in counted]


def _reaching(channels: Sequence[Channel], languages: Iterable[str]) -> Resolution:
    senders = tuple(SenderChoice(0, channel) for channel in channels)
    return Resolution(senders, tuple(languages), None, UNKNOWN_ZONE, clock.now())


def _count(session: Session, counts: Mapping[str, Count], question: PeopleQuestion, span: Span) -> Counted:
    found: Counter[Row] = Counter()
    add_up(found, counts[question.kind](session, question.values, span))
    return Counted(question.digest, tuple((*key, people) for key, people in found.items()), span.now)


def _ask_once(old: Mapping[str, PeopleQuestion], *, now: datetime) -> None:
    """Ask for what is missing or old, by digest, once the page is made and all at once: a page is only read."""
    if not old:
        return
    if "to_be_counted" in g:
        g.to_be_counted |= old
        return
    g.to_be_counted, organisation_id = dict(old), current_organisation().id

    def ask_then(session: Session) -> None:
        ask(session, organisation_id, g.pop("to_be_counted").values(), now=now)

    # The page asks again when it renews itself.
    write_afterwards(ask_then, otherwise="a new count could not be asked for")

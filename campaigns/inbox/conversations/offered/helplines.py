"""Numbers for help in an answer: which may be offered to a person, and which a text names; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from campaigns.core.errors import NoSignpostError
from campaigns.core.folding import digits_of
from campaigns.core.languages import UNKNOWN_LANGUAGE
from campaigns.directory.models import ServiceKind
from campaigns.directory.signposting.choice import Need, Signpost, choose_signpost
from campaigns.directory.signposting.freshness import Trust, trust_of
from campaigns.messages.help_numbers import KnownHelp
from campaigns.messages.text.bidi_numbers import number_in_text

#: What may be a number that somebody dials: digits of any script, as people part them.
_DIALLED = re.compile(r"\+?[\s\u200e\u2066-\u2069]?\d(?:[\s().\-/\u200e\u2066-\u2069]{0,2}\d){2,16}")
#: Fewer digits are an hour, a platform or a short code; short codes are compared, but never doubted.
_FEWEST_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Offer:
    """A helpline that may be named to a person now."""

    kind: str
    signpost: Signpost

    def words(self, language: str) -> str:
        """Return how it stands in an answer of a language."""
        return f"{self.signpost.name}: {number_in_text(self.signpost.number, language)}"


@dataclass(frozen=True, slots=True)
class Named:
    """What numbers a text names."""

    #: Services whose number stands in it and may be named.
    service_ids: tuple[int, ...]
    #: Names of those whose number stands in it, and that may not be named now.
    doubtful: tuple[str, ...]
    #: Numbers of nobody that is known here.
    unknown: tuple[str, ...]


def find_offers(known: KnownHelp, need: Need) -> list[Offer]:
    """Return the best helpline of each kind for a person, as far as there is one that may be named.

    Of somebody whose language nobody knows, one that answers in any language is better than none.
    """
    spoken = dict.fromkeys(["en", *(code for service in known.services for code in service.languages)])
    languages = [need.language] if need.language != UNKNOWN_LANGUAGE else list(spoken)
    offers = []
    for kind in ServiceKind:
        needs = (replace(need, kind=kind, language=language) for language in languages)
        signpost = next(filter(None, (_find_signpost(known, each) for each in needs)), None)
        if signpost is not None:
            offers.append(Offer(kind.value, signpost))
    return offers


def _find_signpost(known: KnownHelp, need: Need) -> Signpost | None:
    try:
        return choose_signpost(known.services, need, fresh_days=known.fresh_days)
    except NoSignpostError:
        return None


def find_named(text: str, known: KnownHelp, *, at: datetime) -> Named:
    """Return what numbers a text of a moment (UTC) names, by their digits: of services and of others."""
    said = {digits: written for written in _DIALLED.findall(text) if (digits := _digits(written))}
    named: dict[int, str] = {}
    doubtful: dict[str, None] = {}
    found = {digits for digits in said if digits in {_digits(number) for number in known.emergency.values()}}
    for service in known.services:
        own = {_digits(number) for number in (service.number_national, service.number_from_abroad) if number}
        meant = {digits for digits in said if any(_is_same(digits, each) for each in own)}
        if not meant:
            continue
        found |= meant
        if trust_of(service, at, known.fresh_days) is not Trust.VERIFIED:
            doubtful[service.name] = None
        else:
            named[service.service_id] = service.name
    # One number may stand in two rows, of which one is older: what may be named settles it.
    doubts = tuple(name for name in doubtful if name not in named.values())
    strange = (digits for digits in said if digits not in found and len(digits) >= _FEWEST_DIGITS)
    unknown = tuple(said[digits].strip() for digits in strange)
    return Named(tuple(named), doubts, unknown)


def _is_same(said: str, number: str) -> bool:
    """Say whether digits are a number, with or without the country's code before it or the zero of the country."""
    if said == number:
        return True
    longer, shorter = sorted((said, number), key=len, reverse=True)
    bare = shorter.lstrip("0")
    return len(bare) >= _FEWEST_DIGITS and longer.endswith(bare)


def _digits(number: str) -> str:
    return digits_of(number).removeprefix("00")

"""A number that a campaign's texts would name now, and that nobody approved, holds its next run."""

from __future__ import annotations

from dataclasses import replace

from campaigns.core.lists import first_of
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.directory.signposting.choice import number_named
from campaigns.messages.help_numbers import kinds_asked
from campaigns.messages.named import NamedNumbers
from campaigns.planning.campaign_content import Content
from campaigns.planning.gates.assessment import Assessment
from campaigns.planning.models import Approval

#: The most numbers for help that are named in the reason of a run that waits.
MOST_NAMED = 3
UNAPPROVED = N_("It would name a number that was not there when it was approved: %(numbers)s. Is it right?")


def as_approved(content: Content, approval: Approval) -> Content:
    """Return the content with the numbers that were approved in place of those of now.

    A number that was taken away since changes nothing, and what came since is told by `find_unapproved`.
    An approval that names no address of pages covers any: it was given without one, or by an earlier version.
    One by an earlier version covers the correction in more languages than are sent.
    """
    approved = approval.content or {}
    pages, known = content.pages if approved.get("pages") else "", approved.get("correction", {})
    is_covered = bool(content.correction) and content.correction.items() <= known.items()
    correction = known if is_covered else content.correction
    return replace(content, numbers=approved_numbers(approval).to_json(), pages=pages, correction=correction)


def approved_numbers(approval: Approval) -> NamedNumbers:
    """Return the numbers that an approval covers; one that is older than that covers none."""
    return NamedNumbers.from_json((approval.content or {}).get("numbers", {}))


def find_unapproved(start: Assessment, approved: NamedNumbers) -> list[str]:
    """Return the numbers, each with its service or country, that these people may be told and nobody approved.

    Whether a line is open now does not matter: the texts are filled in at other hours too.
    """
    strange = [
        service
        for service in start.known.services
        for number in (service.number_national, service.number_from_abroad)
        if number and not approved.has(service.service_id, number)
    ]
    found: dict[str, None] = {}
    for each in start.rendered:
        for kind in kinds_asked(help_number.name for help_number in each.help_numbers).values():
            need = replace(each.need, kind=kind)
            for service in strange:
                number = number_named(service, need, fresh_days=start.known.fresh_days)
                if number and not approved.has(service.service_id, number):
                    found[f"{service.name} {number}"] = None
        for country, number in ((each.country, one.emergency) for one in each.help_numbers):
            if country and number and not approved.has_emergency(country, number):
                found[f"{country} {number}"] = None
    return sorted(found)


def numbers_reason(unapproved: list[str]) -> Sentence:
    """Return for members why a run waits that would name these numbers."""
    return Sentence(UNAPPROVED, {"numbers": first_of(unapproved, MOST_NAMED)})

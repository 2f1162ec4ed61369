"""What a member writes down about a campaign is checked here before it is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlunsplit

from campaigns.core.errors import InputError
from campaigns.core.languages import all_languages
from campaigns.core.words import N_
from campaigns.planning.links.link_targets import check_address
from campaigns.planning.models import Campaign, CampaignSender, FallbackPolicy

LONGEST_NAME = 200
LONGEST_LINK = 200
LONGEST_URGENT_REASON = 300
MOST_PARTS = 10
MOST_SENDERS = 6
#: Largest budget that is no slip of the pen, in cents.
LARGEST_BUDGET = 100_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign without its times: what is said, to whom, over which senders, within which limits."""

    name: str
    message_id: int
    audience_id: int
    #: In the order in which they are tried for each person.
    sender_ids: tuple[int, ...]
    fallback_policy: FallbackPolicy = FallbackPolicy.DO_NOT_SEND
    #: Required by the policy "named language", and by no other.
    fallback_language: str | None = None
    #: Largest number of parts a text may have.
    max_parts: int = 2
    #: Address of the page behind ((link)), or None.
    link: str | None = None
    #: Whether an unknown delivery that the provider has never seen is sent again without asking.
    resend_unknown: bool = False
    #: What one run may cost at most, in cents of a dollar; None: no limit.
    budget_cents: int | None = None
    #: Why it goes before others; None: it does not.
    urgent_reason: str | None = None

    def checked(self, own: str | None = None) -> Plan:
        """Return the plan clean. Raises InputError naming the first thing that cannot be kept.

        `own` is the campaign's own counted address: where no public name leads to the instance, it is none that a
        member could write down.
        """
        name = " ".join(self.name.split())
        if not name or len(name) > LONGEST_NAME:
            raise InputError(N_("A campaign needs a name of at most %(limit)s characters."), limit=LONGEST_NAME)
        if not 1 <= self.max_parts <= MOST_PARTS:
            raise InputError(N_("A text may have 1 to %(most)s parts."), most=MOST_PARTS)
        if self.budget_cents is not None and not 1 <= self.budget_cents <= LARGEST_BUDGET:
            most = LARGEST_BUDGET // 100
            raise InputError(N_("A spending limit is between one cent and %(most)s dollars."), most=most)
        urgent_reason = " ".join((self.urgent_reason or "").split()) or None
        if len(urgent_reason or "") > LONGEST_URGENT_REASON:
            raise InputError(
                N_("Say in at most %(limit)s characters why it is urgent."), limit=LONGEST_URGENT_REASON
            )
        self._check_senders()
        link = own if self.link == own else _checked_link(self.link)
        language = self._checked_language()
        return replace(self, name=name, link=link, fallback_language=language, urgent_reason=urgent_reason)

    def _check_senders(self) -> None:
        if not 1 <= len(self.sender_ids) <= MOST_SENDERS:
            raise InputError(N_("A campaign has 1 to %(most)s senders."), most=MOST_SENDERS)
        if len(set(self.sender_ids)) < len(self.sender_ids):
            raise InputError(N_("A sender stands twice in the order: name each one once."))

    def _checked_language(self) -> str | None:
        if self.fallback_policy != FallbackPolicy.NAMED_LANGUAGE:
            return None
        if self.fallback_language not in all_languages():
            raise InputError(N_("Name the language that people get when there is no text in theirs."))
        return self.fallback_language

    def write_to(self, campaign: Campaign) -> None:
        """Copy the plan into a campaign whose order of senders is empty."""
        for name in self.__dataclass_fields__:
            if name != "sender_ids":
                setattr(campaign, name, getattr(self, name))
        campaign.sender_id = self.sender_ids[0]
        campaign.ranked_senders = [
            CampaignSender(rank=rank, sender_id=sender_id) for rank, sender_id in enumerate(self.sender_ids)
        ]


def plan_of(campaign: Campaign) -> Plan:
    """Return the plan that a campaign holds."""
    return Plan(**{name: getattr(campaign, name) for name in Plan.__dataclass_fields__})


def _checked_link(link: str | None) -> str | None:
    if not (link or "").strip():
        return None
    address = urlunsplit(check_address(link or ""))
    if len(address) > LONGEST_LINK:
        raise InputError(N_("A link has at most %(limit)s characters."), limit=LONGEST_LINK)
    return address

"""Pages, submission, approval and the clock ask all gates of a campaign the same questions here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.audience.rules import AudienceRule
from campaigns.core.errors import AudienceRuleError
from campaigns.core.sentences import Sentence
from campaigns.core.small_numbers import is_told
from campaigns.messages.gates import (
    Gate,
    length_gates,
    placeholders_gate,
    signposts_gate,
    staleness_gate,
    stop_gate,
    translations_gate,
    typed_gate,
)
from campaigns.messages.help_numbers import KnownHelp
from campaigns.messages.queries import load_help, load_translation_facts, returned_of, unreviewed_of
from campaigns.places.models import Place, Region
from campaigns.planning.campaign_content import Content
from campaigns.planning.country_rules import CountryWarning, warnings_for
from campaigns.planning.do_no_harm.queries import (
    confirmations_of,
    correction_of,
    find_uncovered,
    harm_answers_of,
)
from campaigns.planning.estimates.audience_counts import Tally, count_audience, load_resolution
from campaigns.planning.estimates.cost import Estimate, estimate_cost
from campaigns.planning.estimates.rendered_texts import (
    RenderedText,
    Whereabouts,
    is_deaf,
    lacks_signpost,
    longest_by_language,
    needs_more,
    render_combinations,
)
from campaigns.planning.estimates.sender_choices import find_unapproved, load_templates
from campaigns.planning.gates.campaign import (
    audience_gate,
    budget_gate,
    coverage_gate,
    link_gate,
    month_gate,
    place_gate,
    schedule_gate,
    sender_gate,
    templates_gate,
)
from campaigns.planning.gates.mandate import Outside, find_outside
from campaigns.planning.gates.safety import (
    FOR_APPROVERS,
    broken_rules,
    correction_gate,
    country_gate,
    harm_gate,
    mandate_gate,
)
from campaigns.planning.gates.withdrawn import check_withdrawn
from campaigns.planning.models import Approval, Campaign, Schedule, Sender
from campaigns.planning.policy import USUAL, Policy
from campaigns.planning.queries import default_zone_of, find_approval, load_content, load_senders
from campaigns.planning.spending.queries import MonthMoney, hold_limit, load_month
from campaigns.planning.standing import find_sent
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned

#: People who may be left out beyond those the author agreed to, in people and in percent; the larger counts.
LEFT_OUT_SLACK = 20
LEFT_OUT_SLACK_PERCENT = 5


#: Says why an organisation cannot send over some of these senders from here (`connections.find_faults`,
#: of some settings).
FindFaults = Callable[[Session, Sequence[Sender], int], Mapping[int, str]]


def no_faults(session: Session, senders: Sequence[Sender], organisation_id: int) -> Mapping[int, str]:
    """Say of every sender that nothing stands in its way: whoever does not know this instance's credentials."""
    return {}


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a campaign would send now, to whom, and what stands in the way."""

    content: Content
    tally: Tally
    #: One text for each region and language among those who will be written to.
    rendered: list[RenderedText]
    gates: list[Gate]
    #: What is known about writing to the countries of the audience's numbers.
    warnings: list[CountryWarning]
    #: The numbers for help that its texts may name.
    known: KnownHelp
    #: What sending it once costs.
    estimate: Estimate

    @property
    def shown_warnings(self) -> list[CountryWarning]:
        """The warnings that members read: of countries with enough people to be named, or with a broken rule."""
        shown = _told_countries(self.tally) | broken_rules(self.warnings).keys()
        return [warning for warning in self.warnings if warning.country in shown]

    @property
    def red(self) -> list[Gate]:
        """The gates that block."""
        return [gate for gate in self.gates if not gate.passed]

    @property
    def unready(self) -> list[Gate]:
        """The gates that keep it from being submitted; the checklist is for whoever approves, who is asked so."""
        return [gate for gate in self.red if gate.name not in FOR_APPROVERS]

    @property
    def faults(self) -> Sentence:
        """What is wrong, a sentence for each red gate."""
        return Sentence.together([gate.sentence for gate in self.red])


def assess(
    session: Session,
    campaign: Campaign,
    *,
    now: datetime,
    policy: Policy = USUAL,
    unconnected: Collection[int] = (),
    tally: Tally | None = None,
) -> Assessment:
    """Read the campaign anew and check every gate at the moment `now` (aware UTC).

    `unconnected` are the ids of senders that this instance has no credential of. Its people are counted, unless a
    page gives the `tally` of the last count.
    """
    zone = default_zone_of(session, campaign)
    found = _assess_content(session, campaign, zone, now=now, policy=policy, unconnected=unconnected, tally=tally)
    is_sent = bool(find_sent(session, [campaign.id]))
    time = schedule_gate(campaign, found.tally.zones, now, is_sent=is_sent)
    return replace(found, gates=[*found.gates, time])


def assess_start(
    session: Session,
    campaign: Campaign,
    schedule: Schedule,
    *,
    now: datetime,
    policy: Policy = USUAL,
    find_faults: FindFaults = no_faults,
    tally: Tally | None = None,
) -> Assessment:
    """Read the campaign anew and check the gates that a run of `schedule` has to pass when it starts.

    Its people are compared with those of the approval in force, unless they were counted before (`tally`). The
    organisation's monthly limit is held until the transaction ends.
    """
    return _assess_content(
        session,
        campaign,
        schedule.time_zone,
        now=now,
        policy=policy,
        unconnected=find_faults(session, load_senders(session, campaign), campaign.organisation_id).keys(),
        approval=find_approval(session, campaign),
        tally=tally,
        is_start=True,
    )


def load_sent_content(session: Session, campaign: Campaign, policy: Policy) -> Content:
    """Return all that the campaign would send now, with our own pages where its texts name them."""
    content = load_content(session, campaign)
    return replace(content, pages=policy.pages) if content.names_page else content


def _assess_content(
    session: Session,
    campaign: Campaign,
    default_zone: str,
    *,
    now: datetime,
    policy: Policy,
    unconnected: Collection[int] = (),
    approval: Approval | None = None,
    tally: Tally | None = None,
    is_start: bool = False,
) -> Assessment:
    """Read, count unless a tally is given, render, and check the gates on what is sent to whom."""
    content, unreadable = load_sent_content(session, campaign, policy), None
    try:
        AudienceRule.from_json(content.rule)
        if tally is None:
            found = load_resolution(session, content, default_zone=default_zone, now=now)
            tally = count_audience(session, content, campaign.organisation_id, resolution=found, approval=approval)
    except AudienceRuleError as error:
        tally, unreadable = Tally(()), Sentence.of(error)
    known = load_help(session, campaign.organisation_id, fresh_days=policy.service_max_age_days)
    rendered = _render(session, campaign, content, tally, known, now=now, pages=policy.pages)
    senders = load_senders(session, campaign)
    warnings = _country_warnings(senders, content, tally)
    estimate = estimate_cost(tally, rendered, senders, max_parts=content.max_parts)
    gates = [
        audience_gate(campaign, tally, unreadable, unreviewed_of(campaign.message)),
        *_text_gates(campaign, content, tally, rendered, known, has_pages=bool(policy.pages)),
        link_gate(campaign, content),
        place_gate(campaign, content),
        sender_gate(campaign, senders, unconnected),
        budget_gate(campaign, estimate),
        *month_gate(campaign, estimate, _load_money(session, campaign, now=now, is_start=is_start)),
        coverage_gate(campaign, tally),
        *templates_gate(campaign, content, tally, load_templates(session, content)),
        country_gate(campaign, warnings, confirmations_of(session, campaign), told=_told_countries(tally)),
        *_prepared_gates(session, campaign, content, tally),
    ]
    return Assessment(content, tally, rendered, gates, warnings, known, estimate)


def _load_money(session: Session, campaign: Campaign, *, now: datetime, is_start: bool) -> MonthMoney:
    """Return the month's money; runs that start at one moment take turns: each knows what the last will cost."""
    if is_start:
        hold_limit(session, campaign.organisation_id)
    return load_month(session, campaign.organisation_id, now=now)


def _render(
    session: Session,
    campaign: Campaign,
    content: Content,
    tally: Tally,
    known: KnownHelp,
    *,
    now: datetime,
    pages: str,
) -> list[RenderedText]:
    combinations = tally.combinations()
    return render_combinations(
        content,
        combinations,
        regions=_whereabouts(session, [each.region_id for each in combinations]),
        known=known,
        place=_longest_place_name(session, campaign.organisation_id),
        at=now,
        pages=pages,
    )


def _prepared_gates(session: Session, campaign: Campaign, content: Content, tally: Tally) -> list[Gate]:
    """Return the gates on what members have to have done beside writing."""
    organisation = session.get_one(Organisation, campaign.organisation_id)
    try:
        outside = find_outside(session, organisation, AudienceRule.from_json(content.rule), tally)
    except AudienceRuleError:
        # The audience gate says so.
        outside = Outside()
    return [
        check_withdrawn(session, campaign.message, content),
        mandate_gate(campaign, outside),
        harm_gate(campaign, harm_answers_of(session, campaign, content)),
        _correction_gate(session, campaign, content),
    ]


def _correction_gate(session: Session, campaign: Campaign, content: Content) -> Gate:
    found = correction_of(session, campaign, content)
    if found is None:
        return correction_gate(campaign, None, find_uncovered(session, campaign, content))
    unapproved = find_unapproved(session, content.of_correction(found.message.id))
    return correction_gate(campaign, found, unapproved=unapproved)


def _text_gates(
    campaign: Campaign,
    content: Content,
    tally: Tally,
    rendered: list[RenderedText],
    known: KnownHelp,
    *,
    has_pages: bool,
) -> list[Gate]:
    message_id, used = content.message_id, tally.by_language()
    facts = [
        fact
        for fact in load_translation_facts(campaign.message)
        if fact.language in {content.base_language, *used, *tally.without_text()}
    ]
    # Only SMS is paid for by the part.
    longest = longest_by_language(rendered) if content.uses(Channel.SMS) else {}
    bodies = {language: each.body for language, each in longest.items() if each.body}
    on_fallback = sum(each.people for each in rendered if each.body is not None and _names_no_service(each))
    is_named = any(each.help_numbers for each in rendered)
    lacking = _count_lacking(content, tally, rendered, known)
    return [
        translations_gate(
            message_id,
            people=used | tally.without_text(),
            available=content.texts,
            fallback_language=content.fallback_language,
            confirmed=_agreed(campaign.accepted_left_out),
            waiting=unreviewed_of(campaign.message),
            returned=returned_of(campaign.message),
        ),
        staleness_gate(message_id, facts),
        placeholders_gate(message_id, content.texts, base_language=content.base_language),
        *length_gates(message_id, bodies, max_parts=content.max_parts),
        stop_gate(message_id, content.worded, by_link=_linked(content) if has_pages else ()),
        signposts_gate(message_id, lacking, on_fallback=on_fallback, is_named=is_named),
        typed_gate(message_id, content.worded),
    ]


def _count_lacking(
    content: Content, tally: Tally, rendered: Collection[RenderedText], known: KnownHelp
) -> dict[str, int]:
    """Count by country the people whose words need a number for help that does not exist.

    Nobody may lack one in those that are shown; in own words of another channel, nobody to whom it writes.
    """
    shown, lacking = content.shown_texts, Counter[str]()
    reached, own = tally.by_combination_and_sender(), _own_words(content, shown)
    for combination, each in zip(tally.combinations(), rendered, strict=True):
        language, people = each.language, each.people
        if not lacks_signpost(each, shown.get(language, "")):
            lacks = {sender for sender, texts in own.items() if needs_more(each, texts.get(language, ""), known)}
            people = sum(reached.get((combination, sender), 0) for sender in lacks)
        if people:
            lacking[each.country or "?"] += people
    return dict(lacking)


def _own_words(content: Content, shown: Mapping[str, str]) -> dict[int, dict[str, str]]:
    """Return the words, by sender and language, that its channel has of its own and that are not shown."""
    own = {each["id"]: content.texts_on(each["channel"]).items() - shown.items() for each in content.senders}
    return {sender: dict(texts) for sender, texts in own.items() if texts}


def _linked(content: Content) -> list[tuple[str, str]]:
    """Return the texts, with their languages, that go out over a name that nobody can answer: by SMS alone."""
    return list(content.texts_on(Channel.SMS).items()) if any(map(is_deaf, content.senders)) else []


def _names_no_service(rendered: RenderedText) -> bool:
    return any(each.signpost is None for each in rendered.help_numbers)


def _country_warnings(senders: Sequence[Sender], content: Content, tally: Tally) -> list[CountryWarning]:
    """List the carriers' rules of each country for the SMS sender that serves it, at once or when others fail."""
    carriers = [sender for sender in senders if sender.channel == Channel.SMS and sender.active]
    served: dict[int, list[str]] = {sender.id: [] for sender in carriers}
    for country in tally.by_number_country():
        fits = (sender.id for sender in carriers if not sender.countries or country in sender.countries)
        for first in islice(fits, 1):
            served[first].append(country)
    return [
        replace(warning, sender=sender.name)
        for sender in carriers
        for warning in warnings_for(
            served[sender.id],
            identity=sender.identity,
            texts=content.texts_on(Channel.SMS),
            link=content.link,
        )
    ]


def _told_countries(tally: Tally) -> set[str]:
    return {country for country, people in tally.by_number_country().items() if is_told(people)}


def _agreed(accepted: int | None) -> int | None:
    if accepted is None:
        return None
    return accepted + max(LEFT_OUT_SLACK, accepted * LEFT_OUT_SLACK_PERCENT // 100)


def _whereabouts(session: Session, region_ids: Collection[int]) -> dict[int, Whereabouts]:
    rows = session.execute(select(Region.id, Region.code, Region.country).where(Region.id.in_(set(region_ids))))
    return {region_id: Whereabouts(code, country) for region_id, code, country in rows}


def _longest_place_name(session: Session, organisation_id: int) -> str:
    """Return the name that makes a text longest, because parts are promised for everybody."""
    names = owned(select(Place.name), Place, organisation_id).order_by(func.length(Place.name).desc()).limit(1)
    return session.scalar(names) or ""

"""The gates of a ready campaign: what closes each, what opens it again, and what a member reads meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from campaigns.audience.models import Address, Channel
from campaigns.directory.models import Service
from campaigns.messages.models import TranslationState
from campaigns.messages.translations.service import add_version
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.places.models import Region
from campaigns.planning.do_no_harm.models import HarmReview
from campaigns.planning.do_no_harm.service import prepare_correction
from campaigns.planning.gates.assessment import assess
from campaigns.planning.gates.confirmations import confirm_rules
from campaigns.planning.gates.safety import broken_rules
from campaigns.planning.service import remove_schedule
from campaigns.planning.spending.service import set_spending_limit
from campaigns.staff.models import Organisation
from tests.factories import a_message, safeguarded
from tests.planning.story import START, Story

Act = Callable[[Story], None]


@dataclass(frozen=True)
class Case:
    """One gate: closed by `close`, opened by `open`; `sentence` and `link` are what the page shows meanwhile."""

    gate: str
    close: Act
    open: Act
    sentence: str
    #: Path of the page where it is mended; %(campaign)s, %(message)s and %(audience)s are ids.
    link: str
    #: Whether a run is held by it, too.
    at_start: bool = True


def text(words: str) -> Act:
    """Write the Ukrainian text anew, reviewed."""

    def write(story: Story) -> None:
        story.campaign.message.translations[1].text = words
        story.session.flush()

    return write


def put(name: str, value: Any) -> Act:
    """Change one column of the campaign."""

    def change(story: Story) -> None:
        setattr(story.campaign, name, value)
        story.session.flush()

    return change


def ukrainian(**values: Any) -> Act:
    """Change the Ukrainian translation."""

    def change(story: Story) -> None:
        for name, value in values.items():
            setattr(story.campaign.message.translations[1], name, value)
        story.session.flush()

    return change


def audience(**rule: Any) -> Act:
    def change(story: Story) -> None:
        story.campaign.audience.rule = rule
        story.session.flush()

    return change


def sender(**values: Any) -> Act:
    def change(story: Story) -> None:
        for name, value in values.items():
            setattr(story.campaign.sender, name, value)
        story.session.flush()

    return change


def mandate(*codes: str) -> Act:
    def change(story: Story) -> None:
        story.organisation = story.session.merge(story.organisation)
        story.organisation.mandate = list(codes) or None
        story.session.flush()

    return change


def verified(is_verified: bool) -> Act:
    def change(story: Story) -> None:
        service = story.session.scalars(select(Service)).one()
        service.verified_on = START.date() if is_verified else None
        story.session.flush()

    return change


def in_a_country_with_a_number(has_one: bool) -> Act:
    """Move everybody to a country that has no single emergency number, where a member has to say which to name."""

    def change(story: Story) -> None:
        story.session.scalars(select(Region)).one().country = "PL" if has_one else "AF"
        story.session.flush()

    return change


def no_schedule(story: Story) -> None:
    remove_schedule(story.session, story.campaign.schedules[0], by=story.author.id)


def reschedule(story: Story) -> None:
    story.scheduled()


def over(channel: Channel) -> Act:
    """Let the campaign and everybody's address be of this channel."""

    def change(story: Story) -> None:
        sender(channel=channel)(story)
        story.session.execute(update(Address).values(channel=channel))

    return change


def numbers_of(country: str) -> Act:
    def change(story: Story) -> None:
        story.session.execute(update(Address).values(country=country))

    return change


def confirm(story: Story) -> None:
    broken = broken_rules(assess(story.session, story.campaign, now=START).warnings)
    seen = [f"{country} {rule}" for country, rules in broken.items() for rule in rules]
    confirm_rules(story.session, story.campaign, by=story.author.id, seen=seen)


def answer_no(story: Story) -> None:
    review = story.session.scalars(select(HarmReview)).one()
    review.answers = review.answers | {"no_fear": {"yes": False, "words": "It frightens."}}
    story.session.flush()


def answer_yes(story: Story) -> None:
    story.session.delete(story.session.scalars(select(HarmReview)).one())
    story.session.flush()
    safeguarded(story.session, story.campaign, story.reader)


def poor_correction(story: Story) -> None:
    poor = a_message(story.session, story.organisation, {"en": "That number was wrong."}, title="Poor")
    prepare_correction(story.session, story.campaign, message_id=poor.id, by=story.author.id)


def whole_correction(story: Story) -> None:
    texts = {"en": "That number was wrong.", "uk": "Номер був хибний."}
    whole = a_message(story.session, story.organisation, texts, title="Whole")
    prepare_correction(story.session, story.campaign, message_id=whole.id, by=story.author.id)


def month_limit(dollars: int) -> Act:
    def change(story: Story) -> None:
        organisation = story.session.get_one(Organisation, story.campaign.organisation_id)
        set_spending_limit(story.session, organisation, dollars * 100, by=story.author.id)
        story.session.flush()

    return change


def withdrawn_and_written_again(story: Story) -> None:
    """Withdraw what is said, and keep the same words as a later version."""
    message = story.campaign.message
    withdraw_version(story.session, message, message.version, by=story.author.id, reason="A wrong number.")
    add_version(story.session, message, by=story.author.id)


def other_words(story: Story) -> None:
    """Write other words, and review them."""
    text(READY.replace("Паспорт", "Документи"))(story)
    add_version(story.session, story.campaign.message, by=story.author.id)


READY = "Паспорт тримайте при собі. ((hotline))"
COMPOSER, CAMPAIGN = "/messages/%(message)s/uk", "/campaigns/%(campaign)s"
CASES = (
    Case(
        "translations",
        ukrainian(state=TranslationState.TRANSLATED),
        ukrainian(state=TranslationState.REVIEWED),
        "Texts in Ukrainian wait for review (fewer than 20 people).",
        COMPOSER,
    ),
    Case(
        "staleness",
        ukrainian(source_digest="0" * 64),
        lambda story: ukrainian(source_digest=story.campaign.message.translations[0].source_digest)(story),
        "The source text changed after these were translated: Ukrainian.",
        COMPOSER,
    ),
    Case(
        "placeholders",
        text("Паспорт тримайте при собі."),
        text(READY),
        "Other automatic fields than in the source text: Ukrainian.",
        COMPOSER,
    ),
    Case(
        "length",
        text(READY + " слово" * 40),
        text(READY),
        "Ukrainian takes 5 parts, allowed are 3. In its script a part holds 67 characters: shorten it or allow "
        "more parts.",
        COMPOSER,
    ),
    Case(
        "stop",
        text(READY + " STOP"),
        text(READY + " ((stop))"),
        "Ukrainian asks for the answer “STOP”, which some cannot give: write ((stop)).",
        COMPOSER,
    ),
    Case(
        "signposts",
        in_a_country_with_a_number(False),
        in_a_country_with_a_number(True),
        "Fewer than 20 people have no verified service to be pointed to: Afghanistan.",
        "/directory",
    ),
    Case(
        "harm",
        answer_no,
        answer_yes,
        "Points of the do-no-harm checklist that are not true, or not sure: 1.",
        f"{CAMPAIGN}/harm",
    ),
    Case(
        "country",
        numbers_of("AE"),
        confirm,
        "A rule seems to be broken in United Arab Emirates: read it, and confirm it by your name.",
        f"{CAMPAIGN}/checks#countries",
    ),
    Case(
        "mandate",
        mandate("RO", "PL-14"),
        mandate("RO", "PL"),
        "Some of these people are where the organisation may not write to. Too few are in each region for it"
        " to be named: choose regions of the working area.",
        "/audience/%(audience)s",
    ),
    Case(
        "budget",
        put("budget_cents", 0),
        put("budget_cents", 100_000),
        "It may cost $21.00, and only $0.00 are allowed: write to fewer people, or raise the limit.",
        f"{CAMPAIGN}/edit",
    ),
    Case(
        "month",
        month_limit(1),
        month_limit(100),
        "This month $0.00 of $1.00 are spent, and sending it costs about $21.00 more: it waits until an "
        "administrator raises the limit, or until next month.",
        "/reach/spending",
    ),
    Case(
        "correction",
        poor_correction,
        whole_correction,
        "The correction has no reviewed text in Ukrainian.",
        f"{CAMPAIGN}/correction",
    ),
    Case(
        "audience",
        audience(everybody=True),
        audience(),
        "An audience rule cannot say everybody.",
        "/audience/%(audience)s",
    ),
    Case(
        "withdrawn",
        withdrawn_and_written_again,
        other_words,
        "An earlier version of this message was withdrawn because something in it is wrong, and no word of it was "
        "changed since. Change what is wrong.",
        "/messages/%(message)s",
    ),
    Case(
        "link",
        text(READY + " ((link))"),
        text(READY),
        "The text asks for a link and the campaign has none: add the address of the page.",
        f"{CAMPAIGN}/edit",
    ),
    Case(
        "place",
        text(READY + " ((place))"),
        text(READY),
        "The text names a place and the audience has none: choose places, or write a text to use instead.",
        "/audience/%(audience)s",
    ),
    Case(
        "sender",
        sender(active=False),
        sender(active=True),
        "The sender NGOINFO is switched off: choose another one.",
        f"{CAMPAIGN}/edit",
    ),
    Case(
        "templates",
        over(Channel.WHATSAPP),
        over(Channel.SMS),
        "WhatsApp lets nothing through yet: ask for its templates in Ukrainian.",
        f"{CAMPAIGN}/templates",
    ),
    Case(
        "schedule",
        no_schedule,
        reschedule,
        "No time is set: say when it is to be sent.",
        f"{CAMPAIGN}/times/new",
        at_start=False,
    ),
)

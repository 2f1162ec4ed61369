"""The planning step's forms ask for a campaign, its times, and an approver's reason."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    FieldList,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # newer than its stubs
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from campaigns.audience.forms import CHANNELS
from campaigns.core.errors import InputError
from campaigns.core.languages import all_languages
from campaigns.core.words import N_
from campaigns.planning.draft import (
    LARGEST_BUDGET,
    LONGEST_LINK,
    LONGEST_NAME,
    LONGEST_URGENT_REASON,
    MOST_PARTS,
    MOST_SENDERS,
    Plan,
)
from campaigns.planning.labels import FALLBACKS, TEMPLATE_CATEGORIES, WEEKDAYS, ZONE_POLICIES, weekday_name
from campaigns.planning.models import (
    EXPIRES_AFTER_MINUTES,
    Campaign,
    FallbackPolicy,
    Sender,
    TemplateCategory,
    ZonePolicy,
)
from campaigns.planning.schedules.recurrence import LONGEST_RULE, Timing
from campaigns.planning.service import LONGEST_REASON, MINUTES_A_WEEK
from campaigns.web.filters import country_name, language_name, listed
from campaigns.web.forms import Form, LongSelect, Ticks, options
from campaigns.web.number_fields import AmountField, WholeNumberField, whole_number

LOCAL_TIME = "%Y-%m-%dT%H:%M"
#: Time zones that can be chosen.
ZONES = tuple(zone for zone in sorted(available_timezones()) if "/" in zone or zone == "UTC")


def _sender_or_none(value: object) -> int | None:
    return whole_number(str(value)) if value else None


class CampaignForm(Form):
    """What is said, to whom, over which sender, within which limits."""

    name = StringField(
        _l("Name"),
        [InputRequired(), Length(max=LONGEST_NAME)],
        description=_l("For members; nobody else sees it."),
    )
    message_id = LongSelect(_l("Message"), [InputRequired()], coerce=whole_number)
    audience_id = LongSelect(_l("Audience"), [InputRequired()], coerce=whole_number)
    senders = FieldList(
        SelectField(coerce=_sender_or_none, validators=[Optional()]),
        min_entries=MOST_SENDERS,
        max_entries=MOST_SENDERS,
    )
    fallback_policy = RadioField(
        _l("People for whom there is no text in a language they read"),
        [InputRequired()],
        choices=options(FALLBACKS.items()),
        default=FallbackPolicy.DO_NOT_SEND.value,
    )
    fallback_language = SelectField(_l("The other language"), [Optional()])
    max_parts = WholeNumberField(
        _l("Maximum SMS per text"),
        [InputRequired(), NumberRange(1, MOST_PARTS)],
        description=_l("Each part is paid for. Longer texts are not sent."),
    )
    link = StringField(
        _l("Address of the page behind ((link))"),
        [Optional(), Length(max=LONGEST_LINK)],
        render_kw={"dir": "ltr", "inputmode": "url", "placeholder": "https://"},
    )
    budget = AmountField(
        _l("Spending limit of one run, in US dollars"),
        [Optional(), NumberRange(Decimal("0.01"), LARGEST_BUDGET // 100)],
        places=None,
        description=_l("Nothing is sent when the estimate is higher. Empty: no limit."),
    )
    urgent_reason = StringField(
        _l("If it is urgent: why"),
        [Optional(), Length(max=LONGEST_URGENT_REASON)],
        description=_l(
            "For the approver, who approves it as urgent or as any other. Urgent messages go before others over"
            " the same sender. Empty: it is not urgent."
        ),
    )
    resend_unknown = BooleanField(
        _l("If it is unknown whether a message arrived, send it again"),
        description=_l("Only where the provider has never seen the message. Somebody might still get it twice."),
    )

    def offer(
        self,
        *,
        messages: Iterable[tuple[int, str]],
        audiences: Iterable[tuple[int, str]],
        senders: Iterable[Sender],
    ) -> None:
        """Fill in what can be chosen."""
        self.message_id.choices = options((str(each), title) for each, title in messages)
        self.audience_id.choices = options((str(each), name) for each, name in audiences)
        choices = [SelectChoice("", "–"), *(_sender_choice(row) for row in senders)]
        for select in self.senders:
            select.choices = choices
        languages = [(code, language_name(code)) for code in all_languages()]
        self.fallback_language.choices = options([("", "–"), *languages])

    @property
    def is_countable(self) -> bool:
        """Whether message, audience and a sender are chosen, so that people can be counted."""
        return self.message_id.data is not None and self.audience_id.data is not None and bool(self.sender_ids)

    @property
    def sender_ids(self) -> tuple[int, ...]:
        """The chosen senders in their order; places left empty are closed up."""
        return tuple(select.data for select in self.senders if select.data is not None)

    def plan(self) -> Plan:
        """Return the plan the form says."""
        return Plan(
            name=self.text("name"),
            message_id=int(self.message_id.data),
            audience_id=int(self.audience_id.data),
            sender_ids=self.sender_ids,
            fallback_policy=FallbackPolicy(self.fallback_policy.data or FallbackPolicy.DO_NOT_SEND),
            fallback_language=self.text("fallback_language") or None,
            max_parts=int(self.max_parts.data or 0),
            link=self.text("link") or None,
            resend_unknown=bool(self.resend_unknown.data),
            urgent_reason=self.text("urgent_reason") or None,
            budget_cents=None if self.budget.data is None else int(self.budget.data * 100),
        )


class TimeForm(Form):
    """When a campaign is sent: once, or again and again, and by whose clock."""

    begins = RadioField(
        _l("When it starts"),
        [Optional()],
        choices=options([("at", _l("At a date and time")), ("approved", _l("As soon as it is approved"))]),
        default="at",
    )
    starts_at = DateTimeLocalField(_l("Date and time"), [InputRequired()], format=LOCAL_TIME)
    zone_policy = RadioField(
        _l("By whose clock"),
        [InputRequired()],
        choices=options(ZONE_POLICIES.items()),
        default=ZonePolicy.RECIPIENT.value,
    )
    time_zone = SelectField(
        _l("Time zone"),
        [InputRequired()],
        choices=options((zone, zone) for zone in ZONES),
        description=_l("With each person's own clock, it counts for people whose zone is not known."),
    )
    repeats = SelectField(
        _l("Again"),
        [InputRequired()],
        choices=options(
            [
                ("once", _l("No, only once")),
                ("DAILY", _lp("as a choice", "Every day")),
                ("WEEKLY", _lp("as a choice", "Every week")),
                ("rule", _l("By a rule of your own")),
            ]
        ),
    )
    weekdays = Ticks(_l("On these days"), [Optional()])
    until = DateField(_l("Last day"), [Optional()])
    rule = StringField(
        _l("Rule"),
        [Optional(), Length(max=LONGEST_RULE)],
        description=_l(
            "As calendars write it (RRULE): FREQ=MONTHLY;BYDAY=1MO is the first Monday of each month. At most once"
            " an hour."
        ),
        render_kw={"dir": "ltr", "autocapitalize": "characters", "spellcheck": "false"},
    )
    grace_minutes = WholeNumberField(
        _l("How late it may start, in minutes"),
        [InputRequired(), NumberRange(1, MINUTES_A_WEEK)],
        default=60,
        description=_l("If it would start later, an approver must let it start."),
    )
    expires_after_minutes = WholeNumberField(
        _l("How long a message may wait to be sent, in minutes"),
        [InputRequired(), NumberRange(1, MINUTES_A_WEEK)],
        default=EXPIRES_AFTER_MINUTES,
        description=_l("After that it is not sent any more."),
    )

    def offer(self) -> None:
        """Name the weekdays in the reader's language."""
        self.weekdays.choices = options((code, weekday_name(code)) for code in WEEKDAYS)

    @property
    def on_approval(self) -> bool:
        """Whether it has no time of its own, but that of its approval."""
        return bool(self.begins.data == "approved")

    def validate(self, extra_validators: Any = None) -> bool:
        """Check the form; a date that does not count may be anything."""
        if self.on_approval:
            self.starts_at.validators, self.starts_at.process_errors = [Optional()], []
        return bool(super().validate(extra_validators))

    def timing(self, zone: str, *, now: datetime) -> Timing:
        """Return the time and recurrence the form says; `zone` is the organisation's."""
        if self.on_approval:
            return Timing.at_approval(zone, now=now)
        return Timing(
            starts_at=(self.starts_at.data or datetime.min).replace(second=0, microsecond=0),
            recurrence=self.recurrence(),
            zone_policy=ZonePolicy(self.zone_policy.data),
            time_zone=self.text("time_zone"),
        )

    def recurrence(self) -> str | None:
        """Return the rule the form says, or None for once."""
        repeats = self.text("repeats")
        if repeats == "once":
            return None
        if repeats == "rule":
            return self.text("rule") or "-"
        days = f";BYDAY={','.join(self.weekdays.data)}" if repeats == "WEEKLY" and self.weekdays.data else ""
        until = f";UNTIL={self.until.data:%Y%m%d}" if self.until.data else ""
        return f"FREQ={repeats}{days}{until}"


class ReturnForm(Form):
    """Why a campaign goes back to its authors."""

    reason = TextAreaField(_l("What has to change"), [InputRequired(), Length(max=LONGEST_REASON)])


class TemplatesForm(Form):
    """What WhatsApp is asked to take the texts for."""

    category = RadioField(
        _l("Kind"),
        [InputRequired()],
        choices=options(TEMPLATE_CATEGORIES.items()),
        default=TemplateCategory.MARKETING.value,
    )

    @property
    def chosen(self) -> TemplateCategory:
        """The kind chosen. Raises InputError for none."""
        if not self.validate():
            raise InputError(N_("Choose the kind of message first."))
        return TemplateCategory(self.category.data)


def data_of(campaign: Campaign) -> dict[str, object]:
    """Return the data that fills a CampaignForm with a campaign."""
    values = {name: getattr(campaign, name) for name in Plan.__dataclass_fields__}
    budget = None if campaign.budget_cents is None else Decimal(campaign.budget_cents) / 100
    policy = str(campaign.fallback_policy)
    return values | {"fallback_policy": policy, "senders": campaign.sender_ids, "budget": budget}


def _sender_choice(sender: Sender) -> Any:
    where = listed(map(country_name, sorted(sender.countries)))
    label = " · ".join(part for part in (sender.name, sender.identity, where) if part)
    return SelectChoice(str(sender.id), label, optgroup=CHANNELS[sender.channel])

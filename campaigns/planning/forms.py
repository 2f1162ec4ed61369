"""Forms of the planning step: a campaign, its times, an approver's reason, and senders."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import available_timezones

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    DecimalField,
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from campaigns.audience.models import Audience
from campaigns.core.languages import all_languages
from campaigns.messages.models import Message
from campaigns.planning.labels import FALLBACKS, WEEKDAYS, ZONE_POLICIES, weekday_name
from campaigns.planning.models import Campaign, FallbackPolicy, Sender, ZonePolicy
from campaigns.planning.plan import LONGEST_LINK, LONGEST_NAME, MOST_PARTS, Plan
from campaigns.planning.recurrence import LONGEST_RULE, Timing
from campaigns.planning.senders import FASTEST_PACE, GATEWAYS, SLOWEST_PACE, SenderFacts
from campaigns.planning.service import LONGEST_REASON, MINUTES_A_WEEK
from campaigns.web.filters import language_name
from campaigns.web.forms import Form, options

LOCAL_TIME = "%Y-%m-%dT%H:%M"
GATEWAY_NAMES = {"twilio": _l("Twilio"), "console": _l("Console: writes to the log, reaches nobody")}


class Ticks(SelectMultipleField):
    """Several choices as checkboxes."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class CampaignForm(Form):
    """What is said, to whom, over which sender, within which limits."""

    name = StringField(
        _l("Name"),
        [InputRequired(), Length(max=LONGEST_NAME)],
        description=_l("For members; nobody else sees it."),
    )
    message_id = SelectField(_l("Message"), [InputRequired()], coerce=int)
    audience_id = SelectField(_l("Audience"), [InputRequired()], coerce=int)
    sender_id = SelectField(_l("Sent from"), [InputRequired()], coerce=int)
    fallback_policy = RadioField(
        _l("People for whom there is no text in a language they read"),
        [InputRequired()],
        choices=options(FALLBACKS.items()),
        default=FallbackPolicy.DO_NOT_SEND.value,
    )
    fallback_language = SelectField(_l("The other language"), [Optional()])
    max_parts = IntegerField(
        _l("Most SMS a text may take"),
        [InputRequired(), NumberRange(1, MOST_PARTS)],
        description=_l("Each part is paid for. Longer texts are not sent."),
    )
    link = StringField(
        _l("Address of the page behind ((link))"),
        [Optional(), Length(max=LONGEST_LINK)],
        render_kw={"dir": "ltr", "inputmode": "url", "placeholder": "https://"},
    )
    resend_unknown = BooleanField(
        _l("Send again what may not have arrived"),
        description=_l("Only where the provider has never seen the message. Somebody might still get it twice."),
    )

    def offer(
        self, *, messages: Iterable[Message], audiences: Iterable[Audience], senders: Iterable[Sender]
    ) -> None:
        """Fill in what can be chosen."""
        self.message_id.choices = options((str(row.id), row.title) for row in messages)
        self.audience_id.choices = options((str(row.id), row.name) for row in audiences)
        self.sender_id.choices = options((str(row.id), f"{row.name} · {row.identity}") for row in senders)
        languages = [(code, language_name(code)) for code in all_languages()]
        self.fallback_language.choices = options([("", "–"), *languages])

    @property
    def is_countable(self) -> bool:
        """Whether message, audience and sender are chosen, so that people can be counted."""
        return all(self[name].data is not None for name in ("message_id", "audience_id", "sender_id"))

    def plan(self) -> Plan:
        """Return the plan the form says."""
        return Plan(
            name=self.text("name"),
            message_id=int(self.message_id.data),
            audience_id=int(self.audience_id.data),
            sender_id=int(self.sender_id.data),
            fallback_policy=FallbackPolicy(self.fallback_policy.data or FallbackPolicy.DO_NOT_SEND),
            fallback_language=self.text("fallback_language") or None,
            max_parts=int(self.max_parts.data or 0),
            link=self.text("link") or None,
            resend_unknown=bool(self.resend_unknown.data),
        )


class TimeForm(Form):
    """When a campaign is sent: once, or again and again, and by whose clock."""

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
        choices=options((zone, zone) for zone in sorted(available_timezones()) if "/" in zone or zone == "UTC"),
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
            "An RRULE as calendars write it, for example FREQ=MONTHLY;BYDAY=1MO. At most once an hour."
        ),
        render_kw={"dir": "ltr", "autocapitalize": "characters", "spellcheck": "false"},
    )
    grace_minutes = IntegerField(
        _l("How late it may start, in minutes"),
        [InputRequired(), NumberRange(1, MINUTES_A_WEEK)],
        default=60,
        description=_l("A later start waits until an approver releases it."),
    )
    expires_after_minutes = IntegerField(
        _l("How long a message may wait to be sent, in minutes"),
        [InputRequired(), NumberRange(1, MINUTES_A_WEEK)],
        default=720,
        description=_l("After that it is not sent any more."),
    )

    def offer(self) -> None:
        """Name the weekdays in the reader's language."""
        self.weekdays.choices = options((code, weekday_name(code)) for code in WEEKDAYS)

    def timing(self) -> Timing:
        """Return the time and recurrence the form says."""
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


class SenderChangeForm(Form):
    """What may change of a sender that campaigns use."""

    name = StringField(_l("Name"), [InputRequired(), Length(max=100)])
    pace = DecimalField(
        _l("Pace, in SMS parts a second"),
        [InputRequired(), NumberRange(SLOWEST_PACE, FASTEST_PACE)],
        places=None,
        description=_l("What the route allows: a long number 1, a short code 100. Faster than that is refused."),
    )
    active = BooleanField(_l("May be used"), default=True)


class SenderForm(SenderChangeForm):
    """A new sender."""

    identity = StringField(
        _l("Number or name people see"),
        [InputRequired(), Length(max=60)],
        description=_l("A number like +48123456789, a name of at most 11 letters and digits, or a service id MG…"),
        render_kw={"dir": "ltr"},
    )
    gateway = SelectField(
        _l("Gateway"), [InputRequired()], choices=options((name, GATEWAY_NAMES[name]) for name in GATEWAYS)
    )
    secret_name = StringField(
        _l("Credential"),
        [InputRequired(), Length(max=60)],
        default="twilio",
        description=_l("Its name in the settings of this instance; the secret itself is never entered here."),
        render_kw={"dir": "ltr"},
    )

    def facts(self) -> SenderFacts:
        """Return the sender the form says."""
        return SenderFacts(
            name=self.text("name"),
            gateway=self.text("gateway"),
            identity=self.text("identity"),
            secret_name=self.text("secret_name"),
            pace=float(self.pace.data or 0),
        )


def data_of(campaign: Campaign) -> dict[str, object]:
    """Return the data that fills a CampaignForm with a campaign."""
    values = {name: getattr(campaign, name) for name in Plan.__dataclass_fields__}
    return values | {"fallback_policy": str(campaign.fallback_policy)}

"""Forms for an offer to another organisation, its answer, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from campaigns.inbox.handing_over.labels import CONFIRMED, FIELDS, OVERRIDES
from campaigns.inbox.handing_over.models import Override
from campaigns.inbox.handing_over.service import LONGEST_SUMMARY, LONGEST_WORDS, Extract, Field
from campaigns.inbox.handing_over.within import Target
from campaigns.web.forms import Form, Ticks, options


class ExtractForm(Form):
    """What is offered, and to which organisation."""

    receiver = SelectField(_l("To which organisation?"), validators=[InputRequired()])
    summary = TextAreaField(
        _l("What they have to know"),
        description=_l("In your own words. No names, no numbers, nothing that they wrote word for word."),
        validators=[InputRequired(), Length(max=LONGEST_SUMMARY)],
        render_kw={"rows": 5, "dir": "auto"},
    )
    fields = Ticks(
        _l("What they see beside it"),
        choices=options(FIELDS.items()),
    )

    def extract(self) -> Extract:
        """Return what was entered."""
        fields = [Field(each) for each in self.fields.data or ()]
        return Extract(int(self.text("receiver")), self.text("summary"), fields=fields)


class OfferForm(ExtractForm):
    """What is offered, to whom, and that the person agreed."""

    consent = StringField(
        _l("What did the person answer when you asked them?"),
        description=_l("You named the organisation to them and asked. Without their yes nothing is passed on."),
        validators=[InputRequired(), Length(max=LONGEST_WORDS)],
        render_kw={"dir": "auto"},
    )

    def extract(self) -> Extract:
        """Return what was entered, with the person's answer."""
        return replace(super().extract(), consent=self.text("consent"))


class UnaskedForm(ExtractForm):
    """What is offered, to whom, and why nobody could ask the person."""

    override = RadioField(
        _l("Why could they not be asked?"), choices=options(OVERRIDES.items()), validators=[InputRequired()]
    )

    def extract(self) -> Extract:
        """Return what was entered, with the reason."""
        return replace(super().extract(), override=Override(self.text("override")))


class WithinForm(Form):
    """To whom of one's own organisation a conversation is offered, and why."""

    to = SelectField(_l("To whom?"), validators=[InputRequired()])
    note = TextAreaField(
        _l("Why, and what they have to know"),
        validators=[InputRequired(), Length(max=LONGEST_SUMMARY)],
        render_kw={"rows": 4, "dir": "auto"},
    )

    def offer_to(self, teams: Iterable[tuple[int, str]], members: Iterable[tuple[int, str]]) -> None:
        """Offer these teams and members, by their ids and names."""
        named = [(f"team-{key}", _("Team: %(name)s", name=name)) for key, name in teams]
        self.to.choices = options([*named, *((f"member-{key}", name) for key, name in members)])

    def target(self) -> Target:
        """Return to whom."""
        kind, _dash, key = self.text("to").partition("-")
        return Target(team_id=int(key)) if kind == "team" else Target(member_id=int(key))


class DeclineForm(Form):
    """Why an offer is declined."""

    reason = StringField(_l("Why not?"), validators=[InputRequired(), Length(max=LONGEST_WORDS)])


class ConfirmForm(Form):
    """What came of somebody who quoted a code."""

    code = StringField(
        _l("Their code"),
        description=_l("Six digits that the person was told."),
        validators=[InputRequired(), Length(max=20)],
        render_kw={"inputmode": "numeric", "autocomplete": "off", "dir": "ltr"},
    )
    what = RadioField(_l("What came of it?"), choices=options(CONFIRMED.items()), validators=[InputRequired()])

"""Forms for an offer to another organisation, its answer, and what came of it."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from campaigns.inbox.handing_over.export_keys import LONGEST_KEY, LONGEST_WORD
from campaigns.inbox.handing_over.labels import CONFIRMED, FIELDS
from campaigns.inbox.handing_over.service import LONGEST_SUMMARY, LONGEST_WORDS
from campaigns.web.forms import Form, Ticks, options


class OfferForm(Form):
    """What is offered, to whom, and that the person agreed."""

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
    consent = StringField(
        _l("What did the person answer when you asked them?"),
        description=_l("You named the organisation to them and asked. Without their yes nothing is passed on."),
        validators=[InputRequired(), Length(max=LONGEST_WORDS)],
        render_kw={"dir": "auto"},
    )


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


class KeyForm(Form):
    """The public key to which exports are encrypted."""

    recipient = StringField(
        _l("Public key"),
        description=_l("It begins with age1. The secret half, AGE-SECRET-KEY-…, never comes here."),
        validators=[InputRequired(), Length(max=LONGEST_KEY)],
        render_kw={"dir": "ltr", "autocomplete": "off", "spellcheck": "false"},
    )


class WordForm(Form):
    """The word that was encrypted to a key."""

    word = StringField(
        _l("The word that you read"),
        validators=[InputRequired(), Length(max=LONGEST_WORD)],
        render_kw={"dir": "ltr", "autocomplete": "off", "spellcheck": "false"},
    )

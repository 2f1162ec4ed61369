"""By these forms members decide what people meant."""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from campaigns.audience.forms import CHANNELS, UploadForm
from campaigns.audience.models import Channel
from campaigns.inbox.holds.opted_out_list import LONGEST_SOURCE
from campaigns.inbox.holds.settling import LONGEST_REASON
from campaigns.web.forms import Form, options


class LiftForm(Form):
    """Where a stop is lifted, and how we know that the person wants it."""

    channel = SelectField(_l("Channel"), [InputRequired()])
    evidence = TextAreaField(
        _l("How you know that they want messages again"),
        [InputRequired(), Length(max=LONGEST_REASON)],
        description=_l(
            "What the person did or signed, where and when. It stays with their consent for good. Write no names"
            " and no numbers."
        ),
    )

    def offer(self, channels: Iterable[Channel]) -> None:
        """Fill in where the person has opted out."""
        self.channel.choices = options((channel, CHANNELS[channel]) for channel in channels)


class NumbersForm(UploadForm):
    """A list of numbers whose people opted out."""

    source = StringField(
        _l("Where the list comes from"),
        [InputRequired(), Length(max=LONGEST_SOURCE)],
        description=_l(
            "For example: opt-outs of the old SMS service. It stays with their consent."
            " Write no names and no numbers."
        ),
    )

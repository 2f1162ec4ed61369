"""These forms ask administrators for senders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from babel import Locale
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    BooleanField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from campaigns.audience.forms import CHANNELS
from campaigns.audience.models import Channel
from campaigns.core.errors import InputError
from campaigns.gateways.kinds import GatewayKind, gateway_kinds
from campaigns.planning.models import Sender
from campaigns.planning.senders.prices import read_prices, written_prices
from campaigns.planning.senders.service import FASTEST_PACE, LARGEST_LIMIT, LONGEST_NAME, SLOWEST_PACE
from campaigns.planning.senders.service import SenderFacts as Facts
from campaigns.planning.senders.service import SenderLimits as Limits
from campaigns.web.error_words import said
from campaigns.web.filters import country_name, listed
from campaigns.web.forms import Form, options
from campaigns.web.locale import current_language
from campaigns.web.number_fields import AmountField, WholeNumberField

#: What stands between the countries of a sender in languages that write another comma.
_COMMAS = {"ar": "، "}


class SenderChangeForm(Form):
    """What may change of a sender that campaigns use."""

    name = StringField(_l("Name"), [InputRequired(), Length(max=LONGEST_NAME)])
    countries = StringField(
        _l("Countries of the numbers it writes to"),
        description=_l("Names or codes with commas between them: Poland, UA. Empty: every country."),
    )
    pace = AmountField(
        _l("Sending speed, in SMS parts or messages a second"),
        [InputRequired(), NumberRange(SLOWEST_PACE, FASTEST_PACE)],
        places=None,
        description=_l(
            "What the sending route allows: a long number 1, a short code 100, a bot 25. Faster than that is "
            "refused."
        ),
    )
    daily_limit = WholeNumberField(
        _l("People in any 24 hours, at most"),
        [Optional(), NumberRange(1, LARGEST_LIMIT)],
        description=_l("WhatsApp allows 250, 2,000, 10,000 or 100,000, by the standing of your business."),
    )
    prices = TextAreaField(
        _l("What it costs, in US dollars"),
        [Optional(), Length(max=4000)],
        description=_l(
            "A country and the price of one SMS part or message on each line: UA 0.1747. A * stands for every "
            "other country. Empty: the table of this system."
        ),
        render_kw={"dir": "ltr", "rows": 4, "spellcheck": "false"},
    )
    active = BooleanField(_l("May be used"), default=True)

    def validate_countries(self, field: StringField) -> None:
        """Refuse names that no country has."""
        codes = _codes_by_name()
        for name in _split(field.data):
            if name.casefold() not in codes:
                raise ValidationError(_("“%(name)s” is no country: write its name or its code.", name=name))

    def validate_prices(self, field: TextAreaField) -> None:
        """Refuse a line that is no country and price."""
        try:
            read_prices(field.data or "")
        except InputError as error:
            raise ValidationError(said(error)) from None

    def limits(self) -> Limits:
        """Return what the form says, with countries as codes."""
        codes = _codes_by_name()
        return Limits(
            name=self.text("name"),
            pace=float(self.pace.data or 0),
            active=bool(self.active.data),
            countries=[codes[name.casefold()] for name in _split(self.countries.data)],
            daily_limit=self.daily_limit.data,
            prices=read_prices(self.text("prices")),
        )


class SenderForm(SenderChangeForm):
    """A new sender."""

    channel = SelectField(_l("Channel"), [InputRequired()], choices=options(CHANNELS.items()))
    identity = StringField(
        _l("Number or name people see"),
        [InputRequired(), Length(max=60)],
        description=_l(
            "SMS: a number like +48123456789, a short code, or a name of at most 11 letters and digits. "
            "WhatsApp: the number. A service id MG… is fine for both. Telegram: the user name of the bot."
        ),
        render_kw={"dir": "ltr"},
    )
    gateway = SelectField(_l("Connection to the provider"), [InputRequired()])
    secret_name = SelectField(
        _l("Provider key"),
        description=_l(
            "Its name in the settings of this system. Those that belong to your organisation are offered. "
            "Whoever runs this system enters them and says whose they are."
        ),
        render_kw={"dir": "ltr"},
    )

    def offer(self, *, is_demo: bool, credentials: Sequence[str]) -> None:
        """Name the gateways that this instance may use, and the credentials that are the organisation's.

        Only a demo has a gateway that reaches nobody.
        """
        kinds = [kind for kind in gateway_kinds().values() if is_demo or kind.reaches_people]
        self.gateway.choices = options((kind.name, _words_for(kind)) for kind in kinds)
        named = [(name, name) for name in credentials]
        self.secret_name.choices = options([*named, ("", _("None yet: it is entered later"))])

    def facts(self) -> Facts:
        """Return the sender the form says."""
        return Facts(
            channel=Channel(self.text("channel")),
            gateway=self.text("gateway"),
            identity=self.text("identity"),
            secret_name=self.text("secret_name"),
            limits=self.limits(),
        )


def data_of(sender: Sender) -> dict[str, Any]:
    """Return the data that fills a SenderChangeForm with a sender."""
    names = ("name", "pace", "active", "daily_limit")
    # A field that is read again: commas alone, with no word between the last two.
    countries = _COMMAS.get(current_language(), ", ").join(map(country_name, sender.countries))
    prices = written_prices(sender.prices)
    return {name: getattr(sender, name) for name in names} | {"countries": countries, "prices": prices}


def _words_for(kind: GatewayKind) -> str:
    carried = listed(CHANNELS[Channel(channel)] for channel in kind.channels)
    if not kind.reaches_people:
        return str(_("%(gateway)s: writes to the log, reaches nobody", gateway=kind.title))
    return f"{kind.title} ({carried})"


def _split(entered: str | None) -> list[str]:
    # A country may be named in any script, and so may the comma.
    line = (entered or "").replace("،", ",").replace(";", ",")
    return [name for name in (part.strip() for part in line.split(",")) if name]


def _codes_by_name() -> dict[str, str]:
    """Return alpha-2 codes by their case-folded code and name, in English and the reader's language."""
    codes: dict[str, str] = {}
    for locale in (Locale("en"), get_locale() or Locale("en")):
        for code, name in locale.territories.items():
            if len(code) == 2 and code.isalpha():
                codes[name.casefold()] = codes[code.casefold()] = code
    return codes

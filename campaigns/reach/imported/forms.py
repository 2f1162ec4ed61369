"""The form of reported reach asks whose word it is, about what, and how its cells are meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, DateField, SelectField
from wtforms.validators import InputRequired, Optional

from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.places.geography.atlas import load_atlas
from campaigns.reach.imported.labels import SOURCES
from campaigns.reach.imported.models import Source
from campaigns.reach.imported.reading import Reading
from campaigns.web.filters import alphabetical, country_name
from campaigns.web.forms import Form, LongSelect, options


class ReportForm(Form):
    """A file that somebody reports reach with."""

    file = FileField(
        _l("File"),
        [FileRequired(_l("Choose the file first."))],
        description=_l("CSV or XLSX, as the ads manager or the partner wrote it, in any language."),
    )
    source = SelectField(
        _l("Whose figures are they?"), choices=options((one.value, name) for one, name in SOURCES.items())
    )
    campaign_id = LongSelect(
        _l("Campaign"),
        [Optional()],
        description=_l("Rows that quote the code of another campaign of yours belong to that one."),
    )
    exported_on = DateField(_l("When was it exported?"), [InputRequired(_l("Say when the file was written."))])
    starts_on = DateField(
        _l("First day of all rows"), [Optional()], description=_l("Where the rows have no dates.")
    )
    ends_on = DateField(_l("Last day of all rows"), [Optional()])
    country = SelectField(_l("Country of regions without one"), [Optional()])
    decimal_sign = SelectField(
        _l("What stands before decimals?"),
        [Optional()],
        choices=options(
            (("", _l("as the file shows")), (",", _l("a comma: 1.234,50")), (".", _l("a point: 1,234.50")))
        ),
    )
    day_order = SelectField(
        _l("Which comes first in 03/04/2022?"),
        [Optional()],
        choices=options((("", _l("as the file shows")), ("day", _l("the day")), ("month", _l("the month")))),
    )
    recurrent = BooleanField(
        _l("These people were counted in an earlier period or activity"),
        description=_l("They then stay out of the figures for new people."),
    )

    def offer(self, campaigns: Iterable[tuple[int, str]]) -> None:
        """Fill the lists of choices."""
        named = [(str(each), name) for each, name in campaigns]
        self.campaign_id.choices = options([("", _("no campaign of ours")), *named])
        countries = sorted(
            {region.country for region in load_atlas().facts}, key=lambda code: alphabetical(country_name(code))
        )
        self.country.choices = options([("", _("none")), *((code, country_name(code)) for code in countries)])

    @property
    def campaign(self) -> int | None:
        """The campaign that was chosen, or None."""
        return int(self.campaign_id.data) if self.campaign_id.data else None

    def reading(self) -> Reading:
        """Return how the file is to be read. Raises InputError."""
        if self.starts_on.data and self.ends_on.data and self.ends_on.data < self.starts_on.data:
            raise InputError(N_("the period ends before it begins."))
        order: Any = self.day_order.data
        exported_on: Any = self.exported_on.data
        return Reading(
            source=Source(self.source.data),
            exported_on=exported_on,
            starts_on=self.starts_on.data,
            ends_on=self.ends_on.data or self.starts_on.data,
            country=self.text("country"),
            recurrent=bool(self.recurrent.data),
            decimal_sign=self.text("decimal_sign") or None,
            day_first=None if not order else order == "day",
        )

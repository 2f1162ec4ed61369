"""These forms ask what a service or partner tells, and where a campaign's counted address leads."""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, DateField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from campaigns.places.models import Region
from campaigns.planning.links.link_targets import LONGEST_HOST, LONGEST_TARGET
from campaigns.reach.labels import STEPS
from campaigns.reach.outcomes.models import TOLD_STEPS
from campaigns.web.filters import alphabetical, country_name, region_name
from campaigns.web.forms import Form, options
from campaigns.web.number_fields import WholeNumberField


class OutcomeForm(Form):
    """Three people came quoting K7: who says so, when, where."""

    step = SelectField(
        _l("What happened?"),
        choices=options((step.value, STEPS[step]) for step in TOLD_STEPS),
        description=_l("They turned to a support service, or they got help: two different steps."),
    )
    people = WholeNumberField(_l("How many people?"), [InputRequired(_l("Write a whole number."))])
    day = DateField(_l("When did they come?"), [InputRequired(_l("Give the day, or the last day of several."))])
    partner = StringField(
        _l("Who tells it?"),
        [InputRequired(_l("Say who tells it: the service or the partner.")), Length(max=200)],
        description=_l("The service or partner organisation. Never the name of a person who came."),
    )
    region = SelectField(_l("Where?"), [Optional()])
    recurrent = BooleanField(_l("Some of them were counted before"))
    note = StringField(_l("Note"), [Optional(), Length(max=300)], description=_l("Nothing about single people."))

    def offer(self, regions: Iterable[Region]) -> None:
        """Fill the list of regions."""
        named = [(one.code, f"{country_name(one.country)}: {region_name(one)}") for one in regions]
        named.sort(key=lambda pair: alphabetical(pair[1]))
        self.region.choices = options([("", _("not told")), *named])


class LinkForm(Form):
    """Where the counted address of a campaign leads."""

    target = StringField(
        _l("Page that it leads to"),
        [InputRequired(_l("Write the address of the page.")), Length(max=LONGEST_TARGET)],
        description=_l("The full address, beginning with https://."),
    )
    reason = StringField(_l("Why, for whoever has to agree"), [Optional(), Length(max=200)])


class HostForm(Form):
    """A host that links may lead to."""

    host = StringField(
        _l("Host"),
        [InputRequired(), Length(max=LONGEST_HOST)],
        description=_l("Its name alone, such as help.example.org."),
    )

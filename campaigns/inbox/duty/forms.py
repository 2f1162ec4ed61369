"""The forms of a duty and of a team."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import time

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as _lp
from wtforms import SelectField, StringField, TimeField
from wtforms.validators import InputRequired, Length, Optional

from campaigns.core.languages import all_languages
from campaigns.inbox.duty.models import Duty
from campaigns.inbox.duty.roster import RosterEntry
from campaigns.inbox.duty.service import PlannedDuty
from campaigns.inbox.duty.teams import LONGEST_NAME
from campaigns.planning.labels import WEEKDAYS, weekday_name
from campaigns.web.filters import language_name
from campaigns.web.forms import Form, Ticks, options
from campaigns.web.number_fields import whole_number


class DutyForm(Form):
    """When who answers."""

    name = StringField(_l("Name"), [InputRequired(), Length(max=100)], description=_l("Such as: Day, Night."))
    days = Ticks(_l("Begins on these days"), [InputRequired(_l("Choose at least one day of the week."))])
    begin = TimeField(_lp("of a duty", "From"), [InputRequired()])
    end = TimeField(
        _lp("of a duty", "Until"),
        [InputRequired()],
    )
    languages = Ticks(
        _l("For conversations in these languages"), [Optional()], description=_l("None chosen: in all languages.")
    )
    answering = Ticks(_l("Who answers"), [Optional()])
    lead = SelectField(_l("Duty lead"), [Optional()])
    reserve = Ticks(_l("Reserve"), [Optional()])

    def offer(self, members: Mapping[int, str]) -> None:
        """Offer the members who answer, all languages, and the days in the reader's language."""
        named = [(str(member_id), name) for member_id, name in members.items()]
        self.days.choices = options((str(number), weekday_name(code)) for number, code in enumerate(WEEKDAYS))
        self.languages.choices = options((code, language_name(code)) for code in all_languages())
        self.answering.choices = self.reserve.choices = options(named)
        self.lead.choices = options([("", _l("Nobody")), *named])

    def show_duty(self, duty: Duty, entry: RosterEntry) -> None:
        """Show a duty as it stands."""
        self.name.data, self.days.data = duty.name, list(duty.days)
        self.begin.data, self.end.data = _time(duty.begin), _time(duty.end)
        self.languages.data, self.lead.data = duty.languages, str(entry.lead or "")
        self.answering.data = [str(member_id) for member_id in entry.answering]
        self.reserve.data = [str(member_id) for member_id in entry.reserve]

    def planned(self) -> PlannedDuty:
        """Return what was entered."""
        return PlannedDuty(
            self.text("name"),
            [int(each) for each in self.days.data or ()],
            _minutes(self.begin.data),
            _minutes(self.end.data),
            self.languages.data or (),
            _ids(self.answering.data),
            next(iter(_ids([self.lead.data])), None),
            _ids(self.reserve.data),
        )


class TeamForm(Form):
    """A team."""

    name = StringField(_l("Name"), validators=[InputRequired(), Length(max=LONGEST_NAME)])
    members = Ticks(_l("Members"), validators=[Optional()])


def _time(minutes: int) -> time:
    return time(*divmod(minutes, 60))


def _minutes(at: time | None) -> int:
    return 0 if at is None else at.hour * 60 + at.minute


def _ids(chosen: Iterable[str | None] | None) -> list[int]:
    return [whole_number(each) for each in chosen or () if each]

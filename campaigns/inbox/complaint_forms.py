"""Forms of complaints about the organisation: who reads one, and who reads them all."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import RadioField, SelectField
from wtforms.validators import InputRequired

from campaigns.inbox.complaints.models import Doubt
from campaigns.inbox.complaints.readers import Candidates
from campaigns.inbox.complaints.service import ReadBy
from campaigns.web.filters import listed
from campaigns.web.forms import Form, Ticks, options
from campaigns.web.number_fields import whole_number

#: Why a reader says that it is none.
DOUBTS = {
    Doubt.MISTAKE: _l("It was marked by mistake"),
    Doubt.OTHERS: _l("They complain about somebody else than us"),
    Doubt.REQUEST: _l("They ask for something and complain of nothing"),
}
_SETTING, _INSTANCE, _MEMBER, _ORGANISATION = "setting", "instance", "member", "organisation"


class MarkForm(Form):
    """Who reads a complaint."""

    reader = RadioField(_l("Who reads it?"), validators=[InputRequired()])

    def offer(self, candidates: Candidates) -> None:
        """Offer whom the setting names, else members, other organisations, and whoever runs the instance."""
        named = _named(listed(candidates.by_setting))
        self.reader.choices = options(named or _chosen(candidates))
        if named and not self.reader.data:
            self.reader.data = _SETTING

    def offer_others(self, candidates: Candidates, *, by_setting: str) -> None:
        """Offer everybody who may read it in place of whoever does; `by_setting` says whom that names."""
        self.reader.choices = options([*_named(by_setting), *_chosen(candidates)])

    def chosen(self) -> ReadBy | None:
        """Return who was chosen of those offered, None for the setting."""
        kind, _colon, key = self.text("reader").partition(":")
        if kind == _SETTING:
            return None
        if kind == _INSTANCE:
            return ReadBy()
        number = whole_number(key)
        return ReadBy(member_id=number) if kind == _MEMBER else ReadBy(organisation_id=number)


def _named(by_setting: str) -> list[tuple[str, str]]:
    return [(_SETTING, by_setting)] if by_setting else []


def _chosen(candidates: Candidates) -> list[tuple[str, str]]:
    return [
        *((f"{_MEMBER}:{key}", name) for key, name in candidates.members.items()),
        *((f"{_ORGANISATION}:{key}", name) for key, name in candidates.organisations.items()),
        (_INSTANCE, _("Whoever runs this system gives it to an organisation")),
    ]


class DoubtForm(Form):
    """Why something is no complaint."""

    why = SelectField(
        _l("Why it is no complaint about us"),
        [InputRequired()],
        description=_l(
            "Another reader has to agree. The team then sees all of it, also what you and the person wrote here."
        ),
        choices=options(DOUBTS.items()),
    )


class ReadersForm(Form):
    """Who reads complaints about the organisation."""

    members = Ticks(
        _l("Members who read complaints"),
        description=_l("Best is somebody who does not answer people. Nobody reads a complaint about themselves."),
        coerce=whole_number,
    )
    receiver = SelectField(
        _l("Or another organisation, in their place"),
        description=_l("All of its responders read them then. Agree on it with them first."),
    )

    def offer(self, members: Mapping[int, str], others: Mapping[int, str]) -> None:
        """Offer active members, other organisations, and none of these."""
        self.members.choices = options((str(key), name) for key, name in members.items())
        self.receiver.choices = options([("", _("Nobody else")), *((str(key), others[key]) for key in others)])

    def look(self, members: Collection[int], receiver_id: int | None) -> None:
        """Show who was chosen before."""
        self.members.data, self.receiver.data = list(members), str(receiver_id or "")

    def receiver_id(self) -> int | None:
        """Return the organisation that was chosen."""
        said = self.text("receiver")
        return whole_number(said) if said else None

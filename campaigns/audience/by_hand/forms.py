"""By these forms a data manager finds, changes and adds one contact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DateField, SelectField, StringField, TelField
from wtforms.validators import InputRequired, Length, Optional

from campaigns.audience.by_hand.contact_changes import Told
from campaigns.audience.consent.handles import PHONE_CHANNELS
from campaigns.audience.files.contact_reader import LONGEST_EVIDENCE
from campaigns.audience.forms import CHANNELS, GROUP_KINDS
from campaigns.audience.grouping import LONGEST_NAME
from campaigns.audience.models import ContactGroup
from campaigns.core.languages import all_languages
from campaigns.places.models import Place
from campaigns.web.filters import alphabetical, language_name
from campaigns.web.forms import Form, LongSelect, Ticks, options
from campaigns.web.number_fields import whole_number


class UnshownNumber(TelField):
    """A phone number that is typed, and never written into the page again."""

    def _value(self) -> str:
        return ""


class FindForm(Form):
    """The whole number of a contact."""

    number = UnshownNumber(
        _l("Whole phone number"),
        [InputRequired(), Length(max=40)],
        description=_l("With + and the country code. It is not kept, and looked for among your contacts only."),
    )


class ChangeForm(Form):
    """What a contact reads, and where they are."""

    language = SelectField(_l("Language"), [InputRequired()])
    other_language = SelectField(_l("Second language"), [Optional()])
    place_id = LongSelect(
        _l("Where they are now"),
        [Optional()],
        description=_l("Only what they said themselves."),
    )
    seen_on = DateField(_l("On which day they were there"), [Optional()])
    group_ids = Ticks(_l("Groups"), coerce=whole_number)

    def offer(
        self, places: Sequence[tuple[int, str]], chosen: Place | None, groups: Sequence[ContactGroup]
    ) -> None:
        """Fill in what can be chosen: places by their ids and names, of which one may have been `chosen`."""
        self._groups = {group.id: group for group in groups}
        self.group_ids.choices = options((group.id, group.name) for group in groups)  # type: ignore[misc]
        self._place = chosen
        languages = sorted(
            ((code, language_name(code)) for code in all_languages()), key=lambda pair: alphabetical(pair[1])
        )
        self.language.choices = options([("", _("Choose")), *languages])
        self.other_language.choices = options([("", _("None")), *languages])
        named = [(str(place_id), name) for place_id, name in places]
        self.place_id.choices = options([("", self.no_place()), *named])

    def no_place(self) -> str:
        """Return what stands for no place."""
        return str(_("As it is"))

    def told(self) -> Told:
        """Return what they told of themselves."""
        other, groups = self.text("other_language") or None, tuple(self.group_ids.data or ())
        return Told(self.text("language"), other, self._place, self.seen_on.data, groups)

    def named_groups(self) -> str:
        """Return the names of the chosen groups, as the cell of a file has them."""
        return "|".join(self._groups[each].name for each in self.group_ids.data or ())


class AddForm(ChangeForm):
    """A person who agreed to be written to, and how they did."""

    number = UnshownNumber(
        _l("Whole phone number"),
        [InputRequired(), Length(max=40)],
        description=_l("With + and the country code. It is sealed at once, and shown on no page."),
    )
    channels = Ticks(
        _l("Channels"), [InputRequired(_l("Choose at least one channel."))], default=[PHONE_CHANNELS[0]]
    )
    consent_on = DateField(_l("On which day they agreed"), [InputRequired()])
    consent_how = StringField(
        _l("How they agreed"),
        [InputRequired(), Length(max=LONGEST_EVIDENCE)],
        description=_l("For example: form at the reception desk. Write no names and no numbers."),
    )

    def no_place(self) -> str:
        """Return what stands for no place."""
        return str(_("Not said"))

    def offer(
        self, places: Sequence[tuple[int, str]], chosen: Place | None, groups: Sequence[ContactGroup]
    ) -> None:
        """Fill in what can be chosen."""
        super().offer(places, chosen, groups)
        self.channels.choices = options((channel, CHANNELS[channel]) for channel in PHONE_CHANNELS)


class GroupForm(Form):
    """A group of contacts."""

    name = StringField(_l("Name"), [InputRequired(), Length(max=LONGEST_NAME)])
    kind = SelectField(_l("What they have in common"), [InputRequired()])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind.choices = options(GROUP_KINDS.items())

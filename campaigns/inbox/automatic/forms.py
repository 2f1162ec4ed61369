"""The form by which an organisation chooses what is sent by itself."""

from __future__ import annotations

from collections.abc import Mapping

from wtforms import Field, SelectField

from campaigns.inbox.automatic.labels import OCCASIONS, WHEN
from campaigns.inbox.conversations.models import Occasion
from campaigns.web.forms import Form, options


class AutomaticForm(Form):
    """A message for each occasion, or none."""

    welcome = SelectField(OCCASIONS[Occasion.WELCOME], description=WHEN[Occasion.WELCOME])
    help = SelectField(OCCASIONS[Occasion.HELP], description=WHEN[Occasion.HELP])
    info = SelectField(OCCASIONS[Occasion.INFO], description=WHEN[Occasion.INFO])
    moved = SelectField(OCCASIONS[Occasion.MOVED], description=WHEN[Occasion.MOVED])
    which_place = SelectField(OCCASIONS[Occasion.WHICH_PLACE], description=WHEN[Occasion.WHICH_PLACE])
    unknown_place = SelectField(OCCASIONS[Occasion.UNKNOWN_PLACE], description=WHEN[Occasion.UNKNOWN_PLACE])
    off_duty = SelectField(OCCASIONS[Occasion.OFF_DUTY], description=WHEN[Occasion.OFF_DUTY])
    still_waiting = SelectField(OCCASIONS[Occasion.STILL_WAITING], description=WHEN[Occasion.STILL_WAITING])
    complaint = SelectField(OCCASIONS[Occasion.COMPLAINT], description=WHEN[Occasion.COMPLAINT])

    def offer(self, messages: Mapping[int, str], *, nothing: str) -> None:
        """Offer messages, by their ids, for every occasion, and nothing at all."""
        for occasion in Occasion:
            self[occasion.value].choices = options(
                [("", nothing), *((str(key), messages[key]) for key in messages)]
            )

    def of_occasions(self) -> list[Field]:
        """Return the fields in the order in which they are shown."""
        return [self[occasion.value] for occasion in Occasion]

    def show_chosen(self, chosen: Mapping[Occasion, int]) -> None:
        """Show what was chosen before."""
        for occasion in Occasion:
            self[occasion.value].data = str(chosen.get(occasion, ""))

    def chosen(self) -> dict[Occasion, int | None]:
        """Return the ids of the messages that were chosen."""
        return {occasion: int(said) if (said := self.text(occasion.value)) else None for occasion in Occasion}

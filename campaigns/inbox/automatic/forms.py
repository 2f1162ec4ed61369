"""The form by which an organisation chooses what is sent by itself."""

from __future__ import annotations

from collections.abc import Mapping

from wtforms import Field

from campaigns.inbox.automatic.labels import OCCASIONS, WHEN
from campaigns.inbox.conversations.models import Occasion
from campaigns.web.forms import Form, LongSelect, options


class AutomaticForm(Form):
    """A message for each occasion, or none."""

    welcome = LongSelect(OCCASIONS[Occasion.WELCOME], description=WHEN[Occasion.WELCOME])
    help = LongSelect(OCCASIONS[Occasion.HELP], description=WHEN[Occasion.HELP])
    info = LongSelect(OCCASIONS[Occasion.INFO], description=WHEN[Occasion.INFO])
    moved = LongSelect(OCCASIONS[Occasion.MOVED], description=WHEN[Occasion.MOVED])
    which_place = LongSelect(OCCASIONS[Occasion.WHICH_PLACE], description=WHEN[Occasion.WHICH_PLACE])
    unknown_place = LongSelect(OCCASIONS[Occasion.UNKNOWN_PLACE], description=WHEN[Occasion.UNKNOWN_PLACE])
    off_duty = LongSelect(OCCASIONS[Occasion.OFF_DUTY], description=WHEN[Occasion.OFF_DUTY])
    still_waiting = LongSelect(OCCASIONS[Occasion.STILL_WAITING], description=WHEN[Occasion.STILL_WAITING])
    complaint = LongSelect(OCCASIONS[Occasion.COMPLAINT], description=WHEN[Occasion.COMPLAINT])

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

"""Pure rules pick what is told of a sender's health: changes only, and nothing in a rehearsal."""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.delivery.engine.ports import Result
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action, RejectedError, SendError
from campaigns.planning.models import Health


class HealthChanges:
    """Compares how a sender fares with what the database says of it."""

    def __init__(self, sender: SenderFacts) -> None:
        self._is_rehearsal = sender.is_rehearsal
        #: What the database says.
        self.told = sender.health
        self._code = ""

    def failed(self, error: SendError) -> None:
        """Note the code of a failure, should the sender be held or paused because of it."""
        if not isinstance(error, RejectedError) or error.action is Action.PAUSE_SENDER:
            self._code = error.code

    def news(self, *, is_paused: bool, is_held: bool, results: Iterable[Result]) -> tuple[Health, str] | None:
        """Return what is to be told, with the code behind it, or None when nothing changed.

        `results` are the latest: only an acceptance among them proves that a sender works again.
        """
        if self._is_rehearsal:
            return None
        if is_paused or is_held:
            now = Health.PAUSED if is_paused else Health.TROUBLED
            return None if now == self.told else (now, self._code)
        if self.told == Health.WELL or not any(result.state is SendState.ACCEPTED for result in results):
            return None
        return Health.WELL, ""

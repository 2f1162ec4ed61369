"""The oracle knows what was accepted for whom and when; the application's own books are compared with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.sandbox.world.fixture import QuietHours, longest_match
from campaigns.sandbox.world.state import Message, World

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class LateAcceptance:
    """A message accepted for somebody who had said stop."""

    sid: str
    to: str
    intent: str
    after_s: float


class Oracle:
    """Counts that outlive the messages they count."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.forget()

    def forget(self) -> None:
        """Start anew."""
        self.per_intent: dict[str, int] = {}
        #: Acceptances of providers whose calls carry no intent, by person and text.
        self.per_text: dict[tuple[str, str], int] = {}
        #: When each person said stop, by number; seconds since the epoch on the sandbox's clock.
        self.opted_out_at: dict[str, float] = {}
        self.late: list[LateAcceptance] = []
        self.accepted_total = 0
        self.in_quiet_hours = 0
        self.refused: dict[int, int] = {}

    def accepted(self, message: Message) -> None:
        """Note that a create call was accepted."""
        self.accepted_total += 1
        if message.intent:
            self.per_intent[message.intent] = self.per_intent.get(message.intent, 0) + 1
        elif message.provider != "twilio":
            key = (message.to, message.body)
            self.per_text[key] = self.per_text.get(key, 0) + 1
        stopped_at = self.opted_out_at.get(message.to)
        if stopped_at is not None:
            after = message.created_at - stopped_at
            self.late.append(LateAcceptance(message.sid, message.to, message.intent, after))
        quiet = self._world.fixture.quiet_hours
        number = message.to.rpartition(":")[2] if quiet else ""
        if quiet and is_quiet(longest_match(quiet, number), message.created_at):
            self.in_quiet_hours += 1

    def said_stop(self, person: str, moment: float) -> None:
        """Note that a person asked not to be written to."""
        self.opted_out_at.setdefault(person, moment)

    def said_start(self, person: str) -> None:
        """Note that a person asked to be written to again."""
        self.opted_out_at.pop(person, None)

    def rejected(self, code: int) -> None:
        """Note that a create call was answered with an error."""
        self.refused[code] = self.refused.get(code, 0) + 1

    def invariants(self, intents: Iterable[str] = ()) -> dict[str, Any]:
        """Return what must hold, and which of `intents` were never accepted."""
        world = self._world
        budget = world.fixture.budget
        twice = [intent for intent, times in self.per_intent.items() if times > 1]
        return {
            "accepted": self.accepted_total,
            "accepted_per_intent": {"max": max(self.per_intent.values(), default=0), "twice": twice[:_SHOWN]},
            "accepted_per_text": {"max": max(self.per_text.values(), default=0), "texts": len(self.per_text)},
            "intents": len(self.per_intent),
            "intents_never_accepted": [intent for intent in intents if intent not in self.per_intent],
            "accepted_after_optout": len(self.late),
            "accepted_after_optout_s": {
                "max": max((late.after_s for late in self.late), default=0.0),
                "items": [_late_dict(late) for late in self.late[:_SHOWN]],
            },
            "opted_out": len(self.opted_out_at),
            "accepted_in_quiet_hours": self.in_quiet_hours,
            "freeform_outside_window": world.whatsapp.freeform_outside,
            "by_status": {status: number for status, number in world.totals.items() if number},
            "rejected_by_code": {str(code): number for code, number in self.refused.items()},
            "total_cost": round(world.cost, 5),
            "budget_exceeded": budget is not None and world.cost > budget,
        }


def _late_dict(late: LateAcceptance) -> dict[str, Any]:
    return {"sid": late.sid, "to": late.to, "intent": late.intent, "after_s": round(late.after_s, 3)}


def is_quiet(hours: QuietHours | None, moment: float) -> bool:
    """Tell whether a moment (seconds since the epoch) falls into quiet hours; None has none."""
    if hours is None:
        return False
    local = datetime.fromtimestamp(moment, ZoneInfo(hours.zone)).time()
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    return start <= local < end if start <= end else local >= start or local < end


def truth(message: Message) -> dict[str, Any]:
    """Return a message as the oracle remembers it, whatever the application redacted or deleted."""
    return {
        "seq": message.seq,
        "sid": message.sid,
        "intent": message.intent,
        "channel": message.channel,
        "provider": message.provider,
        "direction": message.direction,
        "to": message.to,
        "from": message.sender,
        "service": message.service,
        "body": message.body,
        "status": message.status,
        "error_code": message.code or None,
        "accepted_at": message.created_at,
        "sent_at": message.sent_at,
        "updated_at": message.updated_at,
        "parts": message.parts,
        "price": message.price,
        "account": message.account,
        "content_sid": message.content_sid or None,
        "details": message.details,
    }

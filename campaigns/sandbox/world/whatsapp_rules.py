"""WhatsApp has rules of its own: the 24-hour window, the tier of people, a test number's join word."""

from collections import OrderedDict

from campaigns.sandbox.world.fixture import Fixture

_DAY_S = 86_400.0
_JOINED_S = 3 * _DAY_S

NOT_JOINED, OUTSIDE_WINDOW, OVER_TIER, NOBODY_THERE, PAUSED = 63015, 63016, 63018, 63024, 63041


class WhatsApp:
    """Who may be written to, and how; times are seconds since the epoch on the sandbox's clock."""

    def __init__(self) -> None:
        self._fixture = Fixture()
        #: When the window of a person to a sender closes; the sender "" stands for all.
        self._closes_at: dict[tuple[str, str], float] = {}
        self._joined_until: dict[str, float] = {}
        #: People whom a template opened a conversation with, the oldest first.
        self._opened_at: OrderedDict[str, float] = OrderedDict()
        #: Free texts that came outside the window; each was refused.
        self.freeform_outside = 0

    def load(self, fixture: Fixture, now: float) -> None:
        """Take the rules of a fixture and, if they were changed, its open windows."""
        is_new = fixture.whatsapp_windows is not self._fixture.whatsapp_windows
        self._fixture = fixture
        for person, seconds in fixture.whatsapp_windows.items() if is_new else ():
            self._closes_at[person, ""] = now + seconds

    def wrote(self, person: str, sender: str, now: float) -> None:
        """Note that a person wrote to a sender: their window opens or is renewed."""
        self._closes_at[person, sender] = now + _DAY_S

    def is_open(self, person: str, sender: str, now: float) -> bool:
        """Tell whether a person's window to a sender is open; in a rehearsal every one is."""
        if self._fixture.rehearsal:
            return True
        return max(self._closes_at.get((person, sender), 0.0), self._closes_at.get((person, ""), 0.0)) > now

    def joins(self, person: str, text: str, now: float) -> bool:
        """Note a person who sends the join word; tell whether the text was it."""
        word = self._fixture.whatsapp_join
        if not word or text.strip().casefold() != f"join {word}".casefold():
            return False
        self._joined_until[person] = now + _JOINED_S
        return True

    def has_joined(self, person: str, now: float) -> bool:
        """Tell whether a person may use the number: all may unless it asks for a join word (three days)."""
        return not self._fixture.whatsapp_join or self._joined_until.get(person, 0.0) > now

    def error_of(self, person: str, sender: str, *, now: float, template_status: str) -> int:
        """Return the code that a message fails with, 0 when it may go; `template_status` is "" for free text."""
        if person in self._fixture.not_on_whatsapp:
            return NOBODY_THERE
        if not self.has_joined(person, now):
            return NOT_JOINED
        if self.is_open(person, sender, now):
            return 0
        if template_status == "paused":
            return PAUSED
        if template_status != "approved":
            self.freeform_outside += not template_status
            return OUTSIDE_WINDOW
        return 0 if self._takes_one_more(person, now) else OVER_TIER

    def _takes_one_more(self, person: str, now: float) -> bool:
        """Count a person opened with a template; False when the tier of the last 24 hours is full."""
        opened = self._opened_at
        while opened and next(iter(opened.values())) <= now - _DAY_S:
            opened.popitem(last=False)
        tier = self._fixture.whatsapp_tier
        if person not in opened and tier is not None and len(opened) >= tier:
            return False
        opened[person] = now
        opened.move_to_end(person)
        return True

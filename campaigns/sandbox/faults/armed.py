"""A control call arms faults, and says which calls they meet, how often, and the plan they impose."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from campaigns.sandbox.world.plan import Plan
from campaigns.sandbox.world.sandbox_errors import SandboxError
from campaigns.sandbox.world.setup_json import read_changes
from campaigns.sandbox.world.state import Provider


@dataclass(frozen=True, slots=True)
class Match:
    """Which calls a fault meets; empty fields meet all."""

    #: `create` (sending, at every provider); at Twilio `list`, `fetch`, `change`, `delete`, `feedback`, `media`,
    #: `media_content`, `delete_media`, `content_create`, `content_list`, `content_fetch`, `content_delete`,
    #: `approval_create`, `approval_fetch`, `account`, `services`, `service`, `pricing`, `lookup`; at Telegram any
    #: other method in small letters.
    on: str = "create"
    #: `twilio`, `telegram` or `africastalking`; empty is any of them.
    provider: str = ""
    to: str = ""
    to_prefix: str = ""
    to_suffix: str = ""
    #: A sender or a Messaging Service.
    sender: str = ""
    #: Only the n-th call that meets the rest, from 1; 0 is every one.
    nth: int = 0
    probability: float = 1.0
    #: How often it fires before it is spent; 0 is without end.
    count: int = 0

    def meets(self, on: str, to: str, sender: str, provider: Provider) -> bool:
        """Tell whether a call is one of those meant."""
        return (
            on == self.on
            and self.provider in ("", provider)
            and to.startswith(self.to_prefix)
            and to.endswith(self.to_suffix)
            and self.to in ("", to)
            and self.sender in ("", sender)
        )


@dataclass(slots=True)
class ArmedFault:
    """One armed fault and how often it was met and fired."""

    id: int
    match: Match
    plan: Plan
    seen: int = 0
    fired: int = 0

    def draw(self, on: str, to: str, sender: str, luck: Random, provider: Provider) -> bool:
        """Tell whether it fires on this call, and count it."""
        if not self.match.meets(on, to, sender, provider) or (self.match.count and self.fired >= self.match.count):
            return False
        self.seen += 1
        if self.match.nth and self.seen != self.match.nth:
            return False
        if self.match.probability < 1 and luck.random() >= self.match.probability:
            return False
        self.fired += 1
        return True

    def as_dict(self) -> dict[str, Any]:
        """Return it as the control API shows it."""
        return asdict(self)


class ArmedFaults:
    """All armed faults, in the order in which they were armed; the first that fires wins."""

    def __init__(self) -> None:
        self._faults: list[ArmedFault] = []

    def __iter__(self) -> Iterator[ArmedFault]:
        return iter(self._faults)

    def arm(self, body: dict[str, Any]) -> ArmedFault:
        """Arm `{"match": {…}, "action": {…}}` (fields of Match and of Plan); raise SandboxError on any other."""
        if not isinstance(body.get("action"), dict) or not body["action"]:
            raise SandboxError('A fault needs an action, for example {"action": {"after": "close"}}.')
        match = read_changes(Match(), body.get("match", {}), "match")
        plan = read_changes(Plan(), body["action"], "action")
        fault = ArmedFault(len(self._faults) + 1, match, plan)
        self._faults.append(fault)
        return fault

    def disarm(self) -> None:
        """Remove every armed fault."""
        self._faults.clear()

    def draw(self, on: str, to: str, sender: str, luck: Random, provider: Provider = "twilio") -> Plan | None:
        """Return the plan of the first fault that fires on a call, or None."""
        for fault in self._faults:
            if fault.draw(on, to, sender, luck, provider):
                return fault.plan
        return None

"""The statistical profile says how often calls fail, how late things come, what becomes of messages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from campaigns.sandbox.world.chance import NO_WAIT, Spread

#: Status and error code of an end; code 0 is none.
Outcome = tuple[str, int]

DELIVERED: Outcome = ("delivered", 0)


@dataclass(frozen=True, slots=True)
class CallbackChance:
    """How callbacks stray."""

    #: Seconds between a stage and its callback.
    delay: Spread = NO_WAIT
    #: Share of messages whose callbacks come in another order.
    shuffle_p: float = 0.0
    #: Share of callbacks that come twice.
    duplicate_p: float = 0.0
    #: Share of callbacks that never come.
    lose_p: float = 0.0


@dataclass(frozen=True, slots=True)
class Profile:
    """Shares (0 to 1) and waiting times (seconds) that hold for many messages at once."""

    #: Accepted, but the connection closes without an answer.
    drop_response_p: float = 0.0
    #: The connection closes before anything is processed.
    fail_before_p: float = 0.0
    #: 503 without acceptance.
    http_503_p: float = 0.0
    #: 503 although accepted.
    http_503_after_p: float = 0.0
    #: Until the create call is answered (real seconds).
    latency: Spread = NO_WAIT
    #: Between two stages of a message.
    stage: Spread = field(default_factory=lambda: Spread(0.02, 0.06))
    callback: CallbackChance = field(default_factory=CallbackChance)
    #: Shares of ends: `{"undelivered": {"30003": 0.03}, "sent": 0.1}`; what is missing to 1 is delivered.
    outcomes: Mapping[str, float | Mapping[str, float]] = field(default_factory=dict)
    #: Share of delivered WhatsApp messages that are read.
    read_p: float = 0.0

    def draw_outcome(self, luck: Random) -> Outcome:
        """Draw what becomes of one message."""
        point = luck.random()
        for status, shares in self.outcomes.items():
            for code, share in shares.items() if isinstance(shares, Mapping) else (("0", shares),):
                point -= share
                if point < 0:
                    return status, int(code)
        return DELIVERED


_NETWORK_LOSSES = {"undelivered": {"30003": 0.03, "30005": 0.02, "30006": 0.01, "30008": 0.01}}

#: Everything arrives, at once.
CALM = Profile()

#: What mobile networks do on an ordinary day.
FIELD = Profile(
    stage=Spread(0.05, 0.5),
    callback=CallbackChance(delay=Spread(0.01, 0.2)),
    outcomes=_NETWORK_LOSSES,
    read_p=0.6,
)

#: Hard on the application: answers lost, callbacks shuffled and doubled.
ROUGH = Profile(
    drop_response_p=0.02,
    fail_before_p=0.01,
    http_503_p=0.01,
    http_503_after_p=0.02,
    stage=Spread(0.05, 0.5),
    callback=CallbackChance(delay=Spread(0.05, 1.0), shuffle_p=0.3, duplicate_p=0.2),
    outcomes=_NETWORK_LOSSES,
    read_p=0.6,
)

PROFILES = {"calm": CALM, "field": FIELD, "rough": ROUGH}

"""The plan of one create call holds all that will happen to it, decided before it is looked at."""

from dataclasses import dataclass
from typing import Literal

from campaigns.sandbox.world.profile import Outcome

#: How a call ends otherwise than with its answer: connection closed before or amid the answer, 502 in HTML, 503,
#: HTML with 200, no body, half a JSON, or a JSON that calls itself text.
Ending = Literal["", "close", "cut", "502", "503", "html", "empty", "half", "type"]
Before = Ending
After = Literal[Ending, "late"]
Order = Literal["", "early", "reversed", "shuffled"]

#: The network never reports back: the message stays `sent`.
NO_RECEIPT: Outcome = ("sent", 0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to one create call and to the message it makes."""

    #: How the call ends before anything is processed.
    before: Before = ""
    #: The code answered at its place in the order of checks.
    error: int = 0
    #: The error comes as RFC 9457 has it.
    is_problem: bool = False
    #: Seconds for a `Retry-After` beside the error; 0 sends no header.
    retry_after: int = 0
    #: What becomes of the answer although the message was accepted.
    after: After = ""
    #: Seconds (real) until the answer.
    latency_s: float = 0.0
    #: What becomes of the message; None leaves it to the profile.
    outcome: Outcome | None = None
    #: Callbacks before the answer, or in another order.
    order: Order = ""
    copies: int = 1
    is_silent: bool = False
    #: `undelivered` is followed by `delivered` five seconds later.
    turns_delivered: bool = False
    is_badly_signed: bool = False
    #: Callbacks carry a status and fields nobody knows.
    is_strange: bool = False
    #: The last callback comes once for each part.
    is_per_part: bool = False
    #: Chance stays away, so that a test sees exactly this.
    is_exact: bool = False

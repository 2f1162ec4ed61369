"""What happens in a world: everything that its seed decides before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

SMS, WHATSAPP, SPARE = 1, 2, 3
#: Number of a fault of the web server alone, where else a worker's stands.
WEB = -1
#: Furthest that a worker's clock is wrong, in seconds.
CLOCK_ERROR = 20.0


class Word(StrEnum):
    """What somebody says."""

    STOP = "stop"
    #: May be a stop, and is obeyed like one until somebody has looked.
    HOLD = "hold"
    START = "start"


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One run: its people are the first of all, so that runs share them."""

    people: int
    #: Ids of its senders, in their order.
    senders: tuple[int, ...]
    resend_unknown: bool
    #: When it is fanned out, in seconds.
    starts_at: float
    #: How long its messages are worth sending, in seconds.
    lasts: float
    #: Whether a worker fans it out (to everybody), or its deliveries are there from the start.
    is_fanned_out: bool = False
    #: Every other person is written to over the second sender.
    is_mixed: bool = False
    #: Every third person is due so much later, in seconds.
    second_zone_after: float = 0.0
    #: An urgent one goes before all others.
    is_urgent: bool = False
    #: Nobody is written to: every handle is a stand-in.
    is_rehearsal: bool = False
    #: A few of its messages go ahead; one that is fanned out has this whenever it may.
    has_canary: bool = False
    #: It gets quiet where its people are so long after it began, and for how long, in seconds; not when a worker
    #: fans it out, since it would reckon with the quiet hours of real zones.
    quiet: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class ProviderPlan:
    """How often the provider misbehaves, as shares of calls, and when it is away."""

    #: Refused before acceptance: connection refused, 429, 503, or a request that is lost on its way.
    refused: float = 0.0
    throttled: float = 0.0
    broken: float = 0.0
    swallowed: float = 0.0
    #: Accepted all the same: reply lost, 5xx, or taken in long after the caller gave up.
    reply_lost: float = 0.0
    error_after: float = 0.0
    late: float = 0.0
    #: Refused for good, by whatever code.
    rejected: float = 0.0
    #: Times at which nothing is accepted at all: from, until, and the fault of that time.
    away: Sequence[tuple[float, float, str]] = ()
    keeps_list: bool = True
    #: How its list shows what it took: with a "prefix", "cut" by a letter, as of a "service" of several senders.
    alters: str = ""
    #: Since when our credential opens another account, whose list has nothing of before.
    other_account_since: float = float("inf")
    #: Its receipts name a message by a word of its own, as WhatsApp's and Telegram's may.
    has_own_words: bool = False
    #: Longest wait for a connection, and for a reply, in seconds.
    slowness: float = 0.05


@dataclass(frozen=True, slots=True)
class ReceiptPlan:
    """How receipts come."""

    #: Share of messages about which nothing is ever said.
    silent: float = 0.05
    #: Share of messages that fail after acceptance.
    failing: float = 0.1
    #: How often each is posted.
    times: int = 1
    #: They come within so many seconds, in any order, perhaps before the reply.
    spread: float = 10.0
    strangers: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a seed decides about its world."""

    seed: int
    runs: Sequence[RunPlan]
    workers: int
    window: int
    pace: float
    provider: ProviderPlan
    receipts: ReceiptPlan
    #: Mean number of steps between two blows to a process; None: nothing strikes.
    blow_steps: float | None
    #: Share of blows that only pause a process, and for how long.
    pauses: float
    longest_pause: float
    #: Times at which a worker (None: everybody; WEB: who answers the provider) does not reach the database.
    cuts: Sequence[tuple[int | None, float, float]] = ()
    #: Times in which the server takes nothing down, although it answers: from, until.
    read_only: Sequence[tuple[float, float]] = ()
    #: Share of commits whose acknowledgement is lost, and of chores that end between two of their transactions.
    lost_commits: float = 0.0
    broken_off: float = 0.0
    #: Senders that a member has to mend before they are used, from the start.
    paused: Sequence[int] = ()
    #: Most messages that a sender may send within a day, by its id.
    daily_limits: Mapping[int, int] = field(default_factory=dict)
    #: Pairs of contacts: a number that the first has for SMS, the second has for WhatsApp.
    shared: Sequence[tuple[int, int]] = ()
    #: When a copy of the database is made, and when it is put back.
    restore: tuple[float, float] | None = None
    #: Whether a member sends again what stayed unconfirmed.
    resends: bool = False
    #: People whose number cannot be deciphered.
    damaged: Sequence[int] = ()
    #: When which person says what, on which of their channels.
    words: Sequence[tuple[float, int, str, Word]] = ()
    #: When which run is stopped, and resumed.
    stops: Sequence[tuple[float, int, float | None]] = ()
    #: When whose clock goes wrong by how much, in seconds.
    jumps: Sequence[tuple[float, int, float]] = ()
    #: When whose clock is set by how much, in seconds, and when it is set right again.
    steps: Sequence[tuple[float, int, float, float]] = ()
    #: Whether workers are told to end, one after the other, instead of going on for ever.
    restarts: Sequence[float] = field(default=())
    #: Everything above begins within so many seconds; then everything is mended and must come to rest.
    busy_seconds: float = 20.0


def draw_plan(seed: int) -> Plan:
    """Draw a plan: each kind of fault is on in some worlds and off in others, so that all mixtures meet."""
    chance = Random(f"plan {seed}")

    def on(share: float = 0.5) -> bool:
        return chance.random() < share

    people, pace = chance.randint(6, 20), chance.choice((4.0, 15.0, 100.0))
    busy = 4.0 + 1.2 * people / pace

    def moment() -> float:
        return chance.uniform(0.0, busy)

    runs = tuple(_draw_run(chance, people, number, busy) for number in range(chance.choice((1, 1, 1, 1, 2))))
    workers = chance.choice((1, 1, 1, 1, 2, 2, 3))
    return Plan(
        seed=seed,
        runs=runs,
        workers=workers,
        window=chance.choice((1, 2, 4, 8, 16)),
        pace=pace,
        provider=_draw_provider(chance, busy),
        receipts=ReceiptPlan(
            silent=chance.choice((0.0, 0.1, 0.5)),
            failing=chance.choice((0.0, 0.1, 0.3)),
            times=chance.choice((1, 1, 3)),
            spread=chance.choice((0.2, 3.0, 20.0)),
            strangers=chance.choice((0, 3)),
        ),
        blow_steps=chance.choice((150.0, 400.0, 1500.0)) if on(0.7) else None,
        pauses=chance.choice((0.0, 0.3, 1.0)),
        longest_pause=chance.choice((60.0, 300.0)),
        cuts=[_draw_cut(chance, workers, moment()) for _ in range(chance.randint(1, 2))] if on(0.3) else (),
        lost_commits=chance.choice((0.02, 0.1)) if on(0.2) else 0.0,
        broken_off=0.3 if on(0.2) else 0.0,
        daily_limits={chance.choice((SMS, WHATSAPP)): chance.randint(1, people)} if on(0.15) else {},
        damaged=[chance.randint(1, people) for _ in range(2)] if on(0.2) else (),
        words=[
            (moment(), chance.randint(1, people), chance.choice(("sms", "sms", "whatsapp")), Word.STOP)
            for _ in range(chance.randint(1, 3))
        ]
        if on()
        else (),
        stops=[_draw_stop(chance, len(runs), moment()) for _ in range(chance.randint(1, 2))] if on(0.4) else (),
        jumps=[(moment(), chance.randrange(workers), chance.uniform(-CLOCK_ERROR, CLOCK_ERROR)) for _ in range(2)]
        if on(0.3)
        else (),
        restarts=sorted(moment() for _ in range(2)) if on(0.2) else (),
        busy_seconds=busy,
    )


def _draw_run(chance: Random, people: int, number: int, busy: float) -> RunPlan:
    return RunPlan(
        people=max(4, people - chance.randint(0, 8)),
        senders=chance.choice(((SMS,), (SMS,), (WHATSAPP, SMS), (WHATSAPP, SMS, SPARE), (SPARE,))),
        resend_unknown=chance.random() < 0.5,
        starts_at=0.0 if number == 0 else chance.uniform(0.0, busy / 2),
        lasts=chance.choice((20.0, 7200.0, 43200.0, 43200.0)),
        is_fanned_out=chance.random() < 0.1,
        second_zone_after=chance.choice((0.0, 0.0, 15.0)),
        is_urgent=number > 0 and chance.random() < 0.5,
        is_rehearsal=chance.random() < 0.1,
        has_canary=chance.random() < 0.15,
        quiet=(chance.uniform(0.0, busy), chance.uniform(35.0, 50.0)) if chance.random() < 0.08 else None,
    )


def _draw_provider(chance: Random, busy: float) -> ProviderPlan:
    def share(most: float) -> float:
        return chance.uniform(0.0, most) if chance.random() < 0.4 else 0.0

    away = []
    if chance.random() < 0.3:
        start = chance.uniform(0.0, busy / 2)
        away.append(
            (
                start,
                start + chance.uniform(2.0, 60.0),
                chance.choice(("refused", "refused", "throttled", "throttled", "broken")),
            )
        )
    return ProviderPlan(
        refused=share(0.2),
        throttled=share(0.1),
        broken=share(0.05),
        swallowed=share(0.05),
        reply_lost=share(0.1),
        error_after=share(0.1),
        late=share(0.05),
        rejected=share(0.2),
        away=away,
        keeps_list=chance.random() < 0.85,
        has_own_words=chance.random() < 0.1,
        slowness=chance.choice((0.01, 0.2, 2.0)),
    )


def _draw_cut(chance: Random, workers: int, start: float) -> tuple[int | None, float, float]:
    whose = chance.choice((None, chance.randrange(workers)))
    return whose, start, start + chance.choice((0.5, 5.0, 30.0))


def _draw_stop(chance: Random, runs: int, start: float) -> tuple[float, int, float | None]:
    return start, chance.randrange(runs), chance.choice((None, start + chance.uniform(0.0, 15.0)))

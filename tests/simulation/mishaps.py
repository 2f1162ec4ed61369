"""Faults that come on top of a plan, from a chance of their own: without them a world goes as it always did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from tests.simulation.database import PEOPLE
from tests.simulation.plan import SMS, SPARE, WEB, WHATSAPP, Plan, ProviderPlan, RunPlan, Word, draw_plan

Mishap = Callable[[Plan, Random], Plan]


def draw_world(seed: int) -> Plan:
    """Draw a plan with all kinds of faults, each on in some worlds and off in others."""
    chance = Random(f"mishaps {seed}")
    plan = draw_plan(seed)
    for mishap, share in MISHAPS:
        if chance.random() < share:
            plan = mishap(plan, chance)
    return plan


def say_otherwise(plan: Plan, chance: Random) -> Plan:
    """Let people say stop on other channels than those of the runs, half a stop, and start again."""
    words = list(plan.words)
    for person in chance.sample(range(1, _people(plan) + 1), k=3):
        when, channel = chance.uniform(0.0, plan.busy_seconds), chance.choice(("sms", "whatsapp", "whatsapp"))
        words.append((when, person, channel, chance.choice((Word.STOP, Word.STOP, Word.HOLD))))
        if chance.random() < 0.4:
            when += chance.uniform(2.0, 12.0)
            words.append((when, person, chance.choice(("sms", "whatsapp")), Word.START))
            if chance.random() < 0.3:
                words.append((when + chance.uniform(2.0, 5.0), person, channel, Word.STOP))
    return replace(plan, words=words)


def answer_nobody(plan: Plan, chance: Random) -> Plan:
    """Let nobody answer the provider for a while, in which people say stop, and start."""
    start = chance.uniform(0.0, plan.busy_seconds)
    end = start + chance.choice((5.0, 40.0, 150.0))
    words = list(plan.words)
    for person in chance.sample(range(1, _people(plan) + 1), k=2):
        when = chance.uniform(start, min(end, start + 20.0))
        word = chance.choice((Word.STOP, Word.STOP, Word.STOP, Word.START))
        words.append((when, person, chance.choice(("sms", "whatsapp")), word))
        if chance.random() < 0.5:
            # They think better of it, in the silence or when it is over.
            other = Word.STOP if word is Word.START else Word.START
            when = chance.choice((when, end)) + chance.uniform(2.0, 12.0)
            words.append((when, person, chance.choice(("sms", "whatsapp")), other))
    return replace(plan, words=words, cuts=[*plan.cuts, (WEB, start, end)])


def alter_texts(plan: Plan, chance: Random) -> Plan:
    """Let the provider's list show other words or another sender than we gave it, where much is doubtful."""
    how = chance.choice(("prefix", "cut", "service"))
    return replace(plan, runs=_resending(plan), provider=replace(_doubtful(plan.provider), alters=how))


def change_account(plan: Plan, chance: Random) -> Plan:
    """Let a sender's credential open another account from some time on, whose list has nothing of before."""
    since = chance.uniform(0.0, 1.5 * plan.busy_seconds)
    provider = replace(_doubtful(plan.provider), other_account_since=since)
    return replace(plan, runs=_resending(plan), provider=provider)


def resend(plan: Plan, chance: Random) -> Plan:
    """Let a member send again what nobody knows of, while its receipts come after all."""
    provider = replace(plan.provider, reply_lost=chance.uniform(0.1, 0.4), keeps_list=False, rejected=0.0)
    receipts = replace(plan.receipts, silent=chance.choice((0.7, 1.0)))
    runs = tuple(replace(run, lasts=43200.0, is_rehearsal=False) for run in plan.runs)
    return replace(plan, runs=runs, provider=provider, receipts=receipts, resends=True)


def take_writing_away(plan: Plan, chance: Random) -> Plan:
    """Let the server turn read-only for a while, once or twice."""
    times = []
    for _ in range(chance.randint(1, 2)):
        start = chance.uniform(0.0, plan.busy_seconds)
        times.append((start, start + chance.choice((1.0, 6.0, 30.0, 90.0))))
    return replace(plan, read_only=times)


def set_clocks(plan: Plan, chance: Random) -> Plan:
    """Let clocks of workers be set by an hour or by days, ahead and back, and right again."""
    steps = []
    for _ in range(chance.randint(1, 2)):
        when = chance.uniform(0.0, 1.5 * plan.busy_seconds)
        error = chance.choice((-3600.0, 3600.0, -172800.0, 172800.0))
        until = when + chance.choice((5.0, 40.0, 200.0))
        steps.append((when, chance.randrange(plan.workers), error, until))
    return replace(plan, steps=steps)


def put_a_backup_back(plan: Plan, chance: Random) -> Plan:
    """Let a copy of the database be put back in the midst of a run; what it forgets, lists and letters tell."""
    restored_at = chance.uniform(0.4, 1.0) * plan.busy_seconds
    runs = tuple(replace(run, starts_at=0.0, is_rehearsal=False, lasts=43200.0) for run in plan.runs)
    words = list(plan.words)
    for person in chance.sample(range(1, _people(plan) + 1), k=2):
        when = chance.uniform(0.0, restored_at)
        words.append((when, person, chance.choice(("sms", "whatsapp")), Word.STOP))
    honest: dict[str, Any] = {"keeps_list": True, "rejected": 0.0, "other_account_since": float("inf")}
    return replace(
        plan,
        runs=runs,
        words=words,
        restore=(chance.uniform(0.1, 0.9) * restored_at, restored_at),
        provider=replace(plan.provider, **honest),
        receipts=replace(plan.receipts, failing=0.0),
        stops=(),
        jumps=(),
        steps=(),
        read_only=(),
        resends=False,
    )


def hold_the_canary_up(plan: Plan, chance: Random) -> Plan:
    """Let some of those who go ahead be written to over a sender that is full, or that a member has to mend."""
    first = plan.runs[0]
    run = replace(
        first,
        senders=(WHATSAPP, SMS),
        is_mixed=True,
        has_canary=True,
        is_fanned_out=False,
        is_rehearsal=False,
        is_urgent=False,
        second_zone_after=0.0,
        quiet=None,
        lasts=43200.0,
        starts_at=0.0,
    )
    is_full = chance.random() < 0.5
    return replace(
        plan,
        runs=(run,),
        stops=(),
        daily_limits={WHATSAPP: 1} if is_full else {},
        paused=() if is_full else (WHATSAPP,),
        provider=replace(plan.provider, rejected=0.0),
    )


def share_numbers(plan: Plan, chance: Random) -> Plan:
    """Let a number be in two contacts, of one for SMS and of the other for WhatsApp; runs write on both."""
    people = chance.sample(range(1, PEOPLE + 1), k=8)
    pairs = list(zip(people[:4], people[4:], strict=True))
    runs = tuple(
        replace(
            run,
            senders=chance.choice(((WHATSAPP, SMS), (SMS, WHATSAPP), (WHATSAPP, SMS, SPARE))),
            is_fanned_out=True,
            is_rehearsal=False,
            quiet=None,
        )
        for run in plan.runs
    )
    return replace(plan, runs=runs, shared=pairs)


def _people(plan: Plan) -> int:
    return max(run.people for run in plan.runs)


def _resending(plan: Plan) -> tuple[RunPlan, ...]:
    return tuple(replace(run, resend_unknown=True, lasts=43200.0, is_rehearsal=False) for run in plan.runs)


def _doubtful(provider: ProviderPlan) -> ProviderPlan:
    return replace(provider, keeps_list=True, reply_lost=max(provider.reply_lost, 0.1))


#: Each with the share of worlds in which it strikes.
MISHAPS: tuple[tuple[Mishap, float], ...] = (
    (say_otherwise, 0.2),
    (answer_nobody, 0.12),
    (resend, 0.1),
    (alter_texts, 0.1),
    (change_account, 0.06),
    (take_writing_away, 0.12),
    (set_clocks, 0.25),
    (hold_the_canary_up, 0.1),
    (share_numbers, 0.1),
    (put_a_backup_back, 0.12),
)

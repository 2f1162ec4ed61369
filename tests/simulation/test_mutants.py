"""The simulation can fail: engines that break a promise on purpose are caught within a few worlds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.simulation import mishaps, mutants
from tests.simulation.mishaps import Mishap
from tests.simulation.mutants import Patch
from tests.simulation.plan import SMS, Plan, ProviderPlan, ReceiptPlan, Word, draw_plan
from tests.simulation.scenes import claim_that_is_slept_over
from tests.simulation.world import World

#: Within so many worlds each is caught.
WORLDS = 40


def in_storms(plan: Plan) -> Plan:
    return replace(plan, blow_steps=120.0, pauses=0.0)


def asleep(plan: Plan) -> Plan:
    return replace(plan, workers=2, blow_steps=100.0, pauses=1.0, longest_pause=300.0)


def without_answers(plan: Plan) -> Plan:
    run = replace(plan.runs[0], resend_unknown=True, lasts=43200.0)
    return replace(plan, runs=(run,), provider=ProviderPlan(reply_lost=0.3, late=0.3, slowness=0.2))


def told_often(plan: Plan) -> Plan:
    lossy = ProviderPlan(reply_lost=0.3, keeps_list=False)
    return replace(plan, provider=lossy, receipts=ReceiptPlan(silent=0.0, failing=0.3, times=3, spread=30.0))


def stopped(plan: Plan) -> Plan:
    return replace(plan, pace=1.0, window=16, provider=ProviderPlan(slowness=10.0), stops=[(1.0, 0, None)])


def left(plan: Plan) -> Plan:
    people = [(1.0 + person / 10, person, "sms", Word.STOP) for person in range(1, plan.runs[0].people)]
    return replace(plan, pace=1.0, window=16, provider=ProviderPlan(slowness=10.0), words=people)


def cut_off(plan: Plan) -> Plan:
    return replace(plan, pace=3.0, provider=ProviderPlan(slowness=2.0), cuts=[(None, 1.0, 30.0)], blow_steps=None)


def unacknowledged(plan: Plan) -> Plan:
    return replace(plan, lost_commits=0.2, provider=ProviderPlan(rejected=0.5))


def with_a_canary(plan: Plan) -> Plan:
    return replace(plan, runs=(replace(plan.runs[0], has_canary=True, is_rehearsal=False),))


def in_the_evening(plan: Plan) -> Plan:
    run = replace(plan.runs[0], quiet=(0.5, 80.0), is_urgent=False, starts_at=0.0, is_fanned_out=False)
    return replace(plan, runs=(run,), pace=0.2, jumps=(), busy_seconds=60.0)


def in_a_hurry(plan: Plan) -> Plan:
    run = replace(plan.runs[0], lasts=20.0, is_rehearsal=False, is_fanned_out=False, starts_at=0.0)
    return replace(plan, runs=(run,), pace=4.0, window=16, provider=ProviderPlan(slowness=25.0), blow_steps=None)


def resting(plan: Plan) -> Plan:
    run = replace(plan.runs[0], senders=(SMS,), is_fanned_out=False, is_rehearsal=False, lasts=43200.0)
    return replace(plan, runs=(run,), paused=(SMS,), jumps=(), stops=(), blow_steps=None)


def on_other_channels(plan: Plan) -> Plan:
    return replace(left(plan), words=[(when, who, "whatsapp", word) for when, who, _, word in left(plan).words])


def on_hold(plan: Plan) -> Plan:
    return replace(left(plan), words=[(when, who, how, Word.HOLD) for when, who, how, _ in left(plan).words])


def begun_again(plan: Plan) -> Plan:
    again = [(when + 3.0, who, "whatsapp", Word.START) for when, who, *_ in left(plan).words]
    return replace(left(plan), words=[*left(plan).words, *again])


def with_a(mishap: Mishap, **changes: Any) -> Callable[[Plan], Plan]:
    """Return the season in which one kind of fault always strikes."""
    return lambda plan: replace(mishap(plan, Random(f"mutant {plan.seed}")), **changes)


def drawn(season: Callable[[Plan], Plan]) -> Iterator[World]:
    return (World(season(draw_plan(seed))) for seed in range(WORLDS))


#: Each with the promises of which it breaks one first, and the worlds in which that happens soon.
CASES: dict[Patch, tuple[tuple[str, ...], Callable[[], Iterator[World]]]] = {
    mutants.no_fence: (("D1", "D5", "D6"), lambda: drawn(stopped)),
    mutants.fence_that_forgets_age: (("D1",), lambda: drawn(asleep)),
    mutants.fence_that_forgets_stops: (("D6",), lambda: drawn(stopped)),
    mutants.fence_that_forgets_withdrawals: (("D5",), lambda: drawn(left)),
    mutants.fence_that_trusts_old_memory: (("D6",), lambda: drawn(cut_off)),
    mutants.reaper_that_requeues: (("D1", "D4"), lambda: drawn(in_storms)),
    mutants.unknown_that_is_retried: (("D1", "D4"), lambda: drawn(without_answers)),
    mutants.list_that_is_believed_at_once: (("D1", "D4"), lambda: drawn(without_answers)),
    mutants.receipts_that_settle_nothing: (("D3", "D4"), lambda: drawn(told_often)),
    mutants.receipts_that_overwrite: (("D8",), lambda: drawn(told_often)),
    mutants.record_that_asks_no_token: (("D1",), lambda: iter([claim_that_is_slept_over()])),
    mutants.record_that_notes_again: (("notes",), lambda: drawn(unacknowledged)),
    mutants.opt_out_that_leaves_the_queue: (("D5",), lambda: drawn(left)),
    mutants.claims_without_commit: (("D1",), lambda: drawn(in_storms)),
    mutants.canary_that_is_not_awaited: (("canary",), lambda: drawn(with_a_canary)),
    mutants.claims_that_pass_the_canary: (("canary",), lambda: drawn(with_a_canary)),
    mutants.claims_in_quiet_hours: (("quiet",), lambda: drawn(in_the_evening)),
    mutants.stop_of_one_channel: (("D5", "D9"), lambda: drawn(on_other_channels)),
    mutants.hold_that_holds_nobody: (("D5", "D9"), lambda: drawn(on_hold)),
    mutants.start_of_every_channel: (("D5", "D9"), lambda: drawn(begun_again)),
    mutants.fan_out_to_each_contact: (("D14",), lambda: drawn(with_a(mishaps.share_numbers))),
    mutants.fall_back_to_a_number_twice: (
        ("D14",),
        lambda: drawn(with_a(mishaps.share_numbers, provider=ProviderPlan(rejected=0.6))),
    ),
    mutants.restore_that_nobody_sees: (("D15", "D1"), lambda: drawn(with_a(mishaps.put_a_backup_back))),
    mutants.clock_that_is_always_believed: (("D3", "D12", "late"), lambda: drawn(with_a(mishaps.set_clocks))),
    mutants.pause_by_a_clock_that_was_set: (
        ("D12",),
        lambda: drawn(with_a(mishaps.set_clocks, provider=ProviderPlan(throttled=0.5, slowness=2.0))),
    ),
    mutants.results_that_a_server_takes_for_bad: (
        ("a group of",),
        lambda: drawn(with_a(mishaps.take_writing_away)),
    ),
    mutants.claims_of_what_has_a_receipt: (("D2",), lambda: drawn(with_a(mishaps.resend))),
    mutants.list_that_is_compared_to_the_letter: (("D1", "D4"), lambda: drawn(with_a(mishaps.alter_texts))),
    mutants.list_of_any_account: (("D1", "D4"), lambda: drawn(with_a(mishaps.change_account))),
    mutants.canary_that_keeps_its_places: (("canary",), lambda: drawn(with_a(mishaps.hold_the_canary_up))),
    mutants.nobody_asks_what_was_missed: (("D17", "D3"), lambda: drawn(with_a(mishaps.answer_nobody))),
    mutants.late_word_that_counts_last: (("D5", "D9"), lambda: drawn(with_a(mishaps.answer_nobody))),
    mutants.fence_that_trusts_memory_for_long: (("D6",), lambda: drawn(cut_off)),
    mutants.fence_that_forgets_expiry: (("late",), lambda: drawn(in_a_hurry)),
    mutants.expiry_that_comes_early: (("D3",), lambda: drawn(resting)),
    mutants.sweep_that_sleeps: (("D3",), lambda: drawn(stopped)),
}


def chosen() -> Iterator[Any]:
    """Yield the mutants: one for each set of promises always, its others with --whole."""
    seen = set()
    for mutant, (promises, _) in CASES.items():
        yield pytest.param(mutant, id=mutant.__name__, marks=pytest.mark.long if promises in seen else ())
        seen.add(promises)


@pytest.mark.parametrize("mutant", list(chosen()))
def test_mutant_is_caught(mutant: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    promises, worlds = CASES[mutant]
    mutant(monkeypatch)
    broken = next((outcome.broken for world in worlds() if (outcome := world.live()).broken), [""])
    assert broken[0].startswith(promises), broken

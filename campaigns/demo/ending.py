"""The demo ends with reach by region and sender, and with our rows beside what the providers hold."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Channel
from campaigns.core.settings import Settings
from campaigns.delivery.models import Receipt
from campaigns.demo.report import reach_table, reasons_lines, say, senders_table
from campaigns.demo.sandbox_control import SandboxControl
from campaigns.demo.tallies import compare_unlisted, tally_senders
from campaigns.planning.models import Run
from campaigns.reach.counting.queries import table_of_run
from campaigns.reach.counting.service import recount_run
from campaigns.reach.counting.unique_counts import recount_crowds
from campaigns.verifying import verify_run_with_provider

#: How long receipts may be on their way, in seconds.
PATIENCE_SECONDS = 60
LOOK_SECONDS = 1.0


def conclude(sessions: sessionmaker[Session], settings: Settings, *, run_id: int, control: SandboxControl) -> bool:
    """Print what was reached and compare our rows with every provider; return whether nothing differs."""
    _let_receipts_arrive(sessions, control)
    with sessions.begin() as session:
        recount_run(session, run_id)
    recount_crowds(sessions, fresh_for=timedelta(0))
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        reach = table_of_run(session, session.get_one(Run, run_id))
        senders = tally_senders(session, run_id)
    say(f"\nReach per region, run {run_id}:\n")
    say(reach_table(reach))
    for line in reasons_lines(reach):
        say(line)
    say("\nOver each sender, in the order in which they are tried:\n")
    say(senders_table(senders))
    say("")
    agrees = _compare(sessions, settings, run_id=run_id, control=control)
    return _say_truth(control) and agrees


def _compare(sessions: sessionmaker[Session], settings: Settings, *, run_id: int, control: SandboxControl) -> bool:
    """Compare with the lists that providers keep, and with the sandbox's own log where they keep none."""
    report = asyncio.run(verify_run_with_provider(settings, run_id))
    for line in report.lines():
        say(line)
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        unlisted = compare_unlisted(session, settings.vault(), run_id, logged=control.accepted(Channel.TELEGRAM))
    say(
        f"  The sandbox's log has {unlisted.logged} of those on Telegram, {unlisted.unsettled} with a lost answer "
        f"and left alone; {unlisted.differences} differ."
    )
    return report.agrees and not unlisted.differences


def _say_truth(control: SandboxControl) -> bool:
    """Print what the sandbox itself knows; return whether nobody got anything twice."""
    truth = control.invariants()
    most = max(int(truth["accepted_per_intent"]["max"]), int(truth["accepted_per_text"]["max"]))
    late = truth["accepted_after_optout_s"]["max"]
    say(f"The sandbox's own log: at most {most} acceptance for each person.")
    say(f"  {truth['opted_out']} people said stop; the last message to any of them began {late:.1f} s after it.")
    return most <= 1


def _let_receipts_arrive(sessions: sessionmaker[Session], control: SandboxControl) -> None:
    """Wait until the sandbox has nothing left to tell and every receipt has met its delivery."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        pending = control.invariants()["pending"]
        with sessions() as session:
            session.connection(execution_options={"read_only": True})
            waiting = session.scalar(select(func.count()).where(Receipt.applied_at.is_(None)))
        if not any(pending.values()) and not waiting:
            return
        time.sleep(LOOK_SECONDS)
    say(f"Something is still on its way after {PATIENCE_SECONDS} seconds; the logs say why.")

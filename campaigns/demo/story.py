"""The demo goes from an empty folder to reach by region: all but the providers runs as in production."""

from __future__ import annotations

import os
import signal
import sys
import time
import webbrowser
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.commands.stopping import stop_by_command
from campaigns.core import clock
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.errors import UnavailableError
from campaigns.core.settings import Settings, load_settings
from campaigns.delivery.fanout.canary import awaits_canary
from campaigns.delivery.monitoring.progress import Progress, progress_of_run
from campaigns.demo import scenario, stage
from campaigns.demo.answering import answer_those_who_asked, choose_automatic, count_automatic
from campaigns.demo.answers import let_some_answer
from campaigns.demo.demo_instance import Addresses, empty_folder, environment_of, owned_by, start_sandbox
from campaigns.demo.ending import conclude
from campaigns.demo.joining_by_page import join_from_page
from campaigns.demo.nobody_on_duty import let_one_ask_at_night
from campaigns.demo.partner import hand_one_over
from campaigns.demo.people import Way, way_of
from campaigns.demo.processes import Processes, free_port, surroundings
from campaigns.demo.public_page import find_helpline, open_pages
from campaigns.demo.report import progress_line, say
from campaigns.demo.sandbox_control import SandboxControl
from campaigns.demo.stops import let_some_stop
from campaigns.demo.unnamed_report import let_one_report
from campaigns.planning.estimates.signpost_coverage import pointed_table
from campaigns.planning.models import Campaign, Run, RunState
from campaigns.schema import migrate

WEB_PORT, HOOKS_PORT, SANDBOX_PORT = 8000, 8001, 8081
#: How long the whole run, and WhatsApp's approval, may take before the demo gives up, in seconds.
PATIENCE_SECONDS = 900
APPROVAL_PATIENCE_SECONDS = 120
#: How long a rehearsal may take to be planned before it is stopped all the same, in seconds.
REHEARSAL_PATIENCE_SECONDS = 30
LOOK_SECONDS = 2.0
#: What ends a demo beside Ctrl-C: whoever supervises it, and a terminal that is closed.
ENDINGS = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Instance:
    """A demo instance with its parts."""

    sessions: sessionmaker[Session]
    settings: Settings
    processes: Processes
    control: SandboxControl


def tell(folder: Path, *, people: int, then_exit: bool) -> int:
    """Tell the story in `folder`, emptied first if a demo was in it; the exit code is 0 if nothing differed."""
    empty_folder(folder)
    end_as_by_ctrl_c()
    addresses = Addresses(
        web=f"http://127.0.0.1:{free_port(WEB_PORT)}",
        sandbox=f"http://127.0.0.1:{free_port(SANDBOX_PORT)}",
        hooks=f"http://127.0.0.1:{free_port(HOOKS_PORT)}",
    )
    environment = environment_of(folder, addresses) | owned_by(scenario.ORGANISATION[0])
    settings = load_settings(surroundings() | environment)
    engine = make_engine(settings.database_url)
    migrate(engine)
    say(
        f"Fingerpost, {scenario.LABEL}: invented people on real routes. Every hotline must be verified before use."
    )
    with Processes(environment, folder / "logs") as processes:
        control = start_sandbox(processes, addresses, settings)
        instance = Instance(make_sessions(engine), settings, processes, control)
        cast = _prepare(instance, people)
        processes.start("web", "serve")
        processes.start("worker", "worker")
        processes.wait_for(f"{addresses.web}/health")
        processes.wait_for(f"{addresses.hooks}/health")
        _schedule(instance, cast)
        run_id = _watch(instance)
        agrees = conclude(instance.sessions, settings, run_id=run_id, control=control)
        _stop_without_console(instance, cast)
        _answer(instance, cast)
        _ask_at_night(instance, cast)
        _report(instance, cast, addresses.web)
        link = join_from_page(addresses.web, instance.sessions, settings, control)
        say(f"\n  One more person joins from the page, over Telegram, which shows no number: {link}")
        _say_where(addresses, settings, cast)
        if not then_exit and has_screen():
            webbrowser.open(settings.phones_url())
        if not then_exit:
            _stay(processes)
    return 0 if agrees else 1


def _answer(instance: Instance, cast: stage.Cast) -> None:
    """Let some people ask, and a member answer each of them."""
    wrote, asked = let_some_answer(instance.control)
    say(f"\n{wrote} people write back: {asked} of them ask something, and the others tell where they are now.")
    answered = answer_those_who_asked(instance.sessions, instance.settings, cast, expected=asked)
    say(
        f"  A member answered {answered.people} of them in their languages: {answered.given_a_helpline} were given"
        f" a verified helpline, the others were asked back. {answered.accepted} answers have left."
    )
    if answered.people:
        partner = hand_one_over(instance.sessions, instance.settings, cast)
        say(f"  One of them was handed over to {partner}, which confirmed by a code that it helped.")
        say("  It took the hand-over along, in a file that its own key opens and no other.")
    with instance.sessions() as session:
        by_itself = count_automatic(session)
    say(f"  {by_itself} were answered at once by reviewed texts: a call for help, and who told where they are.")


def _ask_at_night(instance: Instance, cast: stage.Cast) -> None:
    """Let one person ask while nobody is on duty."""
    told = let_one_ask_at_night(instance.sessions, instance.settings, cast, instance.control)
    if told is None:
        say("  Nobody asked at night.")
        return
    say(f"  One asks at night, when nobody is on duty, and has the night's answer after {told.seconds:.1f} s:")
    say(f"    {told.text}")


def _report(instance: Instance, cast: stage.Cast, web: str) -> None:
    """Let one person report something without a name, and read the answer by their code."""
    told = let_one_report(instance.sessions, instance.settings, cast, web)
    say(f"  One reports something on a page, without a name, and reads the answer by the code {told.code}:")
    say(f"    {told.answer}")


def _prepare(instance: Instance, people: int) -> stage.Cast:
    """Do what members do before they write: places, services, people."""
    with instance.sessions.begin() as session:
        cast = stage.hire(session)
    say("  Its first administrator appointed the second, who approves, alone; from then on roles took both.")
    with instance.sessions.begin() as session:
        places, routes = stage.mark_places(session, cast)
        verified = stage.list_services(session, cast)
        open_pages(session, cast)
    say(f"  {places} places and {routes} routes marked; {verified} services verified (simulated).")
    say("  What one of them answers in was changed after that: proposed by one member, agreed to by the other.")
    with instance.sessions.begin() as session:
        rows = stage.gather_people(session, cast, count=people, settings=instance.settings)
    ways = Counter(map(way_of, rows))
    counted = ", ".join(f"{ways[way]:,} {words}" for way, words in scenario.WAY_WORDS.items())
    say(f"  {people:,} invented people imported along the routes: {counted}.")
    _tell_sandbox(instance.control, rows)
    return cast


def _tell_sandbox(control: SandboxControl, rows: Sequence[Mapping[str, str]]) -> None:
    """Let some people be gone from WhatsApp, and some have blocked the bot."""
    both = [row["whatsapp"] for row in rows if way_of(row) is Way.WHATSAPP_AND_SMS]
    gone = both[: round(len(both) * scenario.NOT_ON_WHATSAPP_SHARE)]
    blocked = [row["telegram"] for row in rows if way_of(row) is Way.TELEGRAM][: scenario.BLOCKED_BOT]
    control.change_fixture(
        not_on_whatsapp=[f"whatsapp:{number}" for number in gone],
        telegram_chats=dict.fromkeys(blocked, "blocked"),
    )
    say(f"  {len(gone)} of them are not on WhatsApp any more, and {len(blocked)} have blocked the bot.")


def _schedule(instance: Instance, cast: stage.Cast) -> None:
    """Write the message and plan the campaign; once WhatsApp has approved its texts a second member does, too."""
    with instance.sessions.begin() as session:
        message = stage.write_message(session, cast)
        campaign_id = stage.plan(session, cast, message, instance.settings).id
        automatic = choose_automatic(session, cast)
    say(f"  {automatic} texts answer by themselves, to words like HELP, in 17 languages (review simulated).")
    say(f"  Message written in {len(scenario.message_texts())} languages and reviewed by a second member.")
    _await_approvals(instance)
    with instance.sessions.begin() as session:
        campaign = session.get_one(Campaign, campaign_id)
        starts_at = stage.approve(session, cast, campaign, instance.settings)
        pointed = stage.point(session, campaign, instance.settings)
    say("  A second member approved the campaign: WhatsApp first, then Telegram, then SMS.")
    say("\nWho is pointed where, at this hour")
    say(pointed_table(pointed))
    say(f"\n  It is sent at {starts_at:%H:%M} on the clocks of {scenario.TIME_ZONE}; the scheduler waits for it.")


def _await_approvals(instance: Instance) -> None:
    """Return when WhatsApp has decided on every text; the worker hands them in and asks."""
    deadline = time.monotonic() + APPROVAL_PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with instance.sessions() as session:
            session.connection(execution_options={"read_only": True})
            approved, asked = stage.count_templates(session)
        if approved == asked:
            say(f"  WhatsApp (the sandbox) approved its {asked} templates.")
            return
        instance.processes.check()
        time.sleep(LOOK_SECONDS / 2)
    raise UnavailableError(f"WhatsApp did not approve the texts within {APPROVAL_PATIENCE_SECONDS} seconds.")


def _watch(instance: Instance) -> int:
    """Print progress until the run is done; let some people say stop while it runs. Return the run's id."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    said, stopped = "", False
    while time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        instance.processes.check()
        run, progress = _look(instance.sessions)
        if run is None:
            continue
        if run.state in (RunState.HELD, RunState.PAUSED, RunState.STOPPED):
            raise UnavailableError(f"The run is {run.state}: {run.reason}")
        if not stopped and _is_well_begun(instance, run, progress):
            _let_some_stop(instance, run.id)
            stopped = True
        line = progress_line(progress.by_state, progress.planned)
        if line != said:
            say(line)
            said = line
        if run.state == RunState.DONE and progress.done == progress.planned and stopped:
            return run.id
    raise UnavailableError(f"The run did not end within {PATIENCE_SECONDS} seconds; the logs say why.")


def _look(sessions: sessionmaker[Session]) -> tuple[Run | None, Progress]:
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        run = session.scalars(select(Run).order_by(Run.id)).first()
        return run, progress_of_run(session, run, now=clock.now()) if run else Progress(by_state={})


def _is_well_begun(instance: Instance, run: Run, progress: Progress) -> bool:
    """Say whether a tenth is done and the rest follows: so many who say stop at once would end a canary."""
    with instance.sessions() as session:
        session.connection(execution_options={"read_only": True})
        return progress.done > progress.planned // 10 and not awaits_canary(session, run.id)


def _let_some_stop(instance: Instance, run_id: int) -> None:
    with instance.sessions() as session:
        session.connection(execution_options={"read_only": True})
        said = let_some_stop(instance.control, session, instance.settings.vault(), run_id)
    counted = ", ".join(f"{people} over {channel}" for channel, people in said.items())
    say(f"  {sum(said.values())} people say stop ({counted}): {', '.join(scenario.STOP_WORDS)}, or by a block")


def _stop_without_console(instance: Instance, cast: stage.Cast) -> None:
    """Begin a rehearsal and stop it, as soon as it is being sent, by the command that needs no console."""
    with instance.sessions.begin() as session:
        run_id = stage.rehearse(session, cast)
    deadline = time.monotonic() + REHEARSAL_PATIENCE_SECONDS
    while not _is_running(instance, run_id) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS / 10)
    say(f"\nA rehearsal begins, and is stopped without the console: fingerpost stop {run_id}")
    for line in stop_by_command(instance.settings, run_id):
        say(f"  {line}")


def _is_running(instance: Instance, run_id: int) -> bool:
    with instance.sessions() as session:
        session.connection(execution_options={"read_only": True})
        return session.get_one(Run, run_id).state == RunState.RUNNING


def has_screen() -> bool:
    """Say whether somebody is there to see a page: a browser in a terminal would take the story's place."""
    is_desktop = sys.platform in ("darwin", "win32")
    return sys.stdout.isatty() and (is_desktop or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()))


def _say_where(addresses: Addresses, settings: Settings, cast: stage.Cast) -> None:
    """Print where everything is, and look at the page for Medyka."""
    page, number = find_helpline(addresses.web)
    say(f"\n  Phones   {settings.phones_url()}   what each person received; answer as one of them")
    say(f"  Page     {page}   who can help at Medyka, in Ukrainian; first of all {number}")
    say(f"  Console  {addresses.web}")
    for email, password in cast.sign_ins:
        say(f"           sign in as {email} with {password}")


def end_as_by_ctrl_c() -> None:
    """Let other endings end the parts as well: left alone they would go on, and keep their ports."""
    for number in ENDINGS:
        signal.signal(number, signal.default_int_handler)


def _stay(processes: Processes) -> None:
    """Stay up until Ctrl-C, SIGTERM or the end of the terminal, or until a part ends by itself."""
    ended = Event()
    for number in (signal.SIGINT, *ENDINGS):
        signal.signal(number, lambda *_: ended.set())
    say("Ctrl-C ends it.")
    while not ended.wait(LOOK_SECONDS):
        processes.check()

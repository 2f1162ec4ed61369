"""The `fingerpost` command starts the parts of an instance, and does what needs no page."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import click
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.commands.operating import complaints, hooks, mail, triage
from campaigns.core.database import make_sessions
from campaigns.core.errors import FileFormatError, FingerpostError, NotFoundError, RowsError
from campaigns.core.keys.keys_file import make_keys, written
from campaigns.core.logging import configure_logging
from campaigns.core.private_files import keep_files_private
from campaigns.core.processes.loading import loading
from campaigns.core.processes.outages import sentence_about
from campaigns.core.settings import PROJECT_ROOT, Settings, load_settings
from campaigns.members.commands import member, organisation
from campaigns.members.set_up_code import make_code

#: Wrong rows of a file that are told, one a line.
SHOWN_PROBLEMS = 200


class OneLineErrors(click.Group):
    """Tells an error of ours in words on standard error and ends with code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FingerpostError as error:
            told = error.problems[:SHOWN_PROBLEMS] if isinstance(error, RowsError) else [error]
            for sentence in told:
                click.echo(f"fingerpost: {sentence}", err=True)
            ctx.exit(2)
        except DBAPIError as error:
            click.echo(f"fingerpost: {sentence_about(error)}", err=True)
            ctx.exit(2)


@click.group(cls=OneLineErrors, commands=[complaints, hooks, mail, triage])
def main() -> None:
    """Reach people on the move before traffickers do."""
    keep_files_private()


@main.command()
def keys() -> None:
    """Print fresh keys for the environment of a new instance; keep them apart from the database."""
    click.echo(written(make_keys()), nl=False)


@main.command()
@click.option("--new-secret-key", is_flag=True, help="Another secret key is meant; everybody signs in again.")
def setup(new_secret_key: bool) -> None:
    """Create or upgrade the tables and load the regions; safe to repeat.

    Where there is neither a database nor a key it makes both.
    """
    settings = _settings(with_keys=False)
    with loading():
        from campaigns.readiness.setting_up import set_up

    set_up(settings, say=click.echo, may_replace=new_secret_key)


@main.command()
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Server processes of the console, and as many for providers; with one a core they answer the most.",
)
def serve(processes: int) -> None:
    """Serve the console, the public pages and the providers' callbacks.

    Where there is neither a database nor a key it makes both; without a member it prints a code, with which the
    first one sets the system up in the browser.
    """
    settings = _settings(with_keys=False)
    with loading():
        from campaigns.readiness.instance import open_instance
        from campaigns.readiness.setting_up import is_new, set_up
        from campaigns.serving import serve_pages
        from campaigns.staff.queries import has_members

    if is_new(settings):
        set_up(settings, say=click.echo)
        settings = _settings()
    engine = open_instance(settings)
    with make_sessions(engine)() as session:
        code = "" if has_members(session) else make_code()
    engine.dispose()
    configure_logging(settings.log_level)
    serve_pages(settings, processes, say=click.echo, set_up_code=code)


@main.command()
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Worker processes, on PostgreSQL; as many as there are cores send the most.",
)
def worker(processes: int) -> None:
    """Run the clock and the engine until SIGTERM or Ctrl-C, and the sandbox for rehearsals beside them."""
    settings = _settings()
    configure_logging(settings.log_level)
    with loading():
        from campaigns.sandbox_beside import sandbox_beside
        from campaigns.supervisor import supervise
        from campaigns.worker import run_worker

    with sandbox_beside(settings):
        if processes == 1:
            run_worker(settings)
        else:
            supervise(settings, processes)


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def sandbox(options: tuple[str, ...]) -> None:
    """Run the stand-in for Twilio, Telegram and Africa's Talking on this machine; --help tells its options.

    With the settings of an instance it takes that instance's rehearsals, and nobody else's.
    """
    from campaigns.sandbox.options import read_options
    from campaigns.sandbox.server import run
    from campaigns.sandbox_defaults import sandbox_defaults

    run(read_options(list(options), sandbox_defaults(load_settings())))


@main.command()
@click.argument("run_id", metavar="RUN", type=int)
def verify(run_id: int) -> None:
    """Compare the rows of RUN with the provider's own list; the exit code is 1 when they differ."""
    from campaigns.readiness.instance import open_instance
    from campaigns.verifying import verify_run_with_provider

    settings = load_settings()
    open_instance(settings).dispose()
    report = asyncio.run(verify_run_with_provider(settings, run_id))
    for line in report.lines():
        click.echo(line)
    raise SystemExit(0 if report.agrees else 1)


@main.command()
@click.argument("run_id", metavar="[RUN]", type=int, required=False)
@click.option("--all", "is_all", is_flag=True, help="Every run of every organisation that is or may be sent.")
def stop(run_id: int | None, is_all: bool) -> None:
    """Stop RUN, or with --all every run, at once; it needs the database and no console.

    Nothing is asked: a run that was stopped by mistake can be resumed by an approver. What hinders one run keeps
    no other one going; the exit code is 0 only when nothing is left that was to be stopped.
    """
    if (run_id is None) is not is_all:
        raise click.UsageError("Name one run (the number in its address), or --all.")
    from campaigns.commands.stopping import stop_by_command

    for line in stop_by_command(load_settings(), run_id):
        click.echo(line)


@main.command(name="resume-after-restore")
@click.option(
    "--without-lists",
    is_flag=True,
    help="Go on although the list of a provider cannot be read: what it may have sent is not sent again.",
)
@click.option(
    "--journal",
    "journals",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A journal of another machine; those of this one are read by themselves.",
)
@click.option("--no-wait", is_flag=True, help="Every other copy ended more than three minutes ago.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def resume_after_restore(without_lists: bool, journals: tuple[Path, ...], no_wait: bool, yes: bool) -> None:
    """Let an instance send again that was restored, copied or failed over, once what it forgot is settled."""
    from campaigns.readiness.instance import check_whole, open_instance
    from campaigns.restoring import command

    settings = _settings()
    # Before anything else is read: what is read first of a damaged file may say nothing of what to do.
    check_whole(settings.database_url)
    open_instance(settings).dispose()
    configure_logging(settings.log_level)

    def confirm() -> bool:
        return yes or click.confirm("Is no other copy of this instance running, and may this one send again?")

    settles_after = command.SETTLES_AFTER * (not no_wait)
    for line in command.resume_after_restore(
        settings, journals=journals, is_list_needed=not without_lists, confirm=confirm, settles_after=settles_after
    ):
        click.echo(line)


@main.command()
@click.argument("texts", metavar="TEXT...", nargs=-1, required=True)
@click.option("--language", help="Language of who writes, if it is known.")
@click.option("--organisation", "slug", help="Short name of an organisation whose entry codes count.")
def meaning(texts: tuple[str, ...], language: str | None, slug: str | None) -> None:
    """Print how the inbox would take each TEXT; a TEXT of "-" stands for the lines of standard input.

    One of stop, hold, start, help, info, moved, yes and text a line. JOIN is a start.
    """
    from campaigns.commands.hearing import hear, hear_for

    said = chain.from_iterable(_lines_of_input() if text == "-" else [text] for text in texts)
    if slug is None:
        for asked in hear(said, language=language):
            click.echo(asked)
        return
    with _sessions() as sessions, sessions() as session:
        for asked in hear_for(session, slug, said, language=language):
            click.echo(asked)


@main.command()
@click.argument("texts", metavar="TEXT...", nargs=-1, required=True)
@click.option("--language", default="en", show_default=True, help="Language in which places are named.")
@click.option(
    "--near",
    type=(click.FloatRange(-90, 90), click.FloatRange(-180, 180)),
    metavar="LATITUDE LONGITUDE",
    help="Where the person was last.",
)
def place(texts: tuple[str, ...], language: str, near: tuple[float, float] | None) -> None:
    """Print which place each TEXT would be taken for; a TEXT of "-" stands for the lines of standard input.

    One line each: the place, its region and cell; or, after a question mark, what would be asked; or "nothing".
    """
    from campaigns.commands.naming import name_places

    said = chain.from_iterable(_lines_of_input() if text == "-" else [text] for text in texts)
    for line in name_places(said, language=language, near=[near[::-1]] if near else []):
        click.echo(line)


def _lines_of_input() -> Iterator[str]:
    return (line.rstrip("\n") for line in sys.stdin)


@main.command()
@click.option("--exit", "then_exit", is_flag=True, help="End after the run instead of staying up.")
@click.option(
    "--people", type=click.IntRange(1), default=5000, show_default=True, help="How many people to invent."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=PROJECT_ROOT / "var" / "demo",
    help="Where it plays: a new or empty folder, or that of an earlier demo, which is emptied.",
)
def demo(then_exit: bool, people: int, folder: Path) -> None:
    """Run the 2022 scenario end to end on SQLite and the sandbox, then keep the console up."""
    from campaigns.demo.story import tell

    raise SystemExit(tell(folder, people=people, then_exit=then_exit))


@main.command()
@click.argument("code")
@click.option("--organisation", "slug", required=True, help="Short name of the organisation.")
def signposts(code: str, slug: str) -> None:
    """Print how many people of campaign CODE are pointed to which service now, and how many to none and why."""
    from campaigns.core import clock
    from campaigns.planning.estimates.signpost_coverage import point_people, pointed_table
    from campaigns.planning.gates.assessment import assess
    from campaigns.planning.policy import Policy
    from campaigns.planning.queries import find_campaign
    from campaigns.staff.queries import get_organisation

    with _sessions() as sessions, sessions() as session:
        get_organisation(session, slug)
        campaign = find_campaign(session, slug, code)
        if campaign is None:
            raise NotFoundError(f"{slug} has no campaign {code}.")
        found = assess(session, campaign, now=clock.now(), policy=Policy.of(load_settings()))
    click.echo(pointed_table(point_people(found.rendered)))


@main.command()
def recount() -> None:
    """Compare all counts of reach with the deliveries and put right what may move; exit code 1 if any differ."""
    from campaigns.reach.counting.unique_counts import check_all

    with _sessions() as sessions:
        found = check_all(sessions)
    click.echo(f"{found.runs} runs compared: {found.moved} people moved since, {found.late} after the close.")
    click.echo(f"Counts and deliveries differ by {found.drift} people.")
    raise SystemExit(1 if found.drift else 0)


@main.group()
def audit() -> None:
    """Look after the audit trail."""


@audit.command(name="verify")
def verify_audit() -> None:
    """Recompute the chain of audit entries and name the first broken link."""
    from campaigns.staff.audit import verify_chain

    with _sessions() as sessions, sessions.begin() as session:
        broken = verify_chain(session)
    click.echo("The chain is whole." if broken is None else f"Entry {broken} does not follow from the one before.")
    raise SystemExit(0 if broken is None else 1)


main.add_command(organisation)
main.add_command(member)


@main.command(name="import")
@click.argument("kind", type=click.Choice(["places", "contacts", "services"]))
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--organisation", "slug", required=True, help="Short name of the organisation.")
@click.option("--country", help="Contacts: country (two letters) of numbers without a country code.")
@click.option("--dry-run", is_flag=True, help="Check the file and say what would happen; change nothing.")
def import_(kind: str, path: Path, slug: str, country: str | None, dry_run: bool) -> None:
    """Import a file of KIND whole, or not at all; wrong rows are told by their line."""
    from campaigns.commands.importing import import_file
    from campaigns.staff.queries import get_organisation

    with _open(path) as file, _sessions() as sessions, sessions() as session:
        organisation_id = get_organisation(session, slug).id
        # A large file is read before anything is written; meanwhile nobody waits for this transaction.
        session.rollback()
        done = import_file(kind, session, organisation_id, name=path.name, file=file, country=country)
        if dry_run:
            session.rollback()
        else:
            session.commit()
    for name, count in asdict(done).items():
        if isinstance(count, int):
            click.echo(f"{name.replace('_', ' ')}: {count:,}")
    if dry_run:
        click.echo("Nothing was changed: this was a dry run.")


def _settings(*, with_keys: bool = True) -> Settings:
    """Return settings that make sense as values, before anything large is loaded. Raises SettingsError."""
    from campaigns.readiness.settings_checks import check_keys, check_settings

    settings = load_settings()
    check_settings(settings)
    if with_keys:
        check_keys(settings)
    return settings


@contextmanager
def _sessions() -> Iterator[sessionmaker[Session]]:
    """Give sessions on the instance's database. Raises SettingsError when something does not fit."""
    from campaigns.readiness.instance import open_instance

    engine = open_instance(load_settings())
    try:
        yield make_sessions(engine)
    finally:
        engine.dispose()


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror}.") from None


if __name__ == "__main__":
    main()

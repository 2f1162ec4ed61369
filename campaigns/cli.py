"""The `fingerpost` command: starts the parts of an instance and does what needs no page."""

from __future__ import annotations

import asyncio
import base64
import secrets
from pathlib import Path
from typing import Any

import click

from campaigns.core.database import make_engine, make_sessions
from campaigns.core.errors import FileFormatError, FingerpostError
from campaigns.core.logging import configure_logging
from campaigns.core.settings import PROJECT_ROOT, load_settings
from campaigns.schema import migrate

#: Threads that answer callbacks and pages; receipts that wait together are written together.
WEB_THREADS = 24


class OneLineErrors(click.Group):
    """Tells an error of ours in one line on standard error and ends with code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FingerpostError as error:
            click.echo(f"fingerpost: {error}", err=True)
            ctx.exit(2)


@click.group(cls=OneLineErrors)
def main() -> None:
    """Reach people on the move before traffickers do."""


@main.command()
def keys() -> None:
    """Print fresh keys for the environment of a new instance; keep them apart from the database."""
    for name, prefix in (("ENCRYPTION_KEYS", "1:"), ("LOOKUP_KEY", "")):
        click.echo(f"FINGERPOST_{name}={prefix}{base64.b64encode(secrets.token_bytes(32)).decode()}")
    click.echo(f"FINGERPOST_SECRET_KEY={secrets.token_urlsafe(48)}")


@main.command()
def setup() -> None:
    """Create or upgrade the tables and load the regions; safe to repeat."""
    from campaigns.places.service import load_regions

    engine = make_engine(load_settings().database_url)
    migrate(engine)
    with make_sessions(engine).begin() as session:
        click.echo(f"{load_regions(session)} regions are loaded.")


@main.command()
def serve() -> None:
    """Serve the console, the public pages and the providers' callbacks."""
    from granian import Granian
    from granian.constants import Interfaces

    settings = load_settings()
    Granian(
        "wsgi:application",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        blocking_threads=WEB_THREADS,
        working_dir=PROJECT_ROOT,
        websockets=False,
        log_level="warning",  # type: ignore[arg-type]
    ).serve()


@main.command()
def worker() -> None:
    """Run the clock and the engine until SIGTERM or Ctrl-C."""
    from campaigns.worker import run_worker

    settings = load_settings()
    configure_logging(settings.log_level)
    run_worker(settings)


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def sandbox(options: tuple[str, ...]) -> None:
    """Run the provider stand-in on this machine; --help tells its options."""
    from campaigns.sandbox.options import read_options
    from campaigns.sandbox.server import run

    run(read_options(list(options)))


@main.command()
@click.argument("run_id", metavar="RUN", type=int)
def verify(run_id: int) -> None:
    """Compare the rows of RUN with the provider's own list; the exit code is 1 when they differ."""
    from campaigns.verifying import verify_run_with_provider

    report = asyncio.run(verify_run_with_provider(load_settings(), run_id))
    for line in report.lines():
        click.echo(line)
    raise SystemExit(0 if report.agrees else 1)


@main.command()
@click.option("--exit", "then_exit", is_flag=True, help="End after the run instead of staying up.")
@click.option("--people", default=5000, show_default=True, help="How many people to invent.")
@click.option("--folder", type=click.Path(path_type=Path), default=PROJECT_ROOT / "var" / "demo")
def demo(then_exit: bool, people: int, folder: Path) -> None:
    """Run the 2022 scenario end to end on SQLite and the sandbox, then keep the console up."""
    from campaigns.demo.story import tell

    raise SystemExit(tell(folder, people=people, then_exit=then_exit))


@main.group()
def audit() -> None:
    """Look after the audit trail."""


@audit.command(name="verify")
def verify_audit() -> None:
    """Recompute the chain of audit entries and name the first broken link."""
    from campaigns.staff.audit import verify_chain

    with make_sessions(make_engine(load_settings().database_url)).begin() as session:
        broken = verify_chain(session)
    click.echo("The chain is whole." if broken is None else f"Entry {broken} does not follow from the one before.")
    raise SystemExit(0 if broken is None else 1)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror}.") from None


if __name__ == "__main__":
    main()

"""Whoever runs an instance of several organisations has these commands for what belongs to none of them alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.database import make_sessions
from campaigns.core.errors import NotFoundError
from campaigns.core.settings import Settings, load_settings


@click.command()
@click.argument("name")
def hooks(name: str) -> None:
    """Print the addresses to enter at the provider of the credential NAME, as FINGERPOST_SECRET_<NAME> sets it.

    An organisation that owns it alone sees them on the page of its sender.
    """
    from campaigns.commands.triaging import addresses_of

    for line in addresses_of(load_settings(), name):
        click.echo(line)


@click.group()
def triage() -> None:
    """Give on what came to a number of several organisations, or of none.

    A stop among it was obeyed when it came.
    """


@triage.command(name="list")
def list_() -> None:
    """List what waits, without texts: number, time, kind, and where it came to."""
    from campaigns.commands.triaging import list_unassigned

    with _opened() as (_, sessions), sessions() as session:
        for line in list_unassigned(session):
            click.echo(line)


@triage.command()
@click.argument("number", type=int)
def show(number: int) -> None:
    """Print the text of NUMBER; the audit trail says that it was read."""
    from campaigns.commands.triaging import show_text

    with _opened() as (settings, sessions), sessions.begin() as session:
        text = show_text(session, number, vault=settings.vault())
    click.echo(text)


@triage.command()
@click.argument("slug")
@click.argument("numbers", type=int, nargs=-1, required=True)
def assign(slug: str, numbers: tuple[int, ...]) -> None:
    """Give NUMBERS to the organisation with the short name SLUG: its inbox has them from now on."""
    from campaigns.commands.triaging import assign_to

    with _opened() as (settings, sessions), sessions.begin() as session:
        count = assign_to(session, slug, numbers, vault=settings.vault())
    click.echo(f"{slug} has {count} more in its inbox.")


@click.group()
def mail() -> None:
    """Tell what a mail server tells."""


@mail.command()
@click.argument("addresses", nargs=-1)
def bounced(addresses: tuple[str, ...]) -> None:
    """Note that mail to ADDRESSES came back: of what those members were to be told, the next in reserve is.

    Without an address a report is read from standard input, as a mail server gives it (RFC 3464): let its mailbox
    be piped into this. It is believed where it returns a mail of this system, since anybody can write one.
    """
    from campaigns.core.mail.bounces import LONGEST
    from campaigns.inbox.escalation.returned_mail import note_bounce, note_report

    report = b"" if addresses else sys.stdin.buffer.read(LONGEST)
    with _opened() as (settings, sessions), sessions.begin() as session:
        unknown = [each for each in addresses if not note_bounce(session, each)]
        reported = note_report(session, report, secret_key=settings.secret_key)
    click.echo(f"{len(addresses) - len(unknown) + reported} counted as not reachable by mail.")
    if unknown:
        raise NotFoundError(f"There is no member {', '.join(unknown)}.")


@click.group()
def complaints() -> None:
    """Give complaints about an organisation that nobody reads to another one.

    Who reads them is a setting of each organisation, or chosen when one is marked.
    """


@complaints.command(name="list")
def list_unread() -> None:
    """List the complaints that nobody reads, without a word of them: number, time, and about whom."""
    from campaigns.commands.triaging import list_unread_complaints

    with _opened() as (_, sessions), sessions() as session:
        for line in list_unread_complaints(session):
            click.echo(line)


@complaints.command(name="give")
@click.argument("number", type=int)
@click.argument("slug")
def give_complaint(number: int, slug: str) -> None:
    """Let the responders of the organisation with the short name SLUG read complaint NUMBER."""
    from campaigns.commands.triaging import give_complaint_to

    with _opened() as (_, sessions), sessions.begin() as session:
        give_complaint_to(session, number, slug)
    click.echo(f"{slug} reads complaint {number}.")


@contextmanager
def _opened() -> Iterator[tuple[Settings, sessionmaker[Session]]]:
    """Give the settings and sessions on the database. Raises SettingsError when something does not fit."""
    from campaigns.readiness.instance import open_instance

    settings = load_settings()
    engine = open_instance(settings)
    try:
        yield settings, make_sessions(engine)
    finally:
        engine.dispose()

"""By these commands whoever runs the instance looks after organisations and their members, alone.

An organisation that is left with one administrator has nobody to agree: this is its way on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from campaigns.core.errors import NotFoundError

#: The roles that a member may have; `staff.permissions` says what each may do.
ROLES = click.Choice(["admin", "approver", "author", "responder", "steward", "viewer"])

if TYPE_CHECKING:
    from sqlalchemy.orm import Session, sessionmaker

    from campaigns.staff.models import Membership


@click.group()
def organisation() -> None:
    """Look after organisations."""


@organisation.command(name="mandate")
@click.argument("slug")
@click.argument("codes", nargs=-1)
@click.option("--everywhere", is_flag=True, help="No limit any more.")
def mandate(slug: str, codes: tuple[str, ...], everywhere: bool) -> None:
    """Let SLUG write only to people in CODES: countries (PL) and regions (UA-46); without codes, to nobody."""
    if codes and everywhere:
        raise click.UsageError("Name countries and regions, or --everywhere.")
    from campaigns.places.queries import find_unknown_codes
    from campaigns.staff.queries import get_organisation
    from campaigns.staff.service import set_mandate

    with _sessions() as sessions, sessions.begin() as session:
        found = get_organisation(session, slug)
        set_mandate(session, found, None if everywhere else codes)
        if unknown := find_unknown_codes(session, found.mandate or ()):
            raise NotFoundError(f"There is no country or region {', '.join(unknown)}.")
        said = "everywhere" if found.mandate is None else " ".join(found.mandate) or "nowhere"
    click.echo(said)


@organisation.command(name="add")
@click.argument("slug")
@click.option("--name", required=True)
@click.option("--time-zone", default="UTC", show_default=True, help="Zone its members read times in.")
def add_organisation(slug: str, name: str, time_zone: str) -> None:
    """Add the organisation with the short name SLUG."""
    from campaigns.staff.service import create_organisation

    with _sessions() as sessions, sessions.begin() as session:
        create_organisation(session, slug, name=name, time_zone=time_zone)
    click.echo(f"{name} is added.")


@click.group()
def member() -> None:
    """Look after members."""


@member.command(name="add")
@click.argument("email")
@click.option("--organisation", "slug", required=True, help="Short name of the organisation.")
@click.option("--name", required=True)
@click.option(
    "--role",
    "roles",
    type=ROLES,
    multiple=True,
    required=True,
    help="The console says data manager for steward. Repeat it for several roles.",
)
def add_member(email: str, slug: str, name: str, roles: tuple[str, ...]) -> None:
    """Add a member and print a password, which has to be changed at the first sign-in."""
    from campaigns.staff.queries import get_organisation
    from campaigns.staff.service import create_member
    from campaigns.staff.sign_in.passwords import hash_password, make_one_time_password

    password = make_one_time_password()
    with _sessions() as sessions, sessions.begin() as session:
        create_member(
            session,
            get_organisation(session, slug),
            email=email,
            name=name,
            password_hash=hash_password(password),
            roles=roles,
            temporary=True,
        )
    click.echo(f"{email} signs in with {password}")


@member.command(name="roles")
@click.argument("email")
@click.argument("roles", type=ROLES, nargs=-1, required=True)
@click.option("--organisation", "slug", required=True, help="Short name of the organisation.")
def set_member_roles(email: str, roles: tuple[str, ...], slug: str) -> None:
    """Give a member these ROLES and no others, at once."""
    from campaigns.members.service import set_roles

    with _sessions() as sessions, sessions.begin() as session:
        membership = _membership(session, email, slug)
        set_roles(session, membership, roles)
        said = ", ".join(membership.roles)
    click.echo(f"{email}: {said}")


@member.command(name="password")
@click.argument("email")
@click.option("--organisation", "slug", required=True, help="Short name of the organisation.")
def reset_member_password(email: str, slug: str) -> None:
    """Print a new password for a member, which has to be changed at the first sign-in."""
    from campaigns.members.forgotten.reset_links import end_invitations
    from campaigns.staff.service import issue_password
    from campaigns.staff.sign_in.passwords import hash_password, make_one_time_password

    password = make_one_time_password()
    with _sessions() as sessions, sessions.begin() as session:
        membership = _membership(session, email, slug)
        issue_password(session, membership, hash_password(password))
        end_invitations(session, membership.member)
    click.echo(f"{email} signs in with {password}")


def _membership(session: Session, email: str, slug: str) -> Membership:
    from campaigns.staff.queries import find_member, get_membership, get_organisation

    found = find_member(session, email.strip().casefold())
    if found is None:
        raise NotFoundError(f"There is no member {email}.")
    return get_membership(session, get_organisation(session, slug).id, found.id)


@contextmanager
def _sessions() -> Iterator[sessionmaker[Session]]:
    """Give sessions on the instance's database. Raises SettingsError when something does not fit."""
    from campaigns.core.database import make_sessions
    from campaigns.core.settings import load_settings
    from campaigns.readiness.instance import open_instance

    engine = open_instance(load_settings())
    try:
        yield make_sessions(engine)
    finally:
        engine.dispose()

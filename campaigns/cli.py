"""The `fingerpost` command: starts the parts of an instance and does what needs no page."""

from __future__ import annotations

import base64
import secrets
from typing import Any

import click

from campaigns.core.database import make_engine, make_sessions
from campaigns.core.errors import FingerpostError
from campaigns.core.settings import load_settings
from campaigns.schema import migrate


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


if __name__ == "__main__":
    main()

"""Paired rounds on both databases, and one shape of result: ratios to a limit measured in the same run."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Engine, text

from campaigns.core.database import make_engine
from campaigns.schema import metadata
from tests.postgres import PostgresServer

DATABASES = ("sqlite", "postgres")


@contextmanager
def fresh_database(kind: str, *, build: Callable[[Engine], object] = metadata.create_all) -> Iterator[Engine]:
    """Yield an engine on a new database of `kind` with the tables that `build` makes; all is removed after."""
    with tempfile.TemporaryDirectory(prefix="fingerpost-bench-") as folder:
        if kind == "sqlite":
            engine = make_engine(f"sqlite:///{Path(folder) / 'bench.db'}")
            build(engine)
            yield engine
            engine.dispose()
            return
        with PostgresServer(durable=True) as server:
            engine = make_engine(server.create_database())
            build(engine)
            yield engine
            engine.dispose()


def summary(values: list[float]) -> dict[str, float]:
    """Return median and range of the rounds' values."""
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def peak_megabytes() -> float:
    """Return the largest resident memory of this process so far, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def megabytes_of(engine: Engine) -> float:
    """Return how large a database is on disk, its indexes too, in MB."""
    asked = {
        "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
        "postgresql": "SELECT pg_database_size(current_database())",
    }
    with engine.connect() as connection:
        size: int = connection.execute(text(asked[engine.dialect.name])).scalar_one()
    return round(size / 1024**2, 1)


def report(measure: Callable[[str], dict[str, Any]], *, databases: tuple[str, ...], as_json: bool) -> None:
    """Run `measure` for each database and print its figures as one JSON object or as a table."""
    results = {kind: measure(kind) for kind in databases}
    if as_json:
        click.echo(json.dumps(results))
        return
    for kind, figures in results.items():
        click.echo(kind)
        for name, value in figures.items():
            click.echo(f"  {name:<16} {value}")


def measures_each(measure: Callable[..., dict[str, Any]]) -> Callable[..., None]:
    """Let a command that returns the figures of one `kind` of database measure all that are asked for.

    Its options are handed on by name, beside those that say which databases and how figures are printed.
    """

    @click.option("--database", type=click.Choice(DATABASES), multiple=True, default=DATABASES)
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    @wraps(measure)
    def command(*, database: tuple[str, ...], as_json: bool, **options: Any) -> None:
        report(partial(measure, **options), databases=database, as_json=as_json)

    return command


def show(figures: dict[str, Any], *, as_json: bool) -> None:
    """Print figures as one JSON object or as a table."""
    if as_json:
        click.echo(json.dumps(figures))
        return
    for name, value in figures.items():
        click.echo(f"{name:<22} {value}")


def note(said: str) -> None:
    """Tell progress on standard error, so that standard output stays one JSON object."""
    print(said, file=sys.stderr, flush=True)

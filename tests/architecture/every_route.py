"""Every route of the application, what permissions.csv says of it, and an address of it that can be opened."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import Role
from tests.architecture.samples import make_samples
from tests.web.pages import Pages

TABLE = Path(__file__).with_name("permissions.csv")
UNSIGNED = ("public", "signed", "stamped")
#: Asked without a session: whoever is signed in is nobody to them.
STRANGERS = ("signed", "token", "stamped")


def read_table() -> dict[tuple[str, str], str]:
    with TABLE.open(encoding="utf-8", newline="") as lines:
        return {(row["endpoint"], row["method"]): row["permission"] for row in csv.DictReader(lines)}


def routes(app: Flask) -> Iterator[tuple[Rule, str]]:
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            if rule.endpoint != "static":
                yield rule, method


def walk(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Yield each route, method and permission; one without a row is the business of a test."""
    table = read_table()
    for rule, method in routes(app):
        if (rule.endpoint, method) in table:
            yield rule, method, table[rule.endpoint, method]


def openings(app: Flask) -> Iterator[Rule]:
    """Yield each route that a member opens: their pages, the parts of pages, and files."""
    for rule, method, permission in walk(app):
        if method == "GET" and permission not in (*UNSIGNED, *STRANGERS):
            yield rule


def make_own(pages: Pages, vault: Vault) -> dict[str, object]:
    """Add one of everything to our organisation; the member it names is a colleague."""
    colleague = pages.member(Role.VIEWER)
    with pages.sessions.begin() as session:
        return make_samples(session, pages.ours, colleague, vault)


def call(client: FlaskClient, rule: Rule, method: str, values: dict[str, object]) -> TestResponse:
    return client.open(address_of(client.application, rule, values), method=method)


def address_of(app: Flask, rule: Rule, values: dict[str, object]) -> str:
    """Return the address of a route whose arguments have these values."""
    unknown = rule.arguments - set(values)
    assert not unknown, f"add a sample of {unknown} to tests/architecture/samples.py"
    with app.test_request_context():
        built = rule.build({name: values[name] for name in rule.arguments}, append_unknown=False)
    assert built is not None
    return str(built[1])

"""Reads on the example of an organisation."""

from __future__ import annotations

import csv
from collections.abc import Collection, Container
from functools import cache
from importlib.resources import files
from io import StringIO
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, false, literal, or_, select, true
from sqlalchemy.orm import Session

from campaigns.core.database import Base
from campaigns.example.models import ExamplePart, PartKind
from campaigns.places.models import Place, Route
from campaigns.planning.models import Campaign, Sender
from campaigns.staff.queries import owned

#: The credential of an example's sender: there is none of this name, so nobody can be written to with it.
CREDENTIAL = "example"


def is_own(model: Any) -> ColumnElement[bool]:
    """Match the rows of a model that did not come with the example."""
    parts = select(ExamplePart.row_id).where(ExamplePart.kind == PartKind(model.__tablename__))
    return ~parts.where(ExamplePart.row_id == model.id).exists()


def has_earlier(session: Session, organisation_id: int) -> bool:
    """Say whether places or routes of an earlier example are an organisation's own now."""
    places = owned(select(Place.id), Place, organisation_id).where(Place.key.in_(_keys("places.csv")))
    routes = owned(select(Route.id), Route, organisation_id).where(Route.key.in_(_keys("routes.csv")))
    return bool(session.scalar(select(or_(places.exists(), routes.exists()))))


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a sheet that the example is made from."""
    return list(csv.DictReader(StringIO(sheet(name))))


@cache
def sheet(name: str) -> str:
    """Return the text of a sheet that the example is made from."""
    return (files("campaigns.example") / "data" / name).read_text(encoding="utf-8")


def _keys(name: str) -> list[str]:
    return [row["id"] for row in rows(name)]


def is_used(model: Any, *, beside: Collection[type[Base]] = ()) -> ColumnElement[bool]:
    """Match the rows of a model that a row of any table names, but those of the tables `beside`.

    What goes together with the row that it names does not count; every other foreign key does.
    """
    left_out = {other.__tablename__ for other in beside}
    keys = [
        key
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table is model.__table__ and key.ondelete != "CASCADE" and table.name not in left_out
    ]
    return or_(false(), *(_names(key, model) for key in keys))


def _names(key: ForeignKey, model: Any) -> ColumnElement[bool]:
    # By another name, because rows of a table may name others of it.
    other = key.parent.table.alias()
    return select(literal(1)).where(other.c[key.parent.name] == model.id).correlate(model).exists()


def may_have_provider(secrets: Container[str]) -> ColumnElement[bool]:
    """Match all senders but those of examples, kept as one's own or not; `secrets` names the credentials.

    No provider knows their numbers, so nothing is to be asked for or waited for there.
    """
    return true() if CREDENTIAL.upper() in secrets else Sender.secret_name != CREDENTIAL


def find_parts(session: Session, organisation_id: int, kind: PartKind) -> list[int]:
    """Return the ids of an example's parts of one kind, in their order."""
    parts = owned(select(ExamplePart.row_id), ExamplePart, organisation_id).where(ExamplePart.kind == kind)
    return list(session.scalars(parts.order_by(ExamplePart.row_id)))


def find_example(session: Session, organisation_id: int) -> Campaign | None:
    """Return the campaign of an organisation's example; None where there is none."""
    found = owned(select(Campaign), Campaign, organisation_id).where(Campaign.is_example)
    return session.scalar(found.order_by(Campaign.id).limit(1))

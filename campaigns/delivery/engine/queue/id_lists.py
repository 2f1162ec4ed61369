"""A list of ids is one parameter of a statement, however many they are: so each statement is built once."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Connection, String, any_, bindparam, func, select


def among(connection: Connection, ids: Collection[int]) -> dict[str, Any]:
    """Return the parameter that names `ids` for `is_among`: one value, however many ids there are."""
    return {"ids": list(ids)} if connection.dialect.name == "postgresql" else {"ids": json.dumps(list(ids))}


def is_among(column: ColumnElement[Any], dialect: str) -> ColumnElement[bool]:
    """Return the condition that `column` is one of the ids that the parameter `ids` names."""
    if dialect == "postgresql":
        return column == any_(bindparam("ids", type_=ARRAY(BigInteger())))
    given = func.json_each(bindparam("ids", type_=String())).table_valued("value")
    return column.in_(select(given.c.value))

"""Reads single fields of a stored audience rule; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaigns.core.errors import AudienceRuleError
from campaigns.core.words import N_


def read_all(kind: type[Any], stored: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    """Return the values of a list, none of another kind. Raises AudienceRuleError."""
    values = stored.get(name, [])
    if not isinstance(values, list | tuple) or not all(_is_a(kind, value) for value in values):
        raise AudienceRuleError(
            N_("%(name)s of an audience rule is a list of %(kind)s."), name=name, kind=kind.__name__
        )
    return tuple(values)


def read_number(stored: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number, or None where there is none. Raises AudienceRuleError."""
    value = stored.get(name)
    if value is not None and not _is_a(int, value):
        raise AudienceRuleError(N_("%(name)s is a whole number."), name=name)
    return value


def _is_a(kind: type[Any], value: Any) -> bool:
    # True is an int in Python, but not an id.
    return isinstance(value, kind) and not isinstance(value, bool)

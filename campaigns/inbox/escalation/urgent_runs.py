"""Whoever answers people is told of the urgent runs of their organisation: many may answer at once."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Select, SmallInteger, literal_column, select

from campaigns.planning.lifecycle import IN_FLIGHT
from campaigns.planning.models import Priority, Run


def select_urgent_ids(organisation_ids: Collection[int]) -> Select[int]:
    """Select the ids of the urgent runs of some organisations that are under way, newest first."""
    return select(Run.id).where(*_under_way(organisation_ids)).order_by(Run.id.desc())


def select_urgent_runs(organisation_ids: Collection[int] | Select[int]) -> Select[Run]:
    """Select the urgent runs of some organisations that are under way, newest first."""
    return select(Run).where(*_under_way(organisation_ids)).order_by(Run.id.desc())


def _under_way(organisation_ids: Collection[int] | Select[int]) -> tuple[ColumnElement[bool], ...]:
    # Written out, so that the index of the urgent ones applies.
    is_urgent = Run.priority == literal_column(f"{Priority.URGENT:d}", SmallInteger())
    return Run.organisation_id.in_(organisation_ids), Run.state.in_(IN_FLIGHT), is_urgent, ~Run.is_rehearsal

"""One table says what each role may do. Roles add up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from campaigns.staff.models import Membership, Role


class Permission(StrEnum):
    """What a page or act asks of a member."""

    #: Read releases and the organisation's own totals of reach.
    READ_REACH = "read_reach"
    #: Edit places, messages, services and campaigns; preview audiences (rounded).
    EDIT = "edit"
    #: Read what campaigns consist of: audiences (rounded), places and routes. Whoever approves sees what it is.
    READ_CONTENT = "read_content"
    #: Review translations, approve or return campaigns, release and resume runs.
    REVIEW = "review"
    STOP_RUN = "stop_run"
    #: Read campaigns, their times, texts and services, and runs: what will be said to people, before it is said.
    READ_PLANS = "read_plans"
    #: Read and answer replies and reports.
    ANSWER = "answer"
    #: Opt people out, put them on hold, and say that it was no stop.
    SETTLE_CONSENT = "settle_consent"
    #: Import, export and erase contacts; reveal one address; lift a stop.
    HANDLE_CONTACTS = "handle_contacts"
    #: Members, organisation, senders, settings and audit.
    ADMINISTER = "administer"


_ALL_BUT_VIEWER = frozenset({Role.AUTHOR, Role.APPROVER, Role.RESPONDER, Role.STEWARD, Role.ADMIN})

ROLES_WITH: dict[Permission, frozenset[Role]] = {
    Permission.READ_REACH: frozenset(Role),
    Permission.EDIT: frozenset({Role.AUTHOR}),
    Permission.READ_CONTENT: frozenset({Role.AUTHOR, Role.APPROVER}),
    Permission.REVIEW: frozenset({Role.APPROVER}),
    Permission.STOP_RUN: _ALL_BUT_VIEWER,
    Permission.READ_PLANS: _ALL_BUT_VIEWER,
    Permission.ANSWER: frozenset({Role.RESPONDER}),
    Permission.SETTLE_CONSENT: frozenset({Role.RESPONDER, Role.STEWARD}),
    Permission.HANDLE_CONTACTS: frozenset({Role.STEWARD}),
    Permission.ADMINISTER: frozenset({Role.ADMIN}),
}


def may_as(membership: Membership, permission: Permission, *, now: datetime) -> bool:
    """Say whether a membership allows `permission` at `now` (UTC): a new approver does not review yet."""
    starts = membership.approves_from
    waits = permission is Permission.REVIEW and starts is not None and starts > now
    roles = set(membership.roles) - ({Role.APPROVER} if waits else set())
    return may(roles, permission)


def may(roles: Iterable[str], permission: Permission) -> bool:
    """Say whether any of `roles` (values of Role; unknown ones count for nothing) allows `permission`."""
    return not ROLES_WITH[permission].isdisjoint(roles)

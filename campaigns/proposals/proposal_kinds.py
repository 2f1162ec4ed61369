"""Each step says for its own things what can be proposed, and how they are read, shown and changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from campaigns.core.words import N_
from campaigns.proposals.models import Proposal
from campaigns.staff.permissions import Permission


@dataclass(frozen=True, slots=True)
class Line:
    """One fact that a proposal changes, as members read it; `label` is marked for the catalogues.

    Several values are shown as a list.
    """

    label: str
    before: str | tuple[object, ...]
    after: str | tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a proposal is about, as members read it."""

    #: What is changed: the name of a service, a place, a member.
    name: str
    lines: Sequence[Line]
    #: Endpoint of the page of what is changed and its arguments: whoever may open it may read this too.
    endpoint: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    #: What is still to be done once it is agreed to, marked for the catalogues; '' for nothing.
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """How the things of one kind are changed by two members."""

    name: str
    #: What is changed, in two or three words, marked for the catalogues: "Number of a service".
    title: str
    #: What a member needs who agrees.
    permission: Permission
    #: Returns what the thing is now, in the shape of `Proposal.before`; None when it is gone. It is held, and the
    #: session has read its own row anew.
    read: Callable[[Session, Proposal], Mapping[str, Any] | None]
    #: Does it, in the name of the member with this id, and leaves the audit entry of its own. What it returns is
    #: told once, to whoever agreed.
    apply: Callable[[Session, Proposal, int], str | None]
    show: Callable[[Session, Proposal], Shown]
    #: What the audit keeps of `before` and `after`: no address, no text of a person, nothing long.
    audited: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    #: Does what follows when a member refuses it.
    refused: Callable[[Session, Proposal], None] | None = None
    #: Whether it is agreed to by itself, never with others: whoever agrees is told something.
    is_alone: bool = False
    #: What is said to whoever agreed, marked for the catalogues.
    told: str = N_("It is changed. Every member reads so on Now.")
    #: What a member needs who proposes, also when another one agrees: the page that proposes asks the same.
    proposing: Permission = field(kw_only=True)
    #: Does what takes long, such as hashing, and returns the kind that applies it; called outside any transaction.
    prepare: Callable[[Proposal], Kind] | None = None

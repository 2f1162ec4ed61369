"""A provider's book of templates has this port: it must approve those texts before they may be sent.

A call that gets no clear answer raises UnavailableError, one that the provider refuses RefusedError; both say why
in words for a member. Nothing here reaches a person, so a call may be made again: `states` shows what was made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TemplateStanding:
    """One template as the provider's book has it."""

    #: The provider's id ("HX…"), which Template.id takes.
    id: str
    #: The name it was submitted under, or was created with.
    name: str
    language: str
    #: The provider's word: unsubmitted, received, pending, approved, rejected, paused, disabled or a newer one.
    state: str
    #: Why it was rejected, in the provider's words; '' otherwise.
    reason: str = ""


class TemplateBook(Protocol):
    """The templates of one account."""

    async def create(self, name: str, *, language: str, body: str, samples: Mapping[str, str]) -> str:
        """Make a template of `body` with its slots ({{1}}, {{2}} …) and return its id.

        `samples` fills the slots, by their number, for whoever approves it.
        """

    async def submit(self, template_id: str, *, name: str, category: str) -> str:
        """Hand a template in for approval and return its state.

        `name` has small letters, digits and underscores; a rejected one cannot be used again.
        """

    def states(self) -> AsyncIterator[list[TemplateStanding]]:
        """Give page by page every template of the account, newest first."""

    async def close(self) -> None:
        """Release connections."""

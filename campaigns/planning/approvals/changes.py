"""Pure functions tell what changed since a campaign's last approval: texts by words, all else before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from campaigns.messages.text.diff import LanguageChange, compare_versions

#: What is compared as a whole, in the order in which pages show it.
FACTS = (
    "senders",
    "rule",
    "cover",
    "fallback_language",
    "schedules",
    "max_parts",
    "budget_cents",
    "link",
    "leads_to",
    "pages",
    "numbers",
    "resend_unknown",
    "urgent",
)


@dataclass(frozen=True, slots=True)
class FactChange:
    """A part of the plan that is another one now; both as Content.to_json() has them, None for nothing."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything in which two contents of a campaign differ."""

    texts: tuple[LanguageChange, ...]
    correction: tuple[LanguageChange, ...]
    facts: tuple[FactChange, ...]

    @property
    def any(self) -> bool:
        """Whether they differ at all."""
        return bool(self.texts or self.correction or self.facts)


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """Compare two contents, as Content.to_json() gives them; what an older one did not know counts as nothing."""
    return Changes(
        texts=_texts(before, after, "texts", "wordings"),
        correction=_texts(before, after, "correction", "correction_wordings"),
        facts=tuple(
            FactChange(name, *_sides(name, before.get(name), after.get(name)))
            for name in FACTS
            if _comparable(before.get(name)) != _comparable(after.get(name))
        ),
    )


def _texts(
    before: Mapping[str, Any], after: Mapping[str, Any], texts: str, wordings: str
) -> tuple[LanguageChange, ...]:
    return compare_versions(
        before.get(texts) or {},
        after.get(texts) or {},
        wordings_before=before.get(wordings) or {},
        wordings_after=after.get(wordings) or {},
    )


def _sides(name: str, before: Any, after: Any) -> tuple[Any, Any]:
    """Return both sides of a fact; of places and routes those that are not the same on both."""
    if name != "cover":
        return before, after
    return dict((before or {}).items() - (after or {}).items()), dict(
        (after or {}).items() - (before or {}).items()
    )


def _comparable(value: Any) -> Any:
    """Return a value as the database gives it back: tuples as lists."""
    if isinstance(value, (list, tuple)):
        return [_comparable(each) for each in value]
    return value or None

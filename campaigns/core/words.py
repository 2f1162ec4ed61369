"""Marks texts written where no reader is known yet; whoever shows them looks them up in the reader's catalogue."""

from __future__ import annotations

from typing import NewType

#: A text that stands in the catalogues.
Template = NewType("Template", str)


def N_(text: str) -> Template:  # noqa: N802 - the name by which catalogues know a text that is translated later
    """Mark `text` for the catalogues."""
    return Template(text)


class Phrase(str):
    """A part of a sentence, marked with `N_`, that is looked up for itself when it fills a template."""

    __slots__ = ()

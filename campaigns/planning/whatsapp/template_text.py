"""A pure function makes a WhatsApp template of a text: numbered slots stand for placeholders.

The rules are Meta's for message templates, as Twilio's page on template approval gives them: slots are numbered
from 1 without gaps, stand neither first nor last nor next to each other, and have enough fixed words around them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.core.errors import PlaceholderError
from campaigns.core.words import N_
from campaigns.messages.text.placeholders import Placeholder, parse

#: Longest body of a template, in characters.
LONGEST_BODY = 1024
#: Fixed words that a template needs for each slot, at least.
WORDS_PER_SLOT = 2
#: How much of the text beside a fault is repeated.
_EXCERPT = 40
_SENTENCE_END = re.compile(r"(?<=[.!?…。።؟])\s+|\n+")


@dataclass(frozen=True, slots=True)
class TemplateText:
    """A text with its slots."""

    #: The text with {{1}}, {{2}} … in place of its placeholders.
    body: str
    #: What fills each slot, in their order: "hotline", or "hotline??our page" with a fallback.
    slots: tuple[str, ...]


def template_of(text: str) -> TemplateText:
    """Return `text` as a template; a placeholder that comes twice gets two slots.

    Raises PlaceholderError, naming the sentence to mend, for what the grammar or WhatsApp does not take.
    """
    pieces = parse(text.strip())
    _check_places(pieces)
    slots = tuple(_slot_of(piece) for piece in pieces if isinstance(piece, Placeholder))
    words = sum(len(piece.split()) for piece in pieces if isinstance(piece, str))
    if words < WORDS_PER_SLOT * len(slots):
        raise PlaceholderError(
            N_("“%(text)s” has too few words for WhatsApp: write %(words)s or more beside the automatic fields."),
            text=_shortened(text.strip()),
            words=WORDS_PER_SLOT * len(slots),
        )
    numbers = iter(range(1, len(slots) + 1))
    body = "".join(piece if isinstance(piece, str) else f"{{{{{next(numbers)}}}}}" for piece in pieces)
    if len(body) > LONGEST_BODY:
        raise PlaceholderError(
            N_("The text has %(length)s characters; a WhatsApp template has at most %(limit)s."),
            length=len(body),
            limit=LONGEST_BODY,
        )
    return TemplateText(body, slots)


def template_name(language: str, template_id: int, *, text_digest: str, version: int = 1) -> str:
    """Return the provider's name of a template: small letters, digits and underscores.

    A template of this name is ours with the same text, whichever database made it: it may be taken over.
    """
    code = re.sub(r"[^a-z0-9]", "_", language.lower())
    words = ["fingerpost", code, str(template_id), text_digest[:12]]
    return "_".join(words if version == 1 else [*words, f"v{version}"])


def version_in(name: str) -> int:
    """Return the version that a name of `template_name` carries."""
    found = re.search(r"_v([0-9]+)$", name)
    return int(found[1]) if found else 1


def _check_places(pieces: Sequence[str | Placeholder]) -> None:
    """Check where the placeholders stand, and that nothing in the text looks like a slot."""
    for place, piece in enumerate(pieces):
        if isinstance(piece, str):
            if "{{" in piece or "}}" in piece:
                raise PlaceholderError(
                    N_("“%(text)s” holds “{{” or “}}”, which WhatsApp takes for a slot."), text=_shortened(piece)
                )
            continue
        before = "".join(map(str, pieces[:place]))
        after = pieces[place + 1 :]
        if not before.strip():
            raise PlaceholderError(
                N_(
                    "WhatsApp takes no text that begins with an automatic field. Write a word before "
                    "%(placeholder)s."
                ),
                placeholder=str(piece),
            )
        if not "".join(map(str, after)).strip():
            raise PlaceholderError(
                N_("WhatsApp takes no text that ends with an automatic field. Write a word after “%(text)s”."),
                text=_last_sentence(before + str(piece)),
            )
        if _next_to_another(after):
            raise PlaceholderError(
                N_(
                    "WhatsApp takes no two automatic fields side by side. Write a word between them in “%(text)s”."
                ),
                text=_last_sentence(before + "".join(map(str, pieces[place : place + 3]))),
            )


def _next_to_another(after: Sequence[str | Placeholder]) -> bool:
    if len(after) > 1 and isinstance(after[0], str) and not after[0].strip():
        after = after[1:]
    return bool(after) and isinstance(after[0], Placeholder)


def _slot_of(placeholder: Placeholder) -> str:
    return placeholder.name if placeholder.fallback is None else f"{placeholder.name}??{placeholder.fallback}"


def _last_sentence(text: str) -> str:
    return _shortened(_SENTENCE_END.split(text.strip())[-1], from_end=True)


def _shortened(text: str, *, from_end: bool = False) -> str:
    if len(text) <= _EXCERPT:
        return text
    return f"…{text[-_EXCERPT:]}" if from_end else f"{text[:_EXCERPT]}…"

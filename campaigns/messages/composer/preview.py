"""A text is shown as on a phone, with its cost and with examples in place of its placeholders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from campaigns.core.errors import PlaceholderError
from campaigns.core.written_text import clean_line_ends
from campaigns.directory.signposting.freshness import Trust, trust_of
from campaigns.messages.help_numbers import KnownHelp, kinds_asked
from campaigns.messages.text.bidi_numbers import number_in_text
from campaigns.messages.text.how_to_stop import StopWay, how_to_stop
from campaigns.messages.text.placeholders import STOP, Placeholder, filled, render
from campaigns.messages.text.sms_parts import Length, costly_characters, count_parts

#: Examples for what only a campaign decides.
EXAMPLES = {"place": "Medyka", "link": "https://example.org/k7", "code": "K7"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the preview."""

    text: str
    #: Name of the placeholder it stands for, or None for literal text.
    placeholder: str | None = None
    #: The placeholder itself is shown, because there is nothing to put in its place.
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """A text as it would arrive."""

    pieces: tuple[Piece, ...]
    length: Length
    #: Characters that make it UCS-2, each once.
    costly: tuple[str, ...]
    #: What is wrong with its placeholders; the text is then shown as it stands.
    fault: PlaceholderError | None = None

    @property
    def units_left(self) -> int:
        """Units that still fit the last part, when no cluster or escape pair stands in the way."""
        alone, joined = (160, 153) if self.length.encoding == "GSM-7" else (70, 67)
        room = alone if self.length.parts == 1 else self.length.parts * joined
        return max(0, room - self.length.units)


def preview_text(text: str, values: Mapping[str, str]) -> Preview:
    """Return how `text` would arrive with `values` for its placeholders."""
    clean = clean_line_ends(text).strip()
    try:
        pieces = tuple(_piece(part, said) for part, said in filled(clean, values))
        fault = None
    except PlaceholderError as error:
        pieces, fault = (Piece(clean),), error
    is_whole = fault is None and not any(piece.is_open for piece in pieces)
    rendered = render(clean, values) if is_whole else "".join(piece.text for piece in pieces)
    return Preview(pieces, count_parts(rendered), costly_characters(rendered), fault)


def example_values(names: Iterable[str], known: KnownHelp, at: datetime, *, language: str) -> dict[str, str]:
    """Return an example for each of the placeholders `names` of a text in `language`.

    For help it is the longest number that a verified service has. Without one there is no example: an emergency
    number would look as if all were well.
    """
    verified = [each for each in known.services if trust_of(each, at, known.fresh_days) is Trust.VERIFIED]
    values = EXAMPLES | {STOP: how_to_stop(StopWay.WORD, language)}
    for name, kind in kinds_asked(names).items():
        numbers = [
            number
            for service in verified
            if service.kind == kind
            for number in (service.number_national, service.number_from_abroad)
            if number
        ]
        longest = max(numbers, key=len, default="")
        if longest:
            values[name] = number_in_text(longest, language)
    return values


def _piece(part: str | Placeholder, said: str | None) -> Piece:
    if isinstance(part, str):
        return Piece(part)
    return Piece(str(part) if said is None else said, placeholder=part.name, is_open=said is None)

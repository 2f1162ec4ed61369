"""The placeholder grammar: `((name))` and `((name??fallback))` in otherwise literal text; nothing is evaluated.

    text        = *( literal / placeholder )
    placeholder = "((" name [ "??" fallback ] "))"
    name        = "hotline" [ ":" kind ] / "place" / "link" / "code" / "stop" / "emergency" / "again"
    kind        = a ServiceKind, for example "shelter"
    fallback    = 1*( any character but "(", ")", digits and line ends )

Single parentheses are literal, and so is one around a placeholder: `(((hotline)))` is the placeholder in brackets.
A fallback holds no digit: a number that nobody verified would stay in every text, and no correction would find it.
((stop)) has no fallback and may stand for nothing: where nobody hears an answer, a text must not ask for one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from campaigns.core.errors import PlaceholderError
from campaigns.core.words import N_
from campaigns.directory.models import ServiceKind

#: The placeholder for help, and what stands between it and a kind of help: ((hotline:shelter)).
HOTLINE, KIND_MARK = "hotline", ":"
#: The placeholder for how to stop.
STOP = "stop"
#: What a text may ask for, in the order the picker shows it.
ALLOWED = (HOTLINE, "place", "link", "code", STOP)
#: What only an automatic answer can say: the country's emergency number, and when somebody reads again.
EMERGENCY, AGAIN = "emergency", "again"
#: Kinds of help that may be asked for.
KINDS = frozenset(kind.value for kind in ServiceKind)
#: Longest fallback: room for a number and a word, not for a second message.
FALLBACK_LIMIT = 60
#: How much of a faulty text an error repeats.
_EXCERPT = 30


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A slot that rendering fills with a value, or with its own fallback when there is none."""

    #: With the kind of help, where it names one: "hotline:shelter".
    name: str
    fallback: str | None = None

    def __str__(self) -> str:
        return f"(({self.name}))" if self.fallback is None else f"(({self.name}??{self.fallback}))"


def parse(text: str) -> tuple[str | Placeholder, ...]:
    """Split `text` into literal pieces and placeholders. Raises PlaceholderError naming the first fault."""
    pieces: list[str | Placeholder] = []
    position = 0
    while (opening := _find_opening(text, position)) >= 0:
        closing = _find_closing(text, opening)
        if opening > position:
            pieces.append(text[position:opening])
        pieces.append(_read(text[opening + 2 : closing]))
        position = closing + 2
    if position < len(text):
        pieces.append(text[position:])
    return tuple(pieces)


def names_in(text: str) -> frozenset[str]:
    """Return the names that `text` asks for. Raises PlaceholderError."""
    return frozenset(piece.name for piece in parse(text) if isinstance(piece, Placeholder))


def asks_for(text: str, name: str) -> bool:
    """Say whether a text asks for `name`; a faulty one, of which a gate tells, asks for nothing yet."""
    with suppress(PlaceholderError):
        return name in names_in(text)
    return False


def required_names(text: str) -> frozenset[str]:
    """Return the names without which `text` cannot be rendered. Raises PlaceholderError."""
    pieces = parse(text)
    return frozenset(piece.name for piece in pieces if isinstance(piece, Placeholder) and piece.fallback is None)


def filled(text: str, values: Mapping[str, str]) -> Iterator[tuple[str | Placeholder, str | None]]:
    """Yield the pieces of `text`, each with what it says: a placeholder its value, else its fallback, else None.

    An empty value counts as missing, but for ((stop)). Raises PlaceholderError when the text is faulty.
    """
    for piece in parse(text):
        if isinstance(piece, str):
            yield piece, piece
        else:
            value = values.get(piece.name) or piece.fallback
            yield piece, values.get(STOP) if value is None and piece.name == STOP else value


def render(text: str, values: Mapping[str, str]) -> str:
    """Return `text` in NFC with each placeholder replaced by its value, else by its fallback.

    Values are inserted as they are and never searched for placeholders. Raises PlaceholderError when the text is
    faulty, or a value without fallback is missing.
    """
    rendered = ""
    for piece, said in filled(text, values):
        if said is None and isinstance(piece, Placeholder) and piece.name != STOP:
            raise PlaceholderError(
                N_("There is no value for %(placeholder)s, and the text says nothing to use instead."),
                placeholder=str(piece),
            )
        # What stands for nothing takes the space before it along.
        rendered = rendered + said if said else rendered.rstrip()
    return unicodedata.normalize("NFC", rendered)


def _find_opening(text: str, position: int) -> int:
    """Return where the next placeholder opens, or -1; the first of three parentheses is a literal one."""
    opening = text.find("((", position)
    if opening < 0 or not text.startswith("(((", opening):
        return opening
    if text.startswith("((((", opening):
        raise PlaceholderError(
            N_("“%(text)s” opens one automatic field inside another."), text=_excerpt(text, opening)
        )
    return opening + 1


def _find_closing(text: str, opening: int) -> int:
    position = opening + 2
    while position < len(text) and text[position] not in "()\n\r":
        position += 1
    if text.startswith("))", position):
        return position
    if text.startswith("((", position):
        raise PlaceholderError(
            N_("“%(text)s” opens one automatic field inside another."), text=_excerpt(text, opening)
        )
    if text.startswith("(", position):
        raise PlaceholderError(
            N_("“%(text)s” holds a parenthesis inside an automatic field."), text=_excerpt(text, opening)
        )
    raise PlaceholderError(
        N_("“%(text)s” opens an automatic field that is not closed with “))”."), text=_excerpt(text, opening)
    )


def _read(body: str) -> Placeholder:
    name, mark, fallback = (part.strip() for part in body.partition("??"))
    name = _known_name(name)
    return Placeholder(name, _known_fallback(name, fallback) if mark else None)


def _known_name(written: str) -> str:
    name, mark, kind = (part.strip() for part in written.partition(KIND_MARK))
    if name not in (*ALLOWED, EMERGENCY, AGAIN) or (mark and name != HOTLINE):
        raise PlaceholderError(
            N_("((%(name)s)) is not an automatic field. Use one of %(known)s."),
            name=_shortened(written),
            known=tuple(f"(({allowed}))" for allowed in ALLOWED),
        )
    if mark and kind not in KINDS:
        raise PlaceholderError(
            N_("((%(name)s)) asks for a kind of help that the directory does not have. Use one of %(known)s."),
            name=_shortened(written),
            known=tuple(sorted(KINDS)),
        )
    return f"{name}{KIND_MARK}{kind}" if mark else name


def _known_fallback(name: str, fallback: str) -> str:
    if name == STOP:
        raise PlaceholderError(N_("((stop)) takes no text to use instead: how to opt out is never typed."))
    if not fallback:
        raise PlaceholderError(
            N_("((%(name)s??)) has an empty text to use instead: write what shall stand there."), name=name
        )
    if "??" in fallback:
        raise PlaceholderError(
            N_("((%(name)s??%(fallback)s)) has two texts to use instead: keep one."),
            name=name,
            fallback=_shortened(fallback),
        )
    if len(fallback) > FALLBACK_LIMIT:
        raise PlaceholderError(
            N_("The text to use instead of ((%(name)s)) is longer than %(limit)s characters."),
            name=name,
            limit=FALLBACK_LIMIT,
        )
    if any(character.isdigit() for character in fallback):
        raise PlaceholderError(
            N_(
                "((%(name)s??%(fallback)s)) has digits after “??”: nobody verifies them. Where no service fits, "
                "((hotline)) names the country's emergency number by itself."
            ),
            name=name,
            fallback=_shortened(fallback),
        )
    return fallback


def _excerpt(text: str, opening: int) -> str:
    return _shortened(text[opening:].partition("\n")[0])


def _shortened(text: str) -> str:
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"

"""A Telegram message has its markup taken off and its keyboard read; both are refused when broken."""

import re
from html.parser import HTMLParser
from typing import Any

from campaigns.sandbox.telegram.call_parameters import Parameters, TelegramError
from campaigns.sandbox.world.state import Button

_TAGS = frozenset(
    [
        *("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre"),
        *("a", "blockquote", "span", "tg-emoji", "tg-spoiler"),
    ]
)
_LONE_BRACKET = re.compile(r"<(?![/a-zA-Z])")
#: Bytes of `callback_data`.
_LONGEST_DATA = 64
_NO_MARKUP = "can't parse reply keyboard markup JSON object"


def plain_text(text: str, parse_mode: str) -> str:
    """Return what a person reads of a text; raise TelegramError on broken HTML or an unknown mode."""
    if parse_mode.lower() in ("", "markdown", "markdownv2"):
        return text
    if parse_mode.lower() != "html":
        raise TelegramError(400, "unsupported parse_mode")
    if _LONE_BRACKET.search(text):
        raise _unreadable('Unsupported start tag ""')
    reader = _Html()
    reader.feed(text)
    reader.close()
    if reader.open:
        raise _unreadable(f'Can\'t find end tag corresponding to start tag "{reader.open[-1]}"')
    return "".join(reader.words)


class _Html(HTMLParser):
    """Collects the words between the few tags that Telegram knows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            raise _unreadable(f'Unsupported start tag "{tag}"')
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise _unreadable(f'Unexpected end tag "{tag}"')

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def _unreadable(detail: str) -> TelegramError:
    return TelegramError(400, f"can't parse entities: {detail}")


def read_buttons(parameters: Parameters) -> tuple[Button, ...]:
    """Return the buttons of `reply_markup` in reading order; raise TelegramError on one that is refused."""
    markup = parameters.parsed("reply_markup", _NO_MARKUP)
    if markup is None:
        return ()
    if not isinstance(markup, dict):
        raise TelegramError(400, "object expected as reply markup")
    return tuple(
        _button(one) for name in ("inline_keyboard", "keyboard") for row in _rows(markup.get(name)) for one in row
    )


def _rows(keyboard: Any) -> list[list[Any]]:
    rows = keyboard or []
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise TelegramError(400, _NO_MARKUP)
    return rows


def _button(one: Any) -> Button:
    button = one if isinstance(one, dict) else {"text": one}
    label, data = button.get("text"), button.get("callback_data", "")
    if not isinstance(label, str) or not label:
        raise TelegramError(400, "can't parse keyboard button: Text must be non-empty")
    if len(str(data).encode()) > _LONGEST_DATA:
        raise TelegramError(400, "BUTTON_DATA_INVALID")
    return Button(label, str(data), asks_place=bool(button.get("request_location")))

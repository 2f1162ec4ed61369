"""One pure function renders a text for people of one place, language, hour and SIM, for estimates and for runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from campaigns.core.errors import PlaceholderError
from campaigns.directory.signposting.choice import Need
from campaigns.messages.help_numbers import HelpNumber, KnownHelp, lacks_number, values_of
from campaigns.messages.text.how_to_stop import how_to_stop
from campaigns.messages.text.placeholders import STOP, names_in, render, required_names


@dataclass(frozen=True, slots=True)
class FilledText:
    """A text with everything that its placeholders stand for."""

    #: None when it cannot be sent: for want of a number for help, or for its fault.
    body: str | None
    #: What stands for each placeholder that asks for help.
    help_numbers: tuple[HelpNumber, ...] = ()
    #: What its placeholders stand for.
    values: Mapping[str, str] = field(default_factory=dict)
    #: Why it cannot be filled in, where that is not for want of a number.
    fault: PlaceholderError | None = None


def fill_text(
    text: str, need: Need, known: KnownHelp, *, stop: str, given: Mapping[str, str], pages: str = ""
) -> FilledText:
    """Render `text` for people with this need.

    `stop` is the StopWay of those people, `given` what the campaign says for its other placeholders, and `pages`
    what addresses of our own pages begin with, where people may be told of one.
    """
    try:
        names, required = names_in(text), required_names(text)
    except PlaceholderError as fault:
        return FilledText(None, fault=fault)
    found = known.find(names, need)
    values = {**values_of(found, need.language), **given, STOP: how_to_stop(stop, need.language, pages=pages)}
    if lacks_number(found, required):
        return FilledText(None, found, values)
    try:
        return FilledText(render(text, values), found, values)
    except PlaceholderError as fault:
        return FilledText(None, found, values, fault)


def is_counted(link: str | None, code: str) -> bool:
    """Say whether a link is our own counted address (/go/K7) of the campaign `code`."""
    return link is not None and link.endswith(f"/go/{code}")


def link_said(link: str | None, code: str, region_code: str | None) -> str:
    """Return a campaign's link as its texts say it: our own counted address gets the region, if known."""
    return f"{link}/{region_code}" if region_code and is_counted(link, code) else link or ""

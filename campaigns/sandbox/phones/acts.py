"""A form of the page of phones becomes one act of a person, as the control API knows it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from campaigns.sandbox.world.sandbox_errors import SandboxError
from campaigns.sandbox.world.state import Location, Message, World

#: Places on the way from Lviv to Warsaw and on the road from Addis Ababa to the coast, in degrees (WGS 84).
PLACES = (
    Location(49.8397, 23.9939, "Lviv, railway station"),
    Location(49.8000, 22.9437, "Shehyni–Medyka, border crossing"),
    Location(49.7837, 22.7764, "Przemyśl, railway station"),
    Location(50.2753, 23.5861, "Rava-Ruska–Hrebenne, border crossing"),
    Location(52.2196, 20.9652, "Warsaw West, bus station"),
    Location(9.0108, 38.7613, "Addis Ababa, bus station"),
    Location(11.5721, 43.1456, "Djibouti, port"),
)

Fields = Mapping[str, str]


def read_act(world: World, fields: Fields) -> dict[str, Any] | None:
    """Return the act that a form asks for, None for an empty text; raise SandboxError when it makes no sense."""
    if fields.get("say") == "STOP":
        return {"text": "STOP", "opt_out": True}
    what = fields.get("do", "text")
    if what == "button":
        return _press(world, fields)
    if what not in _ACTS:
        raise SandboxError("This page knows no such act.")
    return _ACTS[what](fields)


def _text(fields: Fields) -> dict[str, Any] | None:
    text = fields.get("text", "").strip()
    return {"text": text} if text else None


def _place(fields: Fields) -> dict[str, Any]:
    number = fields.get("place", "")
    if not number.isascii() or not number.isdigit() or int(number) >= len(PLACES):
        raise SandboxError("Choose one of the places.")
    return {"location": asdict(PLACES[int(number)])}


def _spot(fields: Fields) -> dict[str, Any]:
    latitude, longitude = (_degrees(fields.get(name, ""), most) for name, most in _LIMITS.items())
    return {"location": asdict(Location(latitude, longitude))}


_LIMITS = {"latitude": 90.0, "longitude": 180.0}


def _degrees(text: str, most: float) -> float:
    try:
        degrees = float(text.strip().replace(",", "."))
    except ValueError:
        degrees = most + 1
    if not -most <= degrees <= most:
        raise SandboxError("Latitude is between -90 and 90 degrees, longitude between -180 and 180.")
    return degrees


def _start(fields: Fields) -> dict[str, Any]:
    return {"start": fields.get("start", "").strip()}


def _file(fields: Fields) -> dict[str, Any]:
    if not fields.get("file_content"):
        raise SandboxError("Choose a file first.")
    given = {"content_type": fields["file_type"], "content": fields["file_content"], "name": fields["file_name"]}
    return {"media": [given], "text": fields.get("text", "").strip()}


def _press(world: World, fields: Fields) -> dict[str, Any]:
    """Press a button of a message: what the application hears or, without that, what stands on it."""
    message: Message | None = world.by_sid.get(fields.get("sid", ""))
    number = fields.get("press", "")
    buttons = message.buttons if message else ()
    if message is None or not number.isascii() or not number.isdigit() or int(number) >= len(buttons):
        raise SandboxError("This button is not there any more.")
    button = buttons[int(number)]
    if not button.payload:
        return {"text": button.label}
    act = {"button_payload": button.payload}
    if message.provider == "twilio":
        act |= {"button_text": button.label, "reply_to": message.sid}
    return act


_ACTS: dict[str, Callable[[Fields], dict[str, Any] | None]] = {
    "text": _text,
    "place": _place,
    "spot": _spot,
    "start": _start,
    "file": _file,
    "block": lambda _fields: {"block": True},
    "unblock": lambda _fields: {"unblock": True},
}

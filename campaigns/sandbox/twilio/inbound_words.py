"""A person writes to a sender of Twilio's, and Twilio passes it on in these fields."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from campaigns.sandbox.world.file_store import GivenFile
from campaigns.sandbox.world.fixture import channel_of
from campaigns.sandbox.world.state import Location


@dataclass(frozen=True, slots=True)
class Words:
    """What one person writes: a text or, on WhatsApp, also a place, a button pressed, a row chosen, a file."""

    #: The person's address: a number, or `whatsapp:` and a number or an id such as `UA.8f2c`.
    sender: str = ""
    text: str = ""
    #: The number written to; empty takes the one that last wrote to this person.
    to: str = ""
    #: What the person means by it, for the oracle: no more messages, or messages again.
    opt_out: bool = False
    opt_in: bool = False
    location: Location | None = None
    #: The id of the button, and what stands on it.
    button_payload: str = ""
    button_text: str = ""
    #: The id of the row of a list, and what stands in it.
    list_id: str = ""
    list_title: str = ""
    media: tuple[GivenFile, ...] = ()
    profile_name: str = ""
    #: The id by which WhatsApp knows the person to this business (`UA.8f2c`), beside the number.
    user_id: str = ""
    #: The sid of the message it answers.
    reply_to: str = ""


def body_of(words: Words) -> str:
    """Return the Body: the text or what stands on what was chosen; empty for a place or a file."""
    return words.text or words.button_text or words.list_title


def details_of(words: Words) -> Mapping[str, str]:
    """Return the fields beside the ordinary ones, those of WhatsApp only for WhatsApp people."""
    details: dict[str, str] = {}
    for place, media in enumerate(words.media):
        details[f"MediaUrl{place}"] = media.url
        details[f"MediaContentType{place}"] = media.content_type
    if channel_of(words.sender) == "whatsapp":
        details |= {name: value for name, value in _whatsapp_fields(words).items() if value}
    return details


def _whatsapp_fields(words: Words) -> dict[str, str]:
    handle = words.sender.partition(":")[2]
    number = handle.removeprefix("+") if handle.startswith("+") else ""
    fields = {
        "ProfileName": words.profile_name,
        "WaId": number,
        "ExternalUserId": words.user_id or ("" if number else handle),
        "MessageType": _type_of(words),
        "ChannelMetadata": _metadata(words.profile_name, number),
        "ButtonPayload": words.button_payload,
        "ButtonText": words.button_text,
        "ListId": words.list_id,
        "ListTitle": words.list_title,
        "OriginalRepliedMessageSid": words.reply_to,
        "OriginalRepliedMessageSender": words.to if words.reply_to else "",
    }
    if words.location:
        place = words.location
        fields |= {"Latitude": str(place.latitude), "Longitude": str(place.longitude)}
        fields |= {"Address": place.address, "Label": place.label}
    return fields


def _type_of(words: Words) -> str:
    if words.location:
        return "location"
    if words.button_payload or words.button_text:
        return "button"
    if words.list_id:
        return "interactive"
    return words.media[0].content_type.partition("/")[0] if words.media else "text"


def _metadata(profile_name: str, number: str) -> str:
    """Return the JSON in which a WhatsApp message repeats who wrote it."""
    context = {name: value for name, value in (("ProfileName", profile_name), ("WaId", number)) if value}
    return json.dumps({"type": "whatsapp", "data": {"context": context}}, ensure_ascii=False)

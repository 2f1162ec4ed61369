"""TwiML answers are read strictly."""

import pytest

from campaigns.sandbox.twilio.twiml import TwimlError, read_messages

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ("", []),
        (f"{HEAD}<Response/>", []),
        (f"{HEAD}<Response><Message>Дякуємо &amp; до зустрічі</Message></Response>", ["Дякуємо & до зустрічі"]),
        ("<Response><Message>a</Message><Message><Body> b </Body></Message></Response>", ["a", "b"]),
        ("<Response><Message><Body>text</Body><Media>http://x/1.png</Media></Message></Response>", ["text"]),
    ],
)
def test_messages_are_read_in_order(body: str, texts: list[str]) -> None:
    assert read_messages(body) == texts


@pytest.mark.parametrize(
    "body",
    [
        "<Response>",
        "thanks",
        "<Answer/>",
        '<!DOCTYPE Response [<!ENTITY a "b">]><Response><Message>&a;</Message></Response>',
    ],
)
def test_anything_else_is_refused(body: str) -> None:
    with pytest.raises(TwimlError):
        read_messages(body)

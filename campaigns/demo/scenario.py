"""The demo tells of an invented organisation and members, in real places, and how much goes wrong there."""

from __future__ import annotations

import csv
from collections import defaultdict
from importlib.resources import files

from campaigns.audience.models import Channel
from campaigns.demo.people import Way
from campaigns.planning.senders.service import SenderFacts, SenderLimits

#: Shown wherever the bundled places appear: most hubs of 2022 have closed since.
LABEL = "2022 scenario"
ORGANISATION = ("corridor-watch", "Corridor Watch (invented)")
#: Slug and name of the organisation that somebody is handed over to.
PARTNER = "shelter", "Night shelter (invented)"
TIME_ZONE = "Europe/Warsaw"
PROGRAMME = "ukraine"
CAMPAIGN = "Keep your documents: 2022 scenario"
AUDIENCE = "Along the routes out of Ukraine, seen in the last month"
POSITION_AGE_DAYS = 30
BASE_LANGUAGE = "en"
THEME = "docs_keep"
#: Room for a link to leave, which whoever has a number of Ukraine gets: about answers from there sources differ.
MAX_PARTS = 3
SEED = 2022

#: The campaign's senders in the order in which they are tried; all are in the sandbox's own fixture. Together they
#: are so slow that one process on a small machine takes every receipt at once, and a stop among them.
SENDERS = (
    SenderFacts(Channel.WHATSAPP, "twilio", "+447700900100", "twilio", SenderLimits("WhatsApp", 40.0)),
    SenderFacts(Channel.TELEGRAM, "telegram", "fingerpost_bot", "telegram", SenderLimits("Telegram bot", 25.0)),
    SenderFacts(Channel.SMS, "twilio", "+447700900100", "twilio", SenderLimits("SMS number", 400.0)),
)
#: What the second member says to each question of the do-no-harm checklist.
HARM_WORDS = "Simulated for the demo: read in all six languages."
#: What stands before a handle in the sandbox.
PREFIXES = {Channel.SMS: "", Channel.WHATSAPP: "whatsapp:", Channel.TELEGRAM: "telegram:"}
#: How the invented people can be reached, in percent.
WAYS = {Way.SMS: 80, Way.WHATSAPP_AND_SMS: 12, Way.WHATSAPP: 3, Way.TELEGRAM: 5}
WAY_WORDS = {
    Way.SMS: "over SMS alone",
    Way.WHATSAPP_AND_SMS: "over WhatsApp and SMS",
    Way.WHATSAPP: "over WhatsApp without a number",
    Way.TELEGRAM: "over Telegram",
}
#: Of those who gave a WhatsApp number, the share that WhatsApp does not know: they fall back to SMS.
NOT_ON_WHATSAPP_SHARE = 0.05
#: People who have blocked the bot before it writes to them.
BLOCKED_BOT = 2
#: Seconds that the sandbox takes to approve a template.
APPROVAL_SECONDS = 3.0

#: Numbers beginning so are landlines to the sandbox: about one in a hundred.
LANDLINES = ("+380939",)
#: What becomes of the calls and messages of the rest.
PROFILE = {
    "drop_response_p": 0.01,
    "http_503_after_p": 0.005,
    "http_503_p": 0.005,
    "outcomes": {"undelivered": {"30003": 0.03, "30005": 0.01, "30008": 0.01}},
    "callback": {"shuffle_p": 0.1, "duplicate_p": 0.05, "lose_p": 0.0},
}
#: On WhatsApp whoever is there gets it, and many read it; who is not there falls back.
PROFILES = {"whatsapp:": PROFILE | {"outcomes": {}, "read_p": 0.6}}
#: On each channel one person in a hundred says stop, each with one of these words; every other one on Telegram
#: blocks the bot instead.
STOP_SHARE = 0.01
FEWEST_STOPS = 4
STOP_WORDS = ("STOP", "СТОП", "Відписатися", "Отписаться", "إيقاف", "stop.", "Dezabonare")
#: What one of them asks at night: channel, language and words.
NIGHT_QUESTION = (Channel.SMS, "uk", "Вибачте, що пізно. Нам нікуди йти, що робити?")


def message_texts() -> dict[str, str]:
    """Return the demo message by language."""
    return {row["language"]: row["text"] for row in _rows("message.csv")}


def correction_texts() -> dict[str, str]:
    """Return the correction that stands ready beside the demo message, by language."""
    return {row["language"]: row["text"] for row in _rows("correction.csv")}


def answers() -> list[dict[str, str]]:
    """Return what people answer: channel, language of the text they got, and either a text or a place."""
    return _rows("answers.csv")


def member_answers() -> dict[str, dict[str, str]]:
    """Return what a member answers by the language of who asked: before a helpline, and where none fits."""
    return {row["language"]: row for row in _rows("member_answers.csv")}


def language_shares() -> dict[str, dict[str, int]]:
    """Return invented shares of written languages, in percent, by host country."""
    shares: dict[str, dict[str, int]] = defaultdict(dict)
    for row in _rows("language_shares.csv"):
        shares[row["country"]][row["language"]] = int(row["share"])
    return shares


def simulated_verifications() -> dict[str, list[str]]:
    """Return the services whose verification the demo pretends, by key, with the languages it pretends."""
    return {row["key"]: row["languages"].split() for row in _rows("verifications.csv")}


def _rows(name: str) -> list[dict[str, str]]:
    with (files("campaigns.demo") / "data" / name).open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))

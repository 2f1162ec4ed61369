"""What the demo tells: invented organisation and members, real places, shares of everything that goes wrong."""

from __future__ import annotations

import csv
from collections import defaultdict
from importlib.resources import files

#: Shown wherever the bundled places appear: most hubs of 2022 have closed since.
LABEL = "2022 scenario"
ORGANISATION = ("corridor-watch", "Corridor Watch (invented)")
TIME_ZONE = "Europe/Warsaw"
PROGRAMME = "ukraine"
CAMPAIGN = "Keep your documents: 2022 scenario"
AUDIENCE = "Along the routes out of Ukraine, seen in the last month"
POSITION_AGE_DAYS = 30
BASE_LANGUAGE = "en"
THEME = "docs_keep"
MAX_PARTS = 2
SEED = 2022

#: Number of the sandbox's fixture that the campaign is sent from, and its pace in parts per second.
SENDER_IDENTITY = "+447700900100"
SENDER_PACE = 400.0

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
#: One person in a hundred says stop, each with one of these words.
STOP_SHARE = 0.01
STOP_WORDS = ("STOP", "СТОП", "Відписатися", "Отписаться", "إيقاف", "stop.", "Dezabonare")


def message_texts() -> dict[str, str]:
    """Return the demo message by language."""
    return {row["language"]: row["text"] for row in _rows("message.csv")}


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

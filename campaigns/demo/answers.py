"""Some people answer once the message has reached them: they ask, or say where they are, over every channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaigns.audience.models import Channel
from campaigns.demo import scenario
from campaigns.demo.sandbox_control import SandboxControl

#: Letters of a text by which its language is told.
OPENING = 12


def let_some_answer(control: SandboxControl) -> tuple[int, int]:
    """Let one person for each row of the scenario write back; return how many did, and how many await a member."""
    wrote = asked = 0
    texts = scenario.message_texts()
    for row in scenario.answers():
        readers = control.readers(row["channel"], texts[row["language"]][:OPENING])
        if readers:
            control.act(readers[len(readers) // 2], opt_out=False, **_act(row))
            wrote += 1
            asked += bool(row["waits"])
    return wrote, asked


def _act(row: Mapping[str, str]) -> dict[str, Any]:
    sender = next(facts for facts in scenario.SENDERS if facts.channel == row["channel"])
    prefix = scenario.PREFIXES[sender.channel]
    to = {} if sender.channel is Channel.TELEGRAM else {"to": prefix + sender.identity}
    if row["text"]:
        return to | {"text": row["text"]}
    return to | {"location": {"latitude": float(row["latitude"]), "longitude": float(row["longitude"])}}

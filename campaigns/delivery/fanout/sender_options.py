"""The choice for each person sees the senders of a run as they are listed here."""

from __future__ import annotations

from campaigns.audience.models import Channel
from campaigns.audience.rules import SenderChoice
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.models import Run


def choices_of(run: Run, frozen: FrozenRun) -> tuple[SenderChoice, ...]:
    """Return the senders of a run as the choice for each person sees them; a run without a list has one."""
    if not run.ranked_senders:
        return (SenderChoice(run.sender_id, run.channel, active=run.sender.active),)
    templates = tuple(sorted(frozen.templates))
    # Nobody is reached in a rehearsal, and it may be the first thing that is done with a sender.
    every = run.is_rehearsal and not any(each.sender.active for each in run.ranked_senders)
    return tuple(
        SenderChoice(
            id=each.sender_id,
            channel=Channel(each.channel),
            countries=tuple(each.countries),
            template_languages=templates if each.channel == Channel.WHATSAPP else None,
            active=each.sender.active or every,
        )
        for each in run.ranked_senders
    )

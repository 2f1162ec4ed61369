"""Whoever was answered to no avail waits for the team again: by a number that is dead, or not reached at all."""

from __future__ import annotations

from sqlalchemy.orm import Session, sessionmaker

from campaigns.inbox.conversations.lost_answers import put_back_lost
from campaigns.inbox.given import dead_numbers


def put_back(sessions: sessionmaker[Session]) -> int:
    """Let all of them wait again; return how many answers there were."""
    return dead_numbers.put_back(sessions) + put_back_lost(sessions)

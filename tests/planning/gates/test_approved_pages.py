"""A run names the pages that its approval covers; when they have another address, it waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.written_text import digest_of
from campaigns.planning import service
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import USUAL, Policy
from tests.factories import safeguarded
from tests.planning.story import DUE, START, a_story

pytestmark = pytest.mark.one_database

HERE, ELSEWHERE = replace(USUAL, pages="https://info.example"), replace(USUAL, pages="https://other.example")


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    with clock.running_on(lambda: START):
        yield


def fired(session: Session, vault: Vault, *, approved: Policy, now: Policy, stop: str = " ((stop))") -> Run:
    """Return the run of a campaign whose texts end with `stop`, approved and fired by these policies."""
    story = a_story(session, vault, is_safeguarded=False)
    base, *others = story.campaign.message.translations
    for each in (base, *others):
        each.text += stop
        each.source_digest = digest_of(base.text)
    session.flush()
    safeguarded(session, story.campaign, story.reader)
    story.scheduled()
    read = service.submit_campaign(session, story.campaign, by=story.author.id, policy=approved).content.digest
    service.approve_campaign(session, story.campaign, by=story.approver.id, digest=read, policy=approved)
    (run,) = service.fire_due(session, now=DUE, policy=now)
    return run


def test_run_keeps_the_address_that_was_approved(session: Session, vault: Vault) -> None:
    run = fired(session, vault, approved=HERE, now=HERE)
    assert (run.state, run.frozen["pages"]) == (RunState.PLANNING, HERE.pages)


def test_another_address_makes_the_run_wait(session: Session, vault: Vault) -> None:
    run = fired(session, vault, approved=HERE, now=ELSEWHERE)
    assert (run.state, "changed since it was approved" in str(run.reason)) == (RunState.HELD, True)


def test_texts_that_name_no_page_do_not_wait(session: Session, vault: Vault) -> None:
    assert fired(session, vault, approved=HERE, now=ELSEWHERE, stop="").state == RunState.PLANNING


def test_approval_without_an_address_covers_any(session: Session, vault: Vault) -> None:
    assert fired(session, vault, approved=USUAL, now=ELSEWHERE).state == RunState.PLANNING

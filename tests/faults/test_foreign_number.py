"""One stolen account of all roles tried everything: by the provider's log nobody got the foreign number."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from campaigns.staff.models import Organisation, Role
from tests.faults.scene import Scene
from tests.reach.outcomes.told_by_two import FOREIGN, OWN, an_approved_campaign, fire, play_everything
from tests.sandbox.process import SENDER
from tests.web.pages import make_pages

pytestmark = pytest.mark.one_database

PEOPLE = 60


def test_nobody_gets_the_foreign_number(scene: Scene, found: Callable[..., None]) -> None:
    with make_pages(scene.engine) as pages:
        with pages.sessions.begin() as session:
            ours = session.get_one(Organisation, pages.ours.id)
            target = an_approved_campaign(session, ours, scene.vault, people=PEOPLE, identity=SENDER)
        play_everything(pages, pages.client(pages.member(*Role)), target)
        with pages.sessions.begin() as session:
            run_id = fire(session, target).id
        # There are two organisations, so the operator says whose the account is.
        scene.environment["FINGERPOST_OWNERS_TWILIO"] = pages.ours.slug
    scene.work(lambda: scene.is_over(run_id))
    bodies = [message.body for message in scene.sandbox.client().messages.list()]
    foreign = sum(FOREIGN in body for body in bodies)
    found(people=PEOPLE, messages=len(bodies), foreign=foreign)
    assert (len(bodies), foreign, sum(OWN in body for body in bodies)) == (PEOPLE, 0, PEOPLE)

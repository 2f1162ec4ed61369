"""One campaign by hand, from a hotspot on the map to people reached: on a phone in Arabic, and by mouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import a_browser, a_guest, skip_without_browser
from tests.browser.instance import APPROVER, AUTHOR, PEOPLE, Instance, an_instance
from tests.browser.steps import (
    CORRECTION,
    TITLE,
    answer_checklist,
    approve_campaign,
    choose_audience,
    mark_hotspot,
    plan_campaign,
    read_reach,
    review_texts,
    sign_in,
    submit_campaign,
    watch_run,
    write_message,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    skip_without_browser()
    with an_instance(tmp_path) as instance:
        yield instance


@pytest.fixture
def browser(instance: Instance) -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


# Wide pages are met by the tests of each step; here they are walked through as well with --runslow.
@pytest.mark.long
@pytest.mark.parametrize(("language", "width"), [("ar", 360), pytest.param("en", 1280, marks=pytest.mark.slow)])
def test_campaign_goes_from_map_to_reach(instance: Instance, browser: Browser, language: str, width: int) -> None:
    with (
        a_guest(browser, instance.address, width=width, language=language) as author,
        a_guest(browser, instance.address, width=width, language=language) as approver,
    ):
        sign_in(author, AUTHOR)
        mark_hotspot(author)
        choose_audience(author)
        write_message(author, TITLE)
        write_message(author, CORRECTION)
        sign_in(approver, APPROVER)
        review_texts(approver)
        path = plan_campaign(author)
        answer_checklist(approver, path)
        submit_campaign(author, path)
        approve_campaign(approver)
        watch_run(author)
        truth = instance.truth()
        assert sum(truth.values()) == sum(PEOPLE.values()) - PEOPLE["ru"]
        # Which of them the network loses is chance, so the pages are compared with the sandbox's own log.
        assert truth["delivered"] > sum(truth.values()) / 2
        read_reach(author, delivered=truth["delivered"], accepted=sum(truth.values()))

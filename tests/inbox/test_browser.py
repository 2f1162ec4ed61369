"""A person who said stop, and a stop from nobody we know, in a browser: wide, narrow, in English and Arabic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import restore
from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import Inbound
from campaigns.inbox.service import receive_inbound
from campaigns.staff.models import Role
from tests.browser.chromium import LOOKS, Visit, skip_without_browser
from tests.factories import a_contact, a_sender, an_address
from tests.inbox.builders import came_over
from tests.places.browsing import a_served_visit
from tests.web.pages import pages_on_file

pytestmark = pytest.mark.browser

NUMBER, STRANGER, SENDER = "+380501234567", "+380509999999", "+15005550006"


@dataclass(frozen=True, slots=True)
class Opened:
    """A tab of a steward, and a contact who started again on one channel."""

    visit: Visit
    contact: str


@pytest.fixture(scope="module", params=LOOKS, ids=str)
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vault: Vault
) -> Iterator[Opened]:
    skip_without_browser()
    language, width = request.param
    with pages_on_file(tmp_path_factory.mktemp("browser")) as pages:
        with pages.sessions.begin() as session:
            a_sender(session, identity=SENDER, name="Hotline", organisation_id=pages.ours.id)
            contacts = [a_contact(session, pages.ours) for _ in range(2)]
            for contact, number in zip(contacts, (NUMBER, "+380501111111"), strict=True):
                sms = an_address(session, contact, vault, number=number)
                an_address(session, contact, vault, number=number, channel=Channel.WHATSAPP, rank=1)
                for place, handle in enumerate((number, STRANGER)):
                    values: dict[str, Any] = {"from_handle": handle, "to_handle": SENDER, "channel": "sms"}
                    said = Inbound(text="STOP", provider_id=f"SM{contact.id}-{place}", **values)
                    receive_inbound(session, said, vault, account=came_over(session, owners=[pages.ours.id]))
            start = Declaration("keyword", "reply 9", clock.now())
            restore(session, HashedHandle(sms.lookup, Channel.SMS, sms.number), start)
            contact_id = contacts[1].id
        member = pages.member(Role.STEWARD, Role.RESPONDER, locale=language)
        with a_served_visit(pages, member, language=language, width=width) as visit:
            yield Opened(visit, f"/audience/contacts/{contact_id}")


def test_pages_about_people_who_said_stop(opened: Opened) -> None:
    visit = opened.visit
    for name, path in (("now-strange-stop", "/"), ("contacts", "/audience/contacts"), ("contact", opened.contact)):
        visit.go(path)
        visit.look(name)


@pytest.mark.long
def test_list_of_opted_out_numbers(opened: Opened, tmp_path: Path) -> None:
    visit, numbers = opened.visit, tmp_path / "stops.csv"
    numbers.write_text("number\n+380507777777\n+38050\n")
    visit.go("/audience/contacts/opted-out")
    visit.look("opted-out-list")
    visit.page.locator("#file").set_input_files(numbers)
    visit.page.locator("#source").fill("the old system")
    visit.page.locator("form.form button[type=submit]").click()
    visit.page.locator(".figures").wait_for()
    visit.look("opted-out-list-checked")
    visit.page.locator("form[action$='/opt-out'] button").click()
    visit.page.locator("form[action$='/opt-out']").wait_for(state="detached")
    visit.look("opted-out-list-done")
    assert "7777777" not in visit.page.content()

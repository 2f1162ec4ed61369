"""Contacts are found, changed, added and imported in a browser, wide and narrow, and without script."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.files import worker_reading
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.holds import opted_out_list
from campaigns.inbox.holds.long_lists import opt_out_lists
from campaigns.inbox.holds.unread_lists import check_lists
from campaigns.staff.models import Role
from tests.browser.chromium import LOOKS, Visit, a_browser, skip_without_browser
from tests.factories import a_contact, an_address
from tests.places.browsing import a_visit, served
from tests.web.pages import pages_on_file

pytestmark = pytest.mark.browser

NUMBER = "+380501234567"
ADD = "/audience/contacts/new"


@dataclass(frozen=True, slots=True)
class Opened:
    """A tab of a data manager, another of theirs without script, and where their contact is."""

    visit: Visit
    bare: Page
    contact: str
    sessions: sessionmaker[Session]


@pytest.fixture(scope="module", params=LOOKS, ids=str)
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vault: Vault
) -> Iterator[Opened]:
    skip_without_browser()
    language, width = request.param
    with pages_on_file(tmp_path_factory.mktemp("browser")) as pages:
        with pages.sessions.begin() as session:
            contact = a_contact(session, pages.ours)
            an_address(session, contact, vault, number=NUMBER)
            path = f"/audience/contacts/{contact.id}"
        member = pages.member(Role.STEWARD, locale=language)
        with (
            served(pages.app) as address,
            a_browser() as browser,
            a_visit(browser, address, pages, member, width=width, language=language) as visit,
            a_visit(browser, address, pages, member, width=width, language=language, script=False) as bare,
        ):
            yield Opened(visit, bare.page, path, pages.sessions)


def test_contact_is_found_by_number(opened: Opened) -> None:
    visit = opened.visit
    visit.go("/audience/contacts")
    visit.look("contacts-with-search")
    visit.page.locator("a[href$='/contacts/find']").click()
    visit.look("find")
    visit.page.locator("#number").fill("+380509999999")
    visit.page.keyboard.press("Enter")
    visit.page.locator(".notice").wait_for()
    visit.look("found-none")
    assert "9999999" not in visit.page.content()
    visit.page.locator("#number").fill(NUMBER)
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url(f"**{opened.contact}")
    assert "1234567" not in visit.page.content()


def test_contact_is_found_without_script(opened: Opened) -> None:
    opened.bare.goto("/audience/contacts/find")
    opened.bare.locator("#number").fill(NUMBER)
    opened.bare.locator("form.form button[type=submit]").click()
    opened.bare.wait_for_url(f"**{opened.contact}")


def test_contact_is_changed_and_added_without_script(opened: Opened) -> None:
    visit, bare = opened.visit, opened.bare
    for name, path in (("contact", opened.contact), ("change", f"{opened.contact}/change"), ("add", ADD)):
        visit.go(path)
        visit.look(name)
    bare.goto(f"{opened.contact}/change")
    bare.locator("#language").select_option("pl")
    bare.locator("form.form button[type=submit]").click()
    bare.wait_for_url(f"**{opened.contact}")
    bare.goto(ADD)
    bare.locator("#number").fill("+380507654321")
    bare.locator("#language").select_option("uk")
    bare.locator("#consent_on").fill("2026-02-27")
    bare.locator("#consent_how").fill("form at the reception desk")
    bare.locator("form.form button[type=submit]").click()
    bare.wait_for_url("**/audience/contacts")
    assert "7654321" not in bare.content()


def test_file_is_mended_in_its_place(opened: Opened, tmp_path: Path) -> None:
    visit, file = opened.visit, tmp_path / "people.csv"
    rows = [f"+38067123456{at},ukranian,Nowhere,2026-02-20" for at in range(3)]
    file.write_text("\n".join(["Phone 1 - Value,language,place,position_date", *rows]))
    visit.go("/audience/contacts/files")
    visit.page.locator("main details summary").click()
    visit.look("import")
    visit.page.locator("#file").set_input_files(file)
    visit.page.locator("#consent_on").fill("2026-02-27")
    visit.page.locator("#consent_how").fill("form at the reception desk")
    visit.page.locator("form.form button[type=submit]").click()
    visit.page.locator("#bad-title").wait_for()
    visit.look("file-with-causes")
    opened.bare.goto(visit.path)
    opened.bare.locator("select[name=meant]").select_option("uk")
    file.write_text(file.read_text().replace("Nowhere", "").replace("2026-02-20", ""))
    opened.bare.locator("#file").set_input_files(file)
    opened.bare.locator("form.form button[type=submit]").click()
    opened.bare.locator("form[action$='/import']").wait_for()


def test_group_is_added_and_a_contact_put_into_it(opened: Opened) -> None:
    visit, bare = opened.visit, opened.bare
    visit.go("/audience/contacts/groups")
    visit.look("groups-empty")
    visit.page.locator("#name").fill("Safe roads")
    visit.page.keyboard.press("Enter")
    visit.page.locator("tbody").wait_for()
    visit.look("groups")
    bare.goto(f"{opened.contact}/change")
    bare.locator("[name=group_ids]").check()
    bare.locator("form.form button[type=submit]").click()
    bare.wait_for_url(f"**{opened.contact}")
    visit.go(opened.contact)
    visit.look("contact-in-group")
    assert "Safe roads" in visit.page.content()


def test_columns_are_named_without_script(opened: Opened, tmp_path: Path) -> None:
    visit, bare, file = opened.visit, opened.bare, tmp_path / "people.csv"
    file.write_text("Mowa,Kontakt,consent_date,consent_how\nuk,+380671234567,2026-02-27,form\n")
    visit.go("/audience/contacts/files")
    visit.page.locator("#file").set_input_files(file)
    visit.page.locator("form.form button[type=submit]").click()
    visit.page.locator("#columns-title + p + form").wait_for()
    visit.look("columns")
    bare.goto(visit.path)
    bare.locator("#column-language").select_option("0")
    bare.locator("#column-number").select_option("1")
    bare.locator("form.form button[type=submit]").click()
    bare.locator("form[action$='/import']").wait_for()


def test_last_line_of_a_number_counts_without_script(opened: Opened, tmp_path: Path) -> None:
    visit, bare, file = opened.visit, opened.bare, tmp_path / "people.csv"
    rows = [f"+380501112233 ::: +380671112233,{language},2026-02-27,form" for language in ("uk", "pl")]
    file.write_text("\n".join(["number,language,consent_date,consent_how", *rows]))
    visit.go("/audience/contacts/files")
    visit.page.locator("#file").set_input_files(file)
    visit.page.locator("form.form button[type=submit]").click()
    visit.page.locator("#repeated").wait_for()
    visit.look("file-with-repeated-lines")
    bare.goto(visit.path)
    bare.locator("#repeated").select_option("last")
    bare.locator("form.form button[type=submit]").click()
    bare.locator("form[action$='/import']").wait_for()
    visit.go(urlsplit(bare.url).path)
    visit.look("file-with-lines-left-out")


def test_group_is_renamed_and_deleted_without_script(opened: Opened) -> None:
    visit, bare = opened.visit, opened.bare
    visit.go("/audience/contacts/groups")
    visit.page.locator("#name").fill("Summer camp")
    visit.page.keyboard.press("Enter")
    visit.page.locator("tbody a", has_text="Summer camp").click()
    visit.look("group")
    bare.goto(visit.path)
    bare.locator("#name").fill("Winter camp")
    bare.locator("form.form button[type=submit]").click()
    bare.locator("tbody a", has_text="Winter camp").click()
    bare.locator("a[href$='/delete']").click()
    visit.go(urlsplit(bare.url).path)
    visit.look("group-deletion")
    bare.locator("form.act button.is-danger").click()
    bare.wait_for_url("**/audience/contacts/groups")
    expect(bare.locator("tbody a", has_text="Winter camp")).to_have_count(0)


@pytest.mark.long
def test_long_list_of_opt_outs_is_watched_while_a_worker_has_it(
    opened: Opened, tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opted_out_list, "PIECE", 1)
    monkeypatch.setattr(worker_reading, "SHORT", 0)
    visit, bare, file = opened.visit, opened.bare, tmp_path / "stops.csv"
    file.write_text("+380502223344\n+380502223355\n")
    bare.goto("/audience/contacts/opted-out")
    bare.locator("#file").set_input_files(file)
    bare.locator("#source").fill("list of the old system")
    bare.locator("form.form button[type=submit]").click()
    bare.locator("#far a.button").wait_for()
    visit.go(urlsplit(bare.url).path)
    visit.look("list-being-read")
    with ThreadPoolExecutor(1) as apart:
        assert apart.submit(check_lists, opened.sessions, vault, 9, Event()).result() == 1
    visit.page.locator("form[action$='/opt-out'] button").wait_for()
    bare.locator("#far a.button").click()
    bare.locator("form[action$='/opt-out'] button").click()
    bare.locator("#far noscript a").wait_for(state="attached")
    visit.go(urlsplit(bare.url).path)
    visit.look("list-with-a-worker")
    with ThreadPoolExecutor(1) as apart:
        assert apart.submit(opt_out_lists, opened.sessions, vault, Event()).result() == 2
    visit.page.locator("main a[href$='/opted-out']").wait_for()
    visit.look("list-done")

"""Audience pages keep what was typed, show no handle, and import nothing before it is confirmed."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse
from xlsxwriter import Workbook

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import restore, withdraw_everywhere
from campaigns.audience.files.cell_meanings import MOST_LISTED
from campaigns.audience.models import Address, Audience, Channel, Consent, Contact, ContactImport, ImportState
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.limited import disk_room
from campaigns.staff.models import Organisation, Role
from tests.audience.sheets import read_contacts
from tests.factories import a_contact, a_place, a_route, an_address, an_audience
from tests.moments import standing_at
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

HEADER = "number,language,consent_date,consent_how\n"
GOOD = "+380501234567,uk,2026-02-01,form\n"


def upload(client: FlaskClient, text: str) -> TestResponse:
    data = {"file": (io.BytesIO(text.encode()), "people.csv")}
    return client.post("/audience/contacts/files", data=data, content_type="multipart/form-data")


def test_new_audience_is_saved(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    with pages.sessions.begin() as session:
        place, route = a_place(session, pages.ours), a_route(session, pages.ours)
    given = {"name": "Border", "place_ids": place.id, "languages": "uk", "save": "1"}
    given |= {f"route-{route.id}": "past", f"stop-{route.id}": "0", "max_position_age_days": "14"}
    answer = client_for(Role.AUTHOR).post("/audience/new", data=given)
    assert answer.status_code == 302
    with pages.sessions() as session:
        rule = session.scalars(select(Audience)).one().rule
    assert rule["place_ids"] == [place.id]
    assert rule["route_parts"] == [{"route_id": route.id, "direction": "past", "stop_position": 0}]


def test_copy_means_the_same_people(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    client = client_for(Role.AUTHOR)
    made = client.post("/audience/new", data={"name": "Border", "languages": "uk", "save": "1"}).location
    copied = client.post(f"{made}/duplicate").location
    assert f'action="{copied}/duplicate"' in client.get(copied).text
    with pages.sessions() as session:
        first, second = session.scalars(select(Audience).order_by(Audience.id)).all()
    assert (first.name, second.name, first.rule) == ("Border", "Border 2", second.rule)


def test_refused_audience_keeps_what_was_typed(
    pages: Pages,
    client_for: Callable[..., FlaskClient],
) -> None:
    with pages.sessions.begin() as session:
        route = a_route(session, pages.ours)
    given = {"name": "Border", f"route-{route.id}": "past", "save": "1"}
    answer = client_for(Role.AUTHOR).post("/audience/new", data=given)
    assert answer.status_code == 422
    assert "Choose the waypoint" in answer.text
    assert 'value="Border"' in answer.text


def test_approver_sees_whom_a_campaign_means_and_changes_nothing(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    with pages.sessions.begin() as session:
        a_place(session, pages.ours, name="Medyka crossing")
        audience = an_audience(session, pages.ours, rule={"languages": ["uk"]}, name="At the border")
        an_address(session, a_contact(session, pages.ours), vault)
    approver = client_for(Role.APPROVER)
    assert "At the border" in approver.get("/audience").text
    page = approver.get(f"/audience/{audience.id}").text
    assert "Medyka crossing" in page
    assert "fewer than 20" in page.casefold()
    assert "<fieldset" in page
    assert 'name="save"' not in page
    assert "csrf_token" not in page.partition('id="audience-form"')[2]
    assert re.search(r'<fieldset class="is-bare stack" disabled>', page)
    assert approver.post(f"/audience/{audience.id}", data={"name": "x", "save": "1"}).status_code == 403
    assert client_for(Role.VIEWER).get(f"/audience/{audience.id}").status_code == 403


def test_preview_hides_small_numbers(pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault) -> None:
    with pages.sessions.begin() as session:
        for number in range(3):
            an_address(session, a_contact(session, pages.ours), vault, number=f"+38050123456{number}")
    answer = client_for(Role.AUTHOR).get("/audience/preview")
    assert answer.status_code == 200
    assert "fewer than 20" in answer.text


def test_preview_tells_what_is_missing(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    with pages.sessions.begin() as session:
        route = a_route(session, pages.ours)
    answer = client_for(Role.AUTHOR).get(f"/audience/preview?route-{route.id}=past&max_position_age_days=x")
    assert answer.status_code == 200
    assert "Choose the waypoint" in answer.text


def test_audience_whose_place_is_gone_never_means_everybody(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    with pages.sessions.begin() as session:
        place = a_place(session, pages.ours)
        audience = an_audience(session, pages.ours, rule={"place_ids": [place.id]})
    client = client_for(Role.AUTHOR)
    assert audience.name in client.get(f"/places/{place.id}/delete").text
    client.post(f"/places/{place.id}/delete")
    here, widened = f"/audience/{audience.id}", "without any it means people everywhere"
    assert "nobody is found there" in client.get(here).text
    assert widened in client.get("/audience/preview", query_string={"of": audience.id}).text
    for button in ("preview", "save"):
        assert widened in client.post(here, data={"name": "Border", button: "1"}).text
    with pages.sessions() as session:
        assert session.get_one(Audience, audience.id).rule == {"place_ids": [place.id]}
        other = a_place(session, pages.ours)
        session.commit()
    answer = client.post(here, data={"name": "Border", "place_ids": other.id, "save": "1"})
    assert answer.status_code == 302
    assert "nobody is found there" not in client.get(here).text


def test_preview_works_without_script(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    answer = client_for(Role.AUTHOR).post("/audience/new", data={"name": "Border", "preview": "1"})
    assert answer.status_code == 200
    assert 'value="Border"' in answer.text
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Audience)) == 0


def test_example_file_is_one_we_read(client_for: Callable[..., FlaskClient]) -> None:
    text = client_for(Role.STEWARD).get("/audience/contacts/files/example.csv").text
    assert len(read_contacts(text, default_country=None, max_rows=9, now=clock.now()).rows) == 1


def test_saved_audience_is_shown(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    with pages.sessions.begin() as session:
        audience = an_audience(session, pages.ours, rule={"languages": ["ar"]})
    answer = client_for(Role.AUTHOR).get(f"/audience/{audience.id}")
    assert answer.status_code == 200
    box = re.search(r'<input[^>]*value="ar"[^>]*>', answer.text)
    assert box is not None
    assert "checked" in box[0]


@pytest.mark.parametrize("act", ["import", "again"])
def test_checked_file_waits_while_the_disk_is_full(
    pages: Pages, client_for: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    client = client_for(Role.STEWARD)
    path = upload(client, HEADER + GOOD).location

    def make() -> IO[bytes]:
        return Path("/dev/full").open("w+b")

    with monkeypatch.context() as patch:
        patch.setattr(disk_room, "TemporaryFile", make)
        answer = client.post(f"{path}/{act}")
    assert (answer.status_code, "The disk has no room" in answer.text) == (503, True)
    assert "Import 1 person" in client.get(path).text


def test_file_is_checked_then_imported(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    client = client_for(Role.STEWARD)
    upload(client, HEADER + GOOD)
    with pages.sessions() as session:
        waiting = session.scalars(select(ContactImport)).one()
        assert session.scalar(select(func.count()).select_from(Contact)) == 0
    page = client.get(f"/audience/contacts/files/{waiting.id}").text
    assert "Import 1 person" in page
    client.post(f"/audience/contacts/files/{waiting.id}/import")
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 1
    listed = client.get("/audience/contacts").text
    assert "380501234567" not in listed
    assert "May be written to" in listed


@pytest.mark.parametrize(("day", "count"), [("2026-04-02", 1), ("2026-04-03", 0)])
def test_day_in_a_file_is_that_of_the_organisation(
    pages: Pages, client_for: Callable[..., FlaskClient], day: str, count: int
) -> None:
    """It is the second of April in Kyiv, and the first by UTC."""
    half_past_midnight = datetime(2026, 4, 1, 21, 30, tzinfo=UTC)
    with pages.sessions.begin() as session:
        session.get_one(Organisation, pages.ours.id).time_zone = "Europe/Kyiv"
    client = client_for(Role.STEWARD)
    with standing_at(half_past_midnight):
        client.post(f"{upload(client, HEADER + GOOD.replace('2026-02-01', day)).location}/import")
    with pages.sessions() as session:
        given = session.scalars(select(Consent.given_at)).all()
    assert given == [half_past_midnight] * count


def test_rows_are_counted_by_cause_beyond_those_that_are_told(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    client = client_for(Role.STEWARD)
    header = HEADER.rstrip().replace("number", "place,position_date,number") + "\n"
    somewhere = ",".join(("Nowhere,2026-02-01", GOOD))
    rows = [somewhere.replace("1234567", f"{at:07}") for at in range(220)] + [
        ",," + GOOD.replace("+38050", "")
    ] * 230
    page = client.get(upload(client, header + "".join(rows)).location).text
    assert [f"{count} rows" in page for count in (450, 230, 220)] == [True] * 3
    assert "Only the first ones are shown." not in page


def test_bad_rows_are_shown_and_not_imported(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    client = client_for(Role.STEWARD)
    upload(client, HEADER + GOOD + "3.80671E+11,uk,2026-02-01,form\n")
    with pages.sessions() as session:
        waiting = session.scalars(select(ContactImport)).one()
    page = client.get(f"/audience/contacts/files/{waiting.id}").text
    assert "it holds an E" in page
    assert "Lines: 3" in page
    assert "Import 1 person" not in page
    client.post(f"/audience/contacts/files/{waiting.id}/discard")
    with pages.sessions() as session:
        assert session.get_one(ContactImport, waiting.id).state == ImportState.CANCELLED


def test_unreadable_file_is_refused_beside_the_field(client_for: Callable[..., FlaskClient]) -> None:
    assert "its first line is" in upload(client_for(Role.STEWARD), "\n").text


def test_member_says_which_column_is_what(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    client = client_for(Role.STEWARD)
    text = "Język;Kontakt;Kiedy;Jak;+48221234567\nuk;+380501234567;2026-02-01;form;x\n"
    first = upload(client, text).location
    page = client.get(first).text
    assert "Which column is what?" in page
    assert "1234567" not in page
    assert client.post(f"{first}/import").location == first
    named = {"column-language": "0", "column-number": "1", "column-consent_date": "2", "column-consent_how": "3"}
    again = client.post(f"{first}/again", data=named).location
    assert "Import 1 person" in client.get(again).text
    client.post(f"{again}/import")
    with pages.sessions() as session:
        assert session.scalars(select(Contact.language)).all() == ["uk"]


def test_corrected_file_is_read_by_its_own_header(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    client = client_for(Role.STEWARD)
    row = "number,language,position_date,consent_date,Jak\n+380501234567,uk,2026-01-05,2026-02-01,form\n"
    first = upload(client, row).location
    places = ("number", "language", "position_date", "consent_date", "consent_how")
    named = {f"column-{ours}": str(place) for place, ours in enumerate(places)}
    named_file = client.post(f"{first}/again", data=named).location
    corrected = (
        "number,language,consent_date,position_date,consent_how\n+380501234567,uk,2026-02-01,2026-01-05,form\n"
    )
    data = {"file": (io.BytesIO(corrected.encode()), "people.csv")}
    again = client.post(f"{named_file}/again", data=data, content_type="multipart/form-data").location
    client.post(f"{again}/import")
    with pages.sessions() as session:
        assert session.scalars(select(Consent.given_at)).one().date() == date(2026, 2, 1)


@pytest.mark.both_databases
def test_member_says_which_line_of_a_number_counts(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    client = client_for(Role.STEWARD)
    first = upload(client, HEADER + GOOD + GOOD.replace("form", "desk") + GOOD.replace(",uk", ",pl")).location
    assert "The last of each number" in client.get(first).text
    again = client.post(f"{first}/again", data={"repeated": "last"}).location
    page = client.get(again).text
    assert "2 lines are left out: their numbers stand in later lines, which count." in page
    assert "Import 1 person" in page
    # It is taken back where it is told, and holds for no corrected file unseen.
    assert 'value="last" selected' in page
    back = client.get(client.post(f"{again}/again", data={"repeated": ""}).location).text
    assert "Fixed in the file" in back
    assert "Import 1 person" not in back
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 0
    first = upload(client, HEADER + GOOD + GOOD.replace("form", "desk") + GOOD.replace(",uk", ",pl")).location
    again = client.post(f"{first}/again", data={"repeated": "last"}).location
    client.post(f"{again}/import")
    assert "2 lines were left out" in client.get(again).text
    with pages.sessions() as session:
        assert session.scalars(select(Contact.language)).all() == ["pl"]


def near_in(page: str) -> list[str]:
    return [re.sub("<.*?>", "", found) for found in re.findall(r'id="near-\d+">(.*?)</p>', page)]


def test_nearly_right_names_are_told(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    with pages.sessions.begin() as session:
        a_place(session, pages.ours, name="Przemyśl station", key="przemysl-pkp")
        a_place(session, pages.theirs, name="Przemysl bazaar")
    header = "number,language,place,position_date,consent_date,consent_how\n"
    row = "+380501234567,ukranian,Przemysl,2026-02-01,2026-02-01,form\n"
    client = client_for(Role.STEWARD)
    first = upload(client, header + row + row.replace("ukranian", "uk").replace("501234567", "671234567")).location
    page = client.get(first).text
    languages, place = "Did you mean one of these: Ukrainian and Romanian?", "Did you mean Przemyśl station?"
    assert near_in(page) == [languages, place]
    # Nobody chooses for the member.
    assert "selected" not in page.partition('id="meant-1"')[2]
    said = {"column": "language", "cell": "ukranian", "meant": "uk"}
    page = client.get(client.post(f"{first}/again", data=said).location).text
    assert near_in(page) == [place]


def test_unknown_names_among_many_places_are_typed(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    """The names of some places stand on the page once, however many cells may mean one of them."""
    towns = [f"Town{'abcdefgh'[at % 8] * (at // 8 + 2)}" for at in range(MOST_LISTED)]
    with pages.sessions.begin() as session:
        for name in ("Przemyśl station", *towns):
            a_place(session, pages.ours, name=name, key=f"key-{name}")
    header = "number,language,place,position_date,consent_date,consent_how\n"
    rows = (f"+3805012345{at},uk,Przemysl statio{at},2026-02-01,2026-02-01,form\n" for at in range(10, 35))
    client = client_for(Role.STEWARD)
    first = upload(client, header + "".join(rows)).location
    page = client.get(first).text
    assert (page.count('list="all-place"'), page.count('<datalist id="all-place"')) == (25, 1)
    assert page.count("<option") == MOST_LISTED
    assert len(near_in(page)) == 25
    cells = [f"Przemysl statio{at}" for at in range(10, 35)]
    said = {"column": ["place"] * 25, "cell": cells, "meant": ["Przemyśl station", "nowhere", *[""] * 23]}
    page = client.get(client.post(f"{first}/again", data=said).location).text
    assert "there is no place nowhere." in page
    assert (page.count('name="meant"'), "Przemysl statio10" in page) == (24, False)


@pytest.mark.both_databases
def test_export_of_an_address_book_gives_one_number_of_each_person(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    text = "First Name,Phone 1 - Value,Phone 2 - Value\nOlena,+380442791234,+380501234567 ::: +380671234567\n"
    said = {"language": "uk", "consent_on": "2026-02-01", "consent_how": "form"}
    data = said | {"file": (io.BytesIO(text.encode()), "contacts.csv")}
    client = client_for(Role.STEWARD)
    path = client.post("/audience/contacts/files", data=data, content_type="multipart/form-data").location
    page = client.get(path).text
    assert "2 further numbers are not taken" in page
    assert "relatives and workplaces, too. Lines: 2</p>" in page
    client.post(f"{path}/import")
    assert "2 further numbers are not taken" in client.get(path).text
    with pages.sessions() as session:
        address = session.scalars(select(Address)).one()
        number = vault.open(address.ciphertext, table="address", column="ciphertext", row_id=address.id)
    assert number == "+380501234567"


def test_viewer_is_told_why_nothing_is_here(client_for: Callable[..., FlaskClient]) -> None:
    assert "Your roles do not include audiences" in client_for(Role.VIEWER).get("/audience").text


@pytest.mark.both_databases
def test_contact_has_one_state_before_those_of_its_channels(
    pages: Pages, client_for: Callable[..., FlaskClient], vault: Vault
) -> None:
    with pages.sessions.begin() as session:
        contact = a_contact(session, pages.ours)
        sms = an_address(session, contact, vault)
        an_address(session, contact, vault, channel=Channel.WHATSAPP, rank=1)
        said = Declaration("keyword", "reply 1", clock.now())
        withdraw_everywhere(session, HashedHandle(sms.lookup, Channel.SMS, sms.number), said)
        contact_id, lookup, number = contact.id, sms.lookup, sms.number
    client, address = client_for(Role.STEWARD), f"/audience/contacts/{contact_id}"
    for page in (client.get(address).text, client.get("/audience/contacts?state=opted_out").text):
        assert "May be written to" not in re.sub(r"<option.*?</option>", "", page)
        assert "Opted out" in page
    assert client.get(address).text.index("Opted out") < client.get(address).text.index("WhatsApp")
    assert "By a message: <bdi>Incoming message 1</bdi>" in client.get(address).text
    with pages.sessions.begin() as session:
        restore(session, HashedHandle(lookup, Channel.SMS, number), said)
    page = client.get(address).text
    assert page.index("May be written to") < page.index("joined again on one channel") < page.index("Opted out<")


def test_contact_without_an_address_says_so(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    with pages.sessions.begin() as session:
        contact_id = a_contact(session, pages.ours).id
    client = client_for(Role.STEWARD)
    assert "No address" in client.get(f"/audience/contacts/{contact_id}").text
    assert "No address" in client.get("/audience/contacts").text


def book(*rows: tuple[str, ...]) -> bytes:
    """Return a workbook with these rows."""
    written = io.BytesIO()
    with Workbook(written) as workbook:
        sheet = workbook.add_worksheet()
        for at, row in enumerate(rows):
            sheet.write_row(at, 0, row)
    return written.getvalue()


@pytest.mark.both_databases
def test_workbook_is_checked_and_imported(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    client = client_for(Role.STEWARD)
    rows = (("number", "language"), ("+380501234567", "uk"), (), ("+380501112233", "xx"))
    said = {"consent_on": "2026-02-01", "consent_how": "form"}
    data = {"file": (io.BytesIO(book(*rows)), "people.xlsx"), **said}
    answer = client.post("/audience/contacts/files", data=data, content_type="multipart/form-data")
    page = client.get(answer.location).text
    assert "xx is no language we know" in page
    assert "Lines: 4" in page
    again = client.post(f"{answer.location}/again", data={"column": "language", "cell": "xx", "meant": "ar"})
    assert again.location != answer.location
    assert "Import 2 people" in client.get(again.location).text
    client.post(f"{again.location}/import")
    with pages.sessions() as session:
        assert set(session.scalars(select(Contact.language))) == {"uk", "ar"}
        states = session.scalars(select(ContactImport.state).order_by(ContactImport.id)).all()
    assert states == [ImportState.CANCELLED, ImportState.DONE]


def test_corrected_file_takes_the_place_of_the_one_that_waits(
    pages: Pages, client_for: Callable[..., FlaskClient]
) -> None:
    client = client_for(Role.STEWARD)
    first = upload(client, HEADER + GOOD.replace("uk", "xx")).location
    data = {"file": (io.BytesIO((HEADER + GOOD).encode()), "better.csv")}
    again = client.post(f"{first}/again", data=data, content_type="multipart/form-data")
    page = client.get(again.location).text
    assert "better.csv" in page
    assert "Import 1 person" in page
    # It waits no more.
    assert client.post(f"{first}/again").location == first
    with pages.sessions() as session:
        assert session.scalar(select(func.count()).select_from(ContactImport)) == 2

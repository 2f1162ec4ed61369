"""Files that members hand in: read by a child, while the request holds nothing that a stop would wait for."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_wtf.file import FileField
from sqlalchemy import Engine, func, select, update
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from campaigns.audience.files import contact_reader
from campaigns.audience.forms import ImportForm as ContactForm
from campaigns.audience.forms import UploadForm
from campaigns.audience.models import Contact
from campaigns.core.limited import parent
from campaigns.directory.forms import SheetForm
from campaigns.inbox.holds.forms import NumbersForm
from campaigns.messages.service import create_message
from campaigns.messages.translators.forms import CatalogueForm
from campaigns.places.forms import ImportForm as PlacesForm
from campaigns.places.models import Place, PlaceCell
from campaigns.reach.imported.forms import ReportForm
from campaigns.reach.imported.models import ImportedReach, ReachFile
from campaigns.staff.models import AuditEntry, Organisation, Role
from campaigns.web.forms import Form
from campaigns.web.session import database
from tests.factories import a_member, a_region
from tests.web.hostile_files import REFUSED, REPORT, Hostile, few, workbook
from tests.web.pages import Pages, make_pages

CONTACTS = "number,language,consent_date,consent_how\n+380501234567,uk,2022-03-01,form\n"
NUMBERS = "+380507654321\n"
STOPS = "id,name,lat,lon,country,iso3166_2\nlviv,Lviv,49.8398,23.9942,UA,UA-46\n"
REACH = "activity,region,start,end,reach,hearts\nA,PL-18,2022-03-01,2022-03-31,10,3\n"
SERVICES = (
    "id,name,phones/0/number,x_country,x_time_zone,service_areas/0/extent,languages/0/code\n"
    "one,One,+48 22 1234567,PL,Europe/Warsaw,PL-18,uk\n"
)
PO = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Language: uk\\n"\n\n'
    'msgctxt "message-{id}"\nmsgid "Keep your passport."\nmsgstr "Тримайте паспорт."\n'
)
HOSTILE = few()
#: The first file of each page goes to a child as an instance starts it; the others, too, with --whole.
FIRST = [next(file for file in HOSTILE if file.page == page) for page in sorted({each.page for each in HOSTILE})]
STARTED = [
    *(pytest.param(each, each in FIRST, id=f"{each.name}-{at}") for at, each in enumerate(HOSTILE)),
    *(pytest.param(each, True, marks=pytest.mark.long) for each in HOSTILE if each not in FIRST),
]

Read = Callable[..., Any]


@pytest.fixture
def member(pages: Pages) -> FlaskClient:
    """Somebody who may hand in every file."""
    with pages.sessions.begin() as session:
        for code in ("PL-18", "UA-46"):
            a_region(session, code=code, country=code[:2], name=f"Region {code}")
    return pages.client(pages.member(Role.AUTHOR, Role.STEWARD))


def hand_in(
    member: FlaskClient, page: str, content: str | bytes, name: str = "file", **fields: str
) -> TestResponse:
    data = content.encode() if isinstance(content, str) else content
    return member.post(page, data={**fields, "file": (io.BytesIO(data), name)})


#: How children start elsewhere; the other tests fork them.
RUN = parent._run


@pytest.fixture
def watched(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What the reading of files finds: connections that their requests held. Somebody else writes meanwhile."""
    held: list[int] = []
    run = parent._run

    def watch(*arguments: Any) -> int | None:
        held.append(database.engine.pool.checkedout())  # type: ignore[attr-defined] # every pool of ours has it
        with pages.sessions.begin() as other:
            other.execute(update(Organisation).values(name=Organisation.name))
        return run(*arguments)

    monkeypatch.setattr(parent, "_run", watch)
    return held


@pytest.mark.both_databases
def test_nothing_is_held_while_any_file_is_read(pages: Pages, member: FlaskClient, watched: list[int]) -> None:
    with pages.sessions.begin() as session:
        by = a_member(session, pages.ours).id
        values = {"title": "Documents", "theme": "docs_keep", "base_language": "en", "text": "Keep your passport."}
        message = create_message(session, pages.ours.id, by=by, **values)
    assert hand_in(member, "/places/import", STOPS).status_code == 302
    assert hand_in(member, "/directory/import", SERVICES).status_code == 302
    assert hand_in(member, "/messages/exchange", PO.format(id=message.id), language="uk").status_code == 302
    contacts = hand_in(member, "/audience/contacts/files", CONTACTS)
    assert member.post(f"{contacts.location}/import").status_code == 302
    report = hand_in(member, "/reach/imports", REACH, "a.csv", **REPORT)
    fields = ("label", "region", "starts_on", "ends_on", "people", "link_clicks")
    named = {f"column-{at}": field for at, field in enumerate(fields)}
    assert member.post(f"{report.location}/columns", data=named).status_code == 302
    assert member.post(f"{report.location}/import").status_code == 302
    assert hand_in(member, "/audience/contacts/opted-out", NUMBERS, source="old system").status_code == 302
    assert watched == [0] * 9
    with pages.sessions() as session:
        counts = [
            session.scalar(select(func.count()).select_from(each)) for each in (Place, Contact, ImportedReach)
        ]
        actions = set(session.scalars(select(AuditEntry.action)))
    assert counts == [1, 1, 1]
    assert {"places.import", "service.exchange", "message.import", "contacts.check", "contacts.import"} <= actions
    assert {"reach.check_file", "reach.name_columns", "reach.import"} <= actions


def test_every_form_that_takes_a_file_is_tried() -> None:
    """A new one belongs into the test above."""
    taking = {form for form in _forms(Form) if any(_takes_file(value) for value in vars(form).values())}
    assert taking == {UploadForm, PlacesForm, ReportForm, SheetForm, CatalogueForm}
    assert all(issubclass(form, UploadForm) for form in (ContactForm, NumbersForm))


def _forms(form: type[Form]) -> Iterator[type[Form]]:
    for each in form.__subclasses__():
        yield each
        yield from _forms(each)


def _takes_file(value: object) -> bool:
    kind = getattr(value, "field_class", None)
    return isinstance(kind, type) and issubclass(kind, FileField)


def post_whole(member: FlaskClient, page: str, form: Mapping[str, Any]) -> TestResponse:
    """Post a form as bytes: a test client leaves the file open in which it keeps a large one."""
    fields = {name: FileStorage(*value) if isinstance(value, tuple) else value for name, value in form.items()}
    boundary, body = encode_multipart(fields)
    return member.post(page, data=body, content_type=f"multipart/form-data; boundary={boundary}")


class TestHostileFiles:
    @pytest.fixture
    def engine(self, sqlite_engine: Engine) -> Engine:
        """SQLite alone: nothing of these files comes to a database."""
        return sqlite_engine

    @pytest.mark.parametrize(("file", "is_started"), STARTED)
    def test_hostile_file_is_one_sentence_beside_it(
        self, pages: Pages, member: FlaskClient, monkeypatch: pytest.MonkeyPatch, file: Hostile, is_started: bool
    ) -> None:
        if is_started:
            monkeypatch.setattr(parent, "_run", RUN)
        answer = post_whole(member, file.page, file.form())
        assert answer.status_code == REFUSED
        assert file.words in answer.text
        with pages.sessions() as session:
            for model in (AuditEntry, Place, PlaceCell, ReachFile):
                assert session.scalar(select(func.count()).select_from(model)) == 0

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (-signal.SIGKILL, "broke off"),
            (-signal.SIGABRT, "broke off"),
            (1, "broke off"),
            (None, "takes too long"),
        ],
    )
    def test_dead_child_costs_one_sentence(
        self, member: FlaskClient, monkeypatch: pytest.MonkeyPatch, code: int | None, words: str
    ) -> None:
        with monkeypatch.context() as broken:
            broken.setattr(parent, "_run", lambda *_: code)
            answer = hand_in(member, "/places/import", STOPS)
        assert (answer.status_code, words in answer.text) == (REFUSED, True)
        assert hand_in(member, "/places/import", STOPS).status_code == 302

    def test_too_many_files_at_once_wait_for_another_minute(
        self, member: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parent, "WAIT_SECONDS", 0.1)
        for _ in range(parent.CHILDREN):
            parent._turns.acquire()
        answer = hand_in(member, "/places/import", STOPS)
        parent._turns.release(parent.CHILDREN)
        assert (answer.status_code, "Other files are being read" in answer.text) == (503, True)

    def test_kept_file_that_turns_hostile_is_one_sentence(
        self, pages: Pages, member: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report = hand_in(member, "/reach/imports", REACH, "a.csv", **REPORT)
        contacts = hand_in(member, "/audience/contacts/files", CONTACTS)
        monkeypatch.setattr(parent, "_run", lambda *_: None)
        for page in (report.location, contacts.location):
            answer = member.post(f"{page}/import", follow_redirects=True)
            assert "takes too long" in answer.text
        with pages.sessions() as session:
            assert session.scalar(select(func.count()).select_from(ImportedReach)) == 0


def test_upload_that_was_written_to_disk_is_read_there(sqlite_engine: Engine) -> None:
    """More than half a megabyte comes as a file."""
    with make_pages(sqlite_engine) as pages:
        with pages.sessions.begin() as session:
            a_region(session, code="UA-46", country="UA", name="Lviv")
        member = pages.client(pages.member(Role.AUTHOR))
        note = "n" * 1900
        rows = "".join(f"lviv{at},Lviv,49.8398,23.9942,UA,UA-46,{note}\n" for at in range(400))
        text = "id,name,lat,lon,country,iso3166_2,note\n" + rows
        answer = post_whole(member, "/places/import", {"file": (io.BytesIO(text.encode()), "a.csv")})
        assert answer.status_code == 302
        with pages.sessions() as session:
            assert session.scalar(select(func.count()).select_from(Place)) == 400


def test_workbook_of_ordinary_programs_is_still_read(member: FlaskClient) -> None:
    cells = "".join(
        f'<row r="{line}">' + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row) + "</row>"
        for line, row in enumerate(csv_rows(REACH), start=1)
    )
    book = workbook(f"<worksheet><sheetData>{cells}</sheetData></worksheet>".encode())
    answer = hand_in(member, "/reach/imports", book, "a.xlsx", **REPORT)
    assert answer.status_code == 302
    assert "PL-18" in member.get(answer.location).text


def csv_rows(text: str) -> list[list[str]]:
    return [line.split(",") for line in text.splitlines()]


def test_file_of_people_is_shorter_where_stops_wait_for_it(
    pages: Pages, member: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_reader, "MOST_ON_SQLITE", 2)
    with pages.app.app_context():
        is_alone = database.engine.dialect.name == "sqlite"
    more = "".join(f"+38050123456{at},uk,2022-03-01,form\n" for at in range(3))
    answer = hand_in(member, "/audience/contacts/files", CONTACTS.partition("\n")[0] + "\n" + more)
    assert answer.status_code == (422 if is_alone else 302)
    assert ("more than 2 rows" in answer.text) is is_alone

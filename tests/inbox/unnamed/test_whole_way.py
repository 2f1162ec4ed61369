"""Somebody reports something without a name, is answered, and comes back by a code: no script, no cookie."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from html import unescape
from itertools import product
from statistics import median
from time import process_time
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select, update
from werkzeug.test import TestResponse

from campaigns.audience.grouping import create_group, set_groups
from campaigns.audience.models import Contact, GroupKind
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.automatic.chosen_texts import choose
from campaigns.inbox.complaints.models import ComplaintReader
from campaigns.inbox.conversations.models import Conversation, ConversationTheme, Occasion, UnnamedReport
from campaigns.inbox.models import Reply
from campaigns.inbox.unnamed import service
from campaigns.inbox.unnamed.likeness import FLOOD
from campaigns.inbox.unnamed.return_code import in_fours
from campaigns.inbox.unnamed.sent_forms import AGAIN_WITHIN
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.schema import metadata
from campaigns.staff.models import Role
from campaigns.web.session import database
from tests.factories import a_message, a_service
from tests.inbox.conversations.test_pages import fields_of
from tests.moments import standing_at
from tests.web.pages import Pages

TEXT = "They took our passports, the room is locked at night. Jaworzno, the white house."


def shown_fields(text: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text))


def tell(people: FlaskClient, text: str = TEXT, address: str = "/en/pl/w", **fields: str) -> str:
    """Report something, and return the code."""
    stamp = shown_fields(people.get(address).text)
    with standing_at(clock.now() + timedelta(seconds=5)):
        page = people.post(address, data=stamp | {"text": text, "answer": "yes"} | fields)
    assert page.status_code == 200, page.text
    return code_in(page.text)


def code_in(page: str) -> str:
    return "".join(re.findall(r"\d{4}(?= |</h2>)", page.partition('<h2 class="card code" dir="ltr">')[2])[:4])


def come_back(people: FlaskClient, code: str, **fields: str) -> str:
    return enter(people, code, **fields).text


def enter(people: FlaskClient, code: str, address: str = "127.0.0.1", **fields: str) -> TestResponse:
    stamp, there = shown_fields(people.get("/en/n").text), {"REMOTE_ADDR": address}
    return people.post("/en/n", data=stamp | fields | {"code": code}, environ_base=there)


def without_stamps(text: str) -> str:
    return re.sub(r'name="stamp" value="[^"]*"', "", text)


def act(people: FlaskClient, code: str, name: str, **fields: str) -> str:
    shown = shown_fields(come_back(people, code))
    with standing_at(clock.now() + timedelta(seconds=5)):
        return come_back(people, **shown | {"act": name} | fields)


def rows(pages: Pages) -> Mapping[str, int]:
    counted = (Contact, Conversation, Reply, UnnamedReport)
    with pages.sessions() as session:
        return {each.__name__: session.scalar(select(func.count()).select_from(each)) or 0 for each in counted}


@pytest.mark.both_databases
def test_report_is_answered_and_read_by_its_code(pages: Pages, people: FlaskClient) -> None:
    form = people.get("/en/pl/w")
    assert "Anna House" in form.text
    assert form.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in form.headers
    code = tell(people)
    assert re.fullmatch(r"\d{16}", code)
    assert "Nobody has read it yet" in come_back(people, code)
    member = pages.client(pages.member(Role.RESPONDER))
    assert "They took our passports" in member.get("/inbox").text
    with pages.sessions() as session:
        address = f"/inbox/{session.scalars(select(Conversation.id)).one()}"
    shown = member.get(address).text
    assert "Without a name" in shown
    assert "/audience/contacts" not in shown
    sent = member.post(f"{address}/answer", data={"words": "Stay inside, we call."} | fields_of(shown))
    assert sent.status_code == 302
    page = member.get(address).text
    assert "They find it when they come back with their code." in page
    assert "on its way" not in page
    assert "They find it by their code." in page
    thread = come_back(people, code)
    assert "Stay inside, we call." in thread
    assert "The team has answered" in thread
    assert "It has arrived." in act(people, code, "add", text="Thank you, they are back")
    assert "Thank you, they are back" in member.get("/inbox").text


def test_code_is_found_however_it_is_typed_and_stands_nowhere(pages: Pages, people: FlaskClient) -> None:
    code = tell(people)
    typed = code.translate(str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"))
    assert TEXT in unescape(come_back(people, "-".join(in_fours(typed))))
    assert TEXT in unescape(come_back(people, f" {' '.join(in_fours(code))} "))
    asked = [without_stamps(people.get(each).text) for each in (f"/en/n?code={code}", "/en/n")]
    assert asked[0] == asked[1]
    with pages.sessions() as session:
        kept = [row for table in metadata.sorted_tables for row in session.execute(select(table))]
    assert code not in str(kept)
    assert "passports" not in str(kept)


def test_whatever_no_code_opens_has_one_answer(pages: Pages, people: FlaskClient) -> None:
    erased, expired = tell(people), tell(people, "A quite different thing was seen at the station")
    assert "Everything is erased" in act(people, erased, "erase")
    with pages.sessions.begin() as session:
        session.execute(update(Conversation).values(last_at=clock.now() - service.KEPT_FOR))
    answers = {without_stamps(come_back(people, each)) for each in (erased, expired, "1" * 16, "x", "")}
    assert len(answers) == 1
    assert "There is nothing for this code" in answers.pop()


def _unopened(pages: Pages, people: FlaskClient) -> dict[str, str]:
    """Codes that open nothing, and why."""
    erased, expired = tell(people), tell(people, "A quite different thing was seen at the station")
    act(people, erased, "erase")
    with pages.sessions.begin() as session:
        session.execute(update(Conversation).values(last_at=clock.now() - service.KEPT_FOR))
    return {"erased": erased, "expired": expired, "unknown": "4" * 16, "wrong": "no code"}


def test_whatever_no_code_opens_asks_the_database_the_same(pages: Pages, people: FlaskClient) -> None:
    asked: dict[str, list[str]] = {}
    codes = _unopened(pages, people)
    come_back(people, "1")
    with pages.app.app_context():
        engine = database.engine
    for why, code in codes.items():
        said: list[str] = []
        stamp = shown_fields(people.get("/en/n").text)

        def note(*facts: Any, said: list[str] = said) -> None:
            said.append(facts[2])

        event.listen(engine, "before_cursor_execute", note)
        people.post("/en/n", data=stamp | {"code": code})
        event.remove(engine, "before_cursor_execute", note)
        asked[why] = said
    assert len(asked["unknown"]) > 3
    assert [why for why, said in asked.items() if said != asked["unknown"]] == []


@pytest.mark.slow
def test_whatever_no_code_opens_takes_as_long(pages: Pages, people: FlaskClient) -> None:
    codes, taken = _unopened(pages, people), defaultdict[str, list[float]](list)
    begun = clock.now() + timedelta(hours=1)
    for number in range(400):
        # Time enough for the limits to forget what was tried.
        with standing_at(begun + timedelta(hours=number)):
            for why in random.sample(sorted(codes), len(codes)):
                stamp = shown_fields(people.get("/en/n").text)
                # What others do on this machine meanwhile is no difference.
                since = process_time()
                people.post("/en/n", data=stamp | {"code": codes[why]})
                taken[why].append(process_time() - since)
    medians = {why: median(each) for why, each in taken.items()}
    assert max(medians.values()) <= 1.05 * min(medians.values()), medians


@pytest.mark.both_databases
def group_all(pages: Pages) -> None:
    """Put everybody who wrote into a group, as a data manager may."""
    with pages.sessions.begin() as session:
        by, kind = pages.member().id, GroupKind.COHORT
        group = create_group(session, pages.ours.id, kind=kind, name="Course", by=by)
        for contact in session.scalars(select(Contact)):
            set_groups(session, contact, [group.id])


def test_erased_and_expired_reports_leave_nothing(pages: Pages, people: FlaskClient) -> None:
    before, code = rows(pages), tell(people)
    act(people, code, "reach", text="+48 500 100 200")
    assert rows(pages)["Reply"] == 2
    group_all(pages)
    act(people, code, "erase")
    assert rows(pages) == before
    tell(people)
    with standing_at(clock.now() + service.KEPT_FOR - timedelta(hours=1)):
        assert service.erase_expired(pages.sessions) == 0
    with standing_at(clock.now() + service.KEPT_FOR + timedelta(minutes=1)):
        assert service.erase_expired(pages.sessions) == 1
    assert rows(pages) == before


def test_form_is_sent_once_and_by_whoever_had_time_to_read_it(pages: Pages, people: FlaskClient) -> None:
    shown, now = shown_fields(people.get("/en/w").text), clock.now()
    stamp = shown["stamp"]

    def sent(seconds: float, **fields: str) -> int:
        with standing_at(now + timedelta(seconds=seconds)):
            answer = people.post("/en/w", data=shown | {"text": "Hello"} | fields)
        shown_again.append("Hello</textarea>" in answer.text)
        return answer.status_code

    shown_again: list[bool] = []

    refused = [sent(1), sent(13 * 3_600), sent(5, stamp=f"{stamp}0"), sent(5, stamp=""), sent(5, url="x")]
    assert refused == [422] * 5
    assert (sent(5), sent(6 + AGAIN_WITHIN.total_seconds())) == (200, 422)
    # What was used before may be sent by whoever has the phone now.
    assert shown_again == [True] * 5 + [False] * 2
    assert rows(pages)["UnnamedReport"] == 1


def test_form_that_is_sent_again_shows_neither_thread_nor_text(people: FlaskClient) -> None:
    code = tell(people)
    opening = shown_fields(people.get("/en/n").text) | {"code": code}
    thread = people.post("/en/n", data=opening)
    adding = shown_fields(thread.text) | {"act": "add", "text": "He comes back at nine"}
    assert "It has arrived." in people.post("/en/n", data=adding).text
    again = [people.post("/en/n", data=each) for each in (opening, adding, {"code": code})]
    assert [each.status_code for each in again] == [422] * 3
    assert len({without_stamps(each.text) for each in again}) == 1
    assert "This form was used before" in again[0].text
    assert "comes back at nine" in come_back(people, code)


@pytest.mark.parametrize(("name", "hours"), [("add", 13), ("reach", 13), ("add", 0), ("reach", 0)])
def test_what_is_written_for_a_report_is_lost_neither_to_guessers_nor_over_night(
    people: FlaskClient, name: str, hours: int
) -> None:
    code, now, late = tell(people), clock.now(), timedelta(hours=hours)
    with standing_at(now):
        form = shown_fields(come_back(people, code)) | {"act": name, "text": "He comes back at nine"}
    with standing_at(now + late):
        if not hours:
            assert [enter(people, str(each)).status_code for each in range(11)][-1] == 429
        refused = people.post("/en/n", data=form)
        assert (refused.status_code, "He comes back at nine" in refused.text) == (422 if hours else 429, True)
    with standing_at(now + late + timedelta(minutes=10)):
        # Whoever types the code again sends what they wrote.
        kept = shown_fields(refused.text) | {"text": "He comes back at nine", "code": code}
        assert kept["act"] == name
        assert "It has arrived." in people.post("/en/n", data=kept).text
    with standing_at(now + late + timedelta(hours=13)):
        # Nor is it shown to whoever goes back and sends it again.
        assert "at nine" not in people.post("/en/n", data=kept).text


def test_sixth_report_of_a_network_reads_whom_to_call(pages: Pages, people: FlaskClient) -> None:
    texts = (
        "the bridge was closed",
        "my brother has gone",
        "who pays for bread",
        "bus number nine",
        "rain came in",
    )
    for text in texts:
        tell(people, text)
    stamp = shown_fields(people.get("/en/pl/w").text)
    with standing_at(clock.now() + timedelta(seconds=5)):
        answer = people.post("/en/pl/w", data=stamp | {"text": "One more"})
        other = people.post(
            "/en/w", data={"text": "Far away"} | stamp, environ_base={"REMOTE_ADDR": "198.51.100.7"}
        )
    assert answer.status_code == 429
    assert 'href="tel:112"' in answer.text
    assert "One more</textarea>" in answer.text
    # Whoever was refused used nothing up; a network is no longer than its neighbourhood.
    assert other.status_code == 200
    assert rows(pages)["UnnamedReport"] == len(texts) + 1


def test_guessing_ends_and_keeps_nobody_else_out(pages: Pages, people: FlaskClient) -> None:
    code = tell(people)
    with standing_at(clock.now()):
        tried = [enter(people, str(each)).status_code for each in range(12)]
        assert tried == [422] * 10 + [429] * 2
        found = [enter(people, code, "198.51.100.7").status_code for _ in range(12)]
        assert found == [200] * 12
        everybody = [f"203.0.{each}.1" for each in range(70)]
        more = [enter(people, "1", each).status_code for each in everybody]
        # Of the networks that came late each had two tries more.
        assert more == [422] * 70
        assert [enter(people, "1", each).status_code for each in everybody[-1:] * 3] == [422, 429, 429]
        assert [enter(people, code, "192.0.2.7").status_code for _ in range(12)] == [200] * 12


def test_theme_is_noted_of_neither_the_same_again_nor_a_flood(pages: Pages, vault: Vault) -> None:
    told = service.Told(pages.ours.id, "", "en", may_answer=True, theme=Theme.FOOD)
    same = "Win a phone now at our lovely shop near the old bridge"
    alike = [same, f"{same} now", *("".join(pick) for pick in product("bdfg", "aeiou", ("l", "lo")))]
    with pages.sessions.begin() as session:
        for text in alike:
            service.begin_report(session, replace(told, text=text), vault=vault)
    with pages.sessions() as session:
        noted = session.scalars(select(ConversationTheme.conversation_id)).all()
        written = session.scalars(select(Conversation.id).order_by(Conversation.id)).all()
    assert sorted(noted) == [written[0], *written[2:FLOOD]]


def test_who_wants_no_answer_has_none(pages: Pages, people: FlaskClient) -> None:
    tell(people, answer="no")
    member = pages.client(pages.member(Role.RESPONDER))
    with pages.sessions() as session:
        address = f"/inbox/{session.scalars(select(Conversation.id)).one()}"
    shown = member.get(address).text
    assert "They want no answer." in shown
    refused = member.post(f"{address}/answer", data={"words": "Hello"} | fields_of(shown))
    assert refused.status_code == 422


def test_complaint_is_read_by_whoever_is_named(pages: Pages, people: FlaskClient) -> None:
    assert "A complaint about us" not in people.get("/en/w").text
    reader, helper = pages.member(Role.RESPONDER), pages.member(Role.RESPONDER)
    with pages.sessions.begin() as session:
        session.add(ComplaintReader(organisation_id=pages.ours.id, member_id=reader.id))
    assert "A complaint about us" in people.get("/en/w").text
    code = tell(people, "Your helper asked me for money", theme="us")
    assert "asked me for money" not in pages.client(helper).get("/inbox").text
    assert "Your helper asked me for money" in come_back(people, code)
    with pages.sessions() as session:
        assert session.scalars(select(Conversation.is_complaint)).all() == [True]


def test_member_marks_a_report_without_a_name_as_a_complaint(pages: Pages, people: FlaskClient) -> None:
    reader, helper = pages.member(Role.VIEWER), pages.member(Role.RESPONDER)
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        message = a_message(session, ours, {"en": "Our safeguarding lead reads this."}, title="Complaint")
        choose(session, ours, {Occasion.COMPLAINT: message.id}, by=helper.id)
        session.add(ComplaintReader(organisation_id=ours.id, member_id=reader.id))
    tell(people, "Your helper asked me for money")
    with pages.sessions() as session:
        which = session.scalars(select(Conversation.id)).one()
    marked = pages.client(helper).post(
        f"/complaints/mark/{which}", data={"reader": "setting"}, follow_redirects=True
    )
    assert "The person was not told" in marked.text
    assert "asked me for money" in pages.client(reader).get("/complaints/1").text


@pytest.mark.parametrize("begins", ["the and for ", ""])
@pytest.mark.parametrize("junk", [60, pytest.param(5_000, marks=pytest.mark.slow)])
def test_real_people_stay_on_the_first_page_of_a_flood(pages: Pages, vault: Vault, junk: int, begins: str) -> None:
    pick = random.Random(26)
    real = ("I am locked in and they beat me", "Мене замкнули, допоможіть", "I want to report a man at a station")
    with pages.sessions.begin() as session:
        for number in range(junk):
            words = " ".join(f"{pick.choice('bcdfgh')}a{pick.randrange(900)}lo" for _ in range(9))
            told = service.Told(pages.ours.id, f"{begins}{words}", "en", may_answer=True)
            service.begin_report(session, told, vault=vault)
            if number % (junk // 3) == junk // 4:
                text = real[number // (junk // 3)]
                service.begin_report(session, replace(told, text=text), vault=vault)
        for number in range(junk // 7):
            same = f"Win a phone now at our lovely shop near the old bridge and tell all of your friends {number}"
            service.begin_report(session, replace(told, text=same), vault=vault)
    page = unescape(pages.client(pages.member(Role.RESPONDER)).get("/inbox?languages=all").text)
    assert [text for text in real if text not in page] == []
    with pages.sessions() as session:
        alike = select(func.count()).where(UnnamedReport.same_as_id.is_not(None))
        assert (session.scalar(alike) or 0) >= junk // 7 - 1


def test_member_reads_how_they_can_be_reached_and_what_country_it_is_about(
    pages: Pages, people: FlaskClient
) -> None:
    with pages.sessions.begin() as session:
        a_service(session, pages.ours, name="Line of Poland", verified_on=clock.now().date())
    code = tell(people)
    act(people, code, "reach", text="anna@example.org")
    member = pages.client(pages.member(Role.RESPONDER))
    with pages.sessions() as session:
        shown = member.get(f"/inbox/{session.scalars(select(Conversation.id)).one()}").text
    assert shown.count("How they can be reached") == 1
    assert "anna@example.org" in shown
    assert "Poland" in shown
    assert "Line of Poland" in shown

"""Near-equal reports stand in one row of the queue: nobody outside learns anything of it, and nobody is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, delete, event, func, select, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.database import make_sessions
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.answers.answer_runs import AnswerText
from campaigns.inbox.complaints.service import ReadBy, complain
from campaigns.inbox.conversations.left_answers import leave_answer
from campaigns.inbox.conversations.models import Answer, Conversation, ConversationState, UnnamedReport
from campaigns.inbox.models import ReplyKind
from campaigns.inbox.unnamed import service
from campaigns.inbox.unnamed.likeness import FLOOD, FLOOD_WITHIN, is_flood, judged_in_flood
from campaigns.inbox.urgency.judging import Judged, judge
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.word_lists import Reason
from campaigns.staff.models import LeakyBucket, Role
from tests.inbox.conversations.test_pages import fields_of
from tests.inbox.unnamed.test_whole_way import TEXT as DANGER
from tests.inbox.unnamed.test_whole_way import act, come_back, tell
from tests.moments import standing_at
from tests.postgres import empty_tables
from tests.web.pages import Pages

TEXT = "The driver of the white bus takes the phones of all women at the second stop after the bridge"
NOBODY_YET = "Nobody has read it yet"
ANSWER = "We know, take another bus."


def tell_alike(people: FlaskClient, many: int = 3) -> list[str]:
    return [tell(people, f"{TEXT} {each}") for each in ("today", "again", "indeed")[:many]]


def waiting(pages: Pages) -> list[int]:
    with pages.sessions() as session:
        found = select(Conversation.id).where(Conversation.waiting_since.is_not(None)).order_by(Conversation.id)
        return list(session.scalars(found))


def answer(pages: Pages, conversation_id: int, **fields: str) -> None:
    member, address = pages.client(pages.member(Role.RESPONDER)), f"/inbox/{conversation_id}"
    shown = member.get(address).text
    assert member.post(f"{address}/answer", data={"words": ANSWER} | fields | fields_of(shown)).status_code == 302


def close(pages: Pages, conversation_id: int) -> None:
    member, address = pages.client(pages.member(Role.RESPONDER)), f"/inbox/{conversation_id}"
    shown = member.get(address).text
    assert member.post(f"{address}/close", data={"outcome": "abuse"} | fields_of(shown)).status_code == 302


@pytest.mark.both_databases
def test_answer_is_left_for_the_others_where_the_member_says_so(pages: Pages, people: FlaskClient) -> None:
    codes = tell_alike(people)
    member = pages.client(pages.member(Role.RESPONDER))
    queue = member.get("/inbox").text
    assert queue.count("The driver of the white bus") == 1
    assert "2 more say nearly the same" in queue
    [first] = waiting(pages)
    assert "It tells nothing about this person" in member.get(f"/inbox/{first}").text
    answer(pages, first, to_alike="y")
    shown = [come_back(people, code) for code in codes]
    assert [ANSWER in each and "The team has answered" in each for each in shown] == [True] * 3
    assert waiting(pages) == []


def test_reports_like_a_complaint_stay_with_the_team_and_get_nothing_of_its_readers(
    pages: Pages, people: FlaskClient, vault: Vault
) -> None:
    tell_alike(people)
    by, [first] = pages.member(Role.RESPONDER).id, waiting(pages)
    with pages.sessions.begin() as session:
        complain(session, session.get_one(Conversation, first), chosen=ReadBy())
    assert len(waiting(pages)) == 2
    with pages.sessions.begin() as session:
        text = AnswerText("en", ANSWER)
        leave_answer(session, session.get_one(Conversation, first), text, by=by, vault=vault, to_alike=True)
        assert session.scalars(select(Answer.conversation_id)).all() == [first]
        same = session.scalars(select(UnnamedReport.same_as_id).order_by(UnnamedReport.conversation_id)).all()
        assert same == [None, None, first + 1]


def test_who_guesses_the_words_of_another_learns_and_gets_nothing(pages: Pages, people: FlaskClient) -> None:
    codes = tell_alike(people, 2)
    alone = tell(people, "Something else entirely was seen near the harbour")

    def told(code: str) -> str:
        return come_back(people, code).partition("<strong>")[2].partition("</strong>")[0]

    assert told(codes[1]) == told(alone)
    answer(pages, waiting(pages)[0])
    assert ANSWER in come_back(people, codes[0])
    assert ANSWER not in come_back(people, codes[1])
    assert told(codes[1]) == told(alone)


def test_who_may_be_in_danger_stands_alone(pages: Pages, people: FlaskClient) -> None:
    assert judge(DANGER, ReplyKind.TEXT).urgency >= Urgency.DAY
    tell(people, DANGER)
    tell(people, DANGER)
    assert len(waiting(pages)) == 2


@pytest.mark.one_database
@pytest.mark.parametrize(
    "end",
    [
        lambda pages, people, code: answer(pages, waiting(pages)[0]),
        lambda pages, people, code: close(pages, waiting(pages)[0]),
        lambda pages, people, code: act(people, code, "erase"),
        lambda pages, people, code: act(people, code, "add", text="And they have my passport"),
        lambda pages, people, code: act(people, code, "reach", text="anna@example.org"),
    ],
    ids=["answered", "closed", "erased", "added to", "revealed"],
)
def test_next_of_its_kind_waits_for_the_rest_when_the_first_stands_for_them_no_more(
    pages: Pages, people: FlaskClient, end: Callable[[Pages, FlaskClient, str], object]
) -> None:
    codes = tell_alike(people)
    [first] = waiting(pages)
    end(pages, people, codes[0])
    [second] = set(waiting(pages)) - {first}
    assert [NOBODY_YET in come_back(people, code) for code in codes[1:]] == [True] * 2
    answer(pages, second, to_alike="y")
    assert [ANSWER in come_back(people, code) for code in codes[1:]] == [True] * 2
    assert set(waiting(pages)) <= {first}


def test_who_writes_more_waits_alone(pages: Pages, people: FlaskClient) -> None:
    codes = tell_alike(people)
    act(people, codes[1], "add", text="And they have my passport")
    first, second = waiting(pages)
    answer(pages, first, to_alike="y")
    assert [ANSWER in come_back(people, code) for code in codes] == [True, False, True]
    assert waiting(pages) == [second]


@pytest.mark.both_databases
def test_report_waits_itself_where_the_other_was_answered_meanwhile(
    pages: Pages, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = service.Told(pages.ours.id, TEXT, "en", may_answer=True)
    with pages.sessions.begin() as session:
        service.begin_report(session, told, vault=vault)
        session.flush()
        monkeypatch.setattr("campaigns.inbox.unnamed.likeness._is_near", _answered_meanwhile(session))
        service.begin_report(session, told, vault=vault)
        assert session.scalars(select(UnnamedReport.same_as_id)).all() == [None, None]
        found = select(func.count()).where(Conversation.state == ConversationState.NEW)
        assert session.scalar(found) == 1


def _answered_meanwhile(session: Session) -> Callable[..., bool]:
    ended = update(Conversation).values(state=ConversationState.ANSWERED, waiting_since=None)

    def is_near(*words: object) -> bool:
        session.execute(ended, execution_options={"synchronize_session": False})
        return True

    return is_near


def test_nobody_reads_that_the_team_answered_where_no_answer_is(pages: Pages, people: FlaskClient) -> None:
    code = tell(people)
    with pages.sessions.begin() as session:
        session.execute(update(Conversation).values(state=ConversationState.ANSWERED, waiting_since=None))
    assert NOBODY_YET in come_back(people, code)


@pytest.mark.parametrize("heading", ["unlisted_language", "no_words"])
def test_of_a_flood_junk_that_no_list_knows_comes_behind_questions(
    pages: Pages, vault: Vault, heading: str
) -> None:
    told, now = service.Told(pages.ours.id, "", "en", may_answer=True), clock.now()
    strange = Judged(Urgency.DAY, (Reason(heading),))
    with pages.sessions.begin() as session, standing_at(now):
        for number in range(FLOOD + 1):
            words = " ".join(f"zq{number}xk{each}" for each in range(6))
            service.begin_report(session, replace(told, text=words), vault=vault)
        judged = session.scalars(select(Conversation.reasons).order_by(Conversation.id)).all()
        last = [each[-1]["heading"] if each else "" for each in judged]
        assert [each == "machine" for each in last] == [False] * FLOOD + [True]
        # It is one for as long again, even if nobody writes, and then none.
        later = [is_flood(session, pages.ours.id, vault, now=now + each * FLOOD_WITHIN) for each in (0.0, 2.5)]
    assert later == [True, False]
    junk, question = judged_in_flood(strange), judged_in_flood(Judged(Urgency.QUESTION))
    found = Judged(Urgency.REPORT, (Reason("report_suspicion"), Reason(heading)))
    assert judged_in_flood(found) == found
    assert junk.urgency < question.urgency < found.urgency


def test_report_is_not_lost_where_another_removes_the_bucket_meanwhile(
    postgres_engine: Engine, vault: Vault
) -> None:
    """On PostgreSQL alone: SQLite has one writer at a time."""
    sessions, now = make_sessions(postgres_engine), clock.now()
    with sessions.begin() as session:
        is_flood(session, 1, vault, now=now - FLOOD_WITHIN)
    removed: list[str] = []

    def remove_after(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("INSERT INTO leaky_bucket") and not removed:
            removed.append(statement)
            with sessions.begin() as other:
                other.execute(delete(LeakyBucket))

    event.listen(postgres_engine, "after_cursor_execute", remove_after)
    try:
        with sessions.begin() as session:
            assert not is_flood(session, 1, vault, now=now)
        assert removed
    finally:
        event.remove(postgres_engine, "after_cursor_execute", remove_after)
        empty_tables(postgres_engine)

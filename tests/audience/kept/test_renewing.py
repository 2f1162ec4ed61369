"""A count is kept by its question, dated, and renewed by a worker: once, whole, and again after a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.kept.counting import Count, Row, Span
from campaigns.audience.kept.keeping import Counted, ask, ask_again, ask_all, find_counted, forget_counts
from campaigns.audience.kept.people_questions import (
    PEOPLE,
    PeopleQuestion,
    ask_capped,
    ask_contacts,
    ask_people,
    ask_silent,
)
from campaigns.audience.kept.renewing import CLAIMED_FOR, MOST_BESIDE, Claimed, Renewal, _write
from campaigns.audience.models import Contact, KeptCount
from campaigns.audience.queries import contacts_from
from campaigns.audience.rules import AudienceRule
from campaigns.audience.service import import_file
from campaigns.audience.silence import silence_from
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import load_settings
from campaigns.erasing.service import Why, ask_to_erase
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned
from campaigns.upkeep import COUNTS
from tests.audience.people import RESOLUTION, person
from tests.factories import NOON, an_organisation
from tests.moments import standing_at

pytestmark = pytest.mark.one_database

EVERYBODY = ask_people(AudienceRule(), RESOLUTION)
IN_TURKISH = ask_people(AudienceRule(), replace(RESOLUTION, languages=("tr",)))
CAPPED = ask_capped(AudienceRule(), RESOLUTION, messages=2, days=7)
LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def ours(sessions: sessionmaker[Session], vault: Vault) -> Organisation:
    """An organisation of seven people who get a text, beside another of one."""
    with sessions.begin() as session:
        ours = an_organisation(session)
        for _ in range(7):
            person(session, ours, vault)
        person(session, an_organisation(session), vault)
    return ours


def asked(sessions: sessionmaker[Session], ours: Organisation, *questions: PeopleQuestion) -> None:
    with sessions.begin() as session, standing_at(NOON):
        ask(session, ours.id, questions or [EVERYBODY], now=NOON)


def known(sessions: sessionmaker[Session], ours: Organisation, question: PeopleQuestion = EVERYBODY) -> Counted:
    with sessions() as session:
        return find_counted(session, ours.id, [question])[0]


def people(counted: Counted) -> int:
    assert counted.rows is not None
    return sum(row[-1] for row in counted.rows)


def renewal(sessions: sessionmaker[Session], **changes: Any) -> Renewal:
    usual: dict[str, Any] = {"counts": COUNTS, "may_go_on": lambda _: True, "part": 2}
    return Renewal(sessions, **(usual | changes))


@pytest.mark.both_databases
def test_parts_of_a_count_add_up(sessions: sessionmaker[Session], ours: Organisation) -> None:
    nobody = ask_people(AudienceRule(languages=("xx",)), RESOLUTION)
    asked(sessions, ours, EVERYBODY, nobody, ask_contacts(), ask_silent(30))
    with standing_at(LATER):
        assert renewal(sessions).renew() == 4
    found = known(sessions, ours)
    assert (people(found), found.counted_at, found.asked_at) == (7, LATER, None)
    assert known(sessions, ours, nobody).rows == ()
    assert contacts_from(known(sessions, ours, ask_contacts()).rows or ()).by_state == {"active": 7}
    assert silence_from(known(sessions, ours, ask_silent(30)).rows or ()).silent == 0


@pytest.mark.both_databases
def test_two_who_ask_at_once_make_one_row(sessions: sessionmaker[Session], ours: Organisation) -> None:
    def ask_later() -> None:
        with sessions.begin() as session:
            ask(session, ours.id, [EVERYBODY, EVERYBODY], now=LATER)

    with ThreadPoolExecutor() as threads, sessions() as one:
        ask(one, ours.id, [EVERYBODY], now=NOON)
        other = threads.submit(ask_later)
        # It waits for the row that is not committed yet.
        assert not wait([other], timeout=0.2).done
        one.commit()
        other.result(timeout=5)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(KeptCount)) == 1
    assert known(sessions, ours).asked_at == NOON


def test_counted_once_by_two_workers(sessions: sessionmaker[Session], ours: Organisation) -> None:
    """What one counts, another leaves alone."""
    asked(sessions, ours)
    others = []

    def look(_: float) -> bool:
        others.append(renewal(sessions).renew())
        return True

    with standing_at(LATER):
        assert renewal(sessions, may_go_on=look).renew() == 1
    assert set(others) == {0}


@pytest.mark.both_databases
def test_old_figures_are_read_while_new_ones_are_counted(
    sessions: sessionmaker[Session], ours: Organisation, vault: Vault
) -> None:
    asked(sessions, ours)
    seen: list[Counted] = []

    def look(_: float) -> bool:
        seen.append(known(sessions, ours))
        return True

    with standing_at(NOON + timedelta(seconds=1)):
        renewal(sessions).renew()
    with sessions.begin() as session:
        person(session, session.get_one(Organisation, ours.id), vault)
        ask_again(session, ours.id, [EVERYBODY.digest], now=LATER)
    with standing_at(LATER):
        renewal(sessions, may_go_on=look).renew()
    assert {people(each) for each in seen} == {7}
    shares = [each.share for each in seen]
    assert shares == sorted(shares)
    assert 0 < shares[-1] < 1
    assert people(known(sessions, ours)) == 8


def test_killed_worker_is_taken_over_from(sessions: sessionmaker[Session], ours: Organisation) -> None:
    asked(sessions, ours)

    def die(_: float) -> bool:
        raise KeyboardInterrupt

    with standing_at(NOON), pytest.raises(KeyboardInterrupt):
        renewal(sessions, may_go_on=die).renew()
    with standing_at(NOON + CLAIMED_FOR / 2):
        assert renewal(sessions).renew() == 0
    with standing_at(NOON + CLAIMED_FOR):
        assert renewal(sessions).renew() == 1
    assert people(known(sessions, ours)) == 7


def test_stopped_worker_gives_its_question_back(sessions: sessionmaker[Session], ours: Organisation) -> None:
    asked(sessions, ours)
    with standing_at(NOON):
        assert renewal(sessions, may_go_on=lambda _: False).renew() == 0
        assert renewal(sessions).renew() == 1


def test_change_during_a_count_is_counted_after_it(
    sessions: sessionmaker[Session], ours: Organisation, vault: Vault
) -> None:
    """People who are imported behind what a count has gone through are not missed."""
    asked(sessions, ours)
    changed: list[Contact] = []

    def change(_: float) -> bool:
        if not changed:
            with sessions.begin() as session:
                changed.append(person(session, session.get_one(Organisation, ours.id), vault))
                ask_all(session, ours.id, now=LATER)
        return True

    with standing_at(NOON):
        assert renewal(sessions, may_go_on=change).renew() == 1
    with standing_at(LATER):
        assert renewal(sessions).renew() == 1
    assert people(known(sessions, ours)) == 8


@pytest.mark.both_databases
def test_erasure_during_a_count_is_in_none_of_its_figures(
    sessions: sessionmaker[Session], ours: Organisation, vault: Vault
) -> None:
    """All parts of a count are of the moment at which it began, and the next count is of the next moment."""
    asked(sessions, ours, ask_contacts())
    going: list[int] = []

    def erase(_: float) -> bool:
        """Erase one person whom the count has gone past and one whom it comes to, after its first part."""
        if not going:
            with sessions.begin() as session:
                people = session.scalars(owned(select(Contact), Contact, ours.id).order_by(Contact.id)).all()
                for one in (people[0], people[-1]):
                    going.append(one.id)
                    ask_to_erase(session, one, by=None, why=Why.ASKED, words="", vault=vault)
        return True

    with standing_at(NOON):
        assert renewal(sessions, may_go_on=erase).renew() == 1
    found = contacts_from(known(sessions, ours, ask_contacts()).rows or ())
    assert (found.total, found.by_state, len(going)) == (7, {"active": 7}, 2)
    with sessions.begin() as session:
        ask_again(session, ours.id, [ask_contacts().digest], now=LATER)
    with standing_at(LATER):
        assert renewal(sessions).renew() == 1
    after = contacts_from(known(sessions, ours, ask_contacts()).rows or ())
    assert (after.total, after.by_state) == (5, {"active": 5})


@pytest.mark.both_databases
def test_what_stands_beside_each_other_is_counted_at_one_moment(
    sessions: sessionmaker[Session], ours: Organisation, vault: Vault
) -> None:
    """A page sets several questions on a rule against each other, such as whom it means on each channel."""
    other = ask_people(AudienceRule(), replace(RESOLUTION, languages=("uk",)))
    asked(sessions, ours, EVERYBODY, ask_contacts())
    with standing_at(LATER):
        asked(sessions, ours, other)
    joined: list[Contact] = []

    def join(_: float) -> bool:
        with sessions.begin() as session:
            joined.append(person(session, session.get_one(Organisation, ours.id), vault))
        return True

    with standing_at(LATER):
        assert renewal(sessions, may_go_on=join).renew() == 3
    found = [known(sessions, ours, each) for each in (EVERYBODY, other)]
    assert {(people(each), each.counted_at, each.asked_at) for each in found} == {(7, LATER, None)}
    assert len(joined) > 4


@pytest.mark.both_databases
def test_who_had_enough_is_counted_with_the_people_whom_a_page_showed_before(
    sessions: sessionmaker[Session], ours: Organisation
) -> None:
    """One page shows the people alone, and another those of them who had enough, before the first count is old."""
    asked(sessions, ours, EVERYBODY, IN_TURKISH)
    with standing_at(NOON):
        renewal(sessions).renew()
    asked(sessions, ours, CAPPED)
    with standing_at(LATER):
        assert renewal(sessions).renew() == 2
    found = [known(sessions, ours, each) for each in (EVERYBODY, CAPPED)]
    assert {(each.counted_at, each.asked_at) for each in found} == {(LATER, None)}
    # Neither is counted anew before the other.
    assert found[0].took == found[1].took
    assert known(sessions, ours, IN_TURKISH).counted_at == NOON


@pytest.mark.both_databases
def test_people_whom_another_worker_counts_are_counted_with_who_had_enough(
    sessions: sessionmaker[Session], ours: Organisation
) -> None:
    others: list[int] = []

    def go_on(_: float) -> bool:
        if not others:
            with standing_at(LATER):
                asked(sessions, ours, CAPPED)
                others.append(renewal(sessions).renew())
        return True

    asked(sessions, ours)
    with standing_at(NOON):
        renewal(sessions, may_go_on=go_on).renew()
    assert others == [2]
    assert {known(sessions, ours, each).counted_at for each in (EVERYBODY, CAPPED)} == {LATER}


def test_many_questions_on_other_rules_part_none_of_one_rule(
    sessions: sessionmaker[Session], ours: Organisation
) -> None:
    others = [ask_people(AudienceRule(place_ids=(number,)), RESOLUTION) for number in range(1, MOST_BESIDE + 2)]
    with sessions.begin() as session:
        for minute, questions in enumerate(([IN_TURKISH], others, [EVERYBODY])):
            ask(session, ours.id, questions, now=NOON + timedelta(minutes=minute))
    counted: list[bool] = []

    def note(session: Session, values: Mapping[str, Any], span: Span) -> Iterable[Row]:
        counted.append(values["rule"] == {})
        return []

    renewal(sessions, counts={PEOPLE: note}, part=99).renew()
    assert counted[:3] == [True, True, False]


@pytest.mark.both_databases
@pytest.mark.parametrize("how", ["import", "member", "worker", "upkeep"])
def test_nobody_who_writes_to_several_counts_meets_a_page_that_asks(
    sessions: sessionmaker[Session], ours: Organisation, how: str
) -> None:
    """An import that meets one would be rolled back."""
    first, second = sorted((EVERYBODY, IN_TURKISH), key=lambda each: each.digest)
    # Older rows come first where a statement takes them as they lie.
    for question in (second, first):
        asked(sessions, ours, question)
    digests, old = [first.digest, second.digest], NOON + timedelta(days=30)
    with sessions.begin() as session:
        ids = session.scalars(select(KeptCount.id)).all()
        session.execute(update(KeptCount).values(began_at=NOON))
    claimed = Claimed(ours.id, NOON, dict.fromkeys(ids, ("", {})))
    writes: dict[str, Callable[[Session], None]] = {
        "import": lambda session: ask_all(session, ours.id, now=NOON),
        "member": lambda session: ask_again(session, ours.id, digests, now=NOON),
        "worker": lambda session: _write(session, claimed, done=1),
        "upkeep": lambda session: forget_counts(session, now=old),
    }

    def write() -> None:
        with sessions.begin() as session:
            writes[how](session)

    with ThreadPoolExecutor() as threads, sessions.begin() as page:
        ask(page, ours.id, [first], now=NOON)
        other = threads.submit(write)
        assert not wait([other], timeout=0.2).done
        ask(page, ours.id, [second], now=NOON)
        page.commit()
        other.result(timeout=5)


@pytest.mark.both_databases
def test_rule_that_cannot_be_read_is_given_up(sessions: sessionmaker[Session], ours: Organisation) -> None:
    bad = PeopleQuestion(PEOPLE, {**EVERYBODY.values, "rule": {"nonsense": 1}})
    asked(sessions, ours, bad)
    assert renewal(sessions).renew() == 1
    found = known(sessions, ours, bad)
    assert (found.rows, found.asked_at) == (None, None)


def test_failing_question_holds_up_no_other(sessions: sessionmaker[Session], ours: Organisation) -> None:
    def fail(session: Session, values: Mapping[str, Any], span: Span) -> Iterable[Row]:
        raise RuntimeError("broken")

    asked(sessions, ours, EVERYBODY, ask_contacts())
    counts: dict[str, Count] = {**COUNTS, PEOPLE: fail}
    broken = renewal(sessions, counts=counts)
    with standing_at(LATER):
        for _ in range(2):
            try:
                broken.renew()
            except RuntimeError:
                continue
    assert known(sessions, ours, ask_contacts()).counted_at == LATER


def test_organisations_take_turns(sessions: sessionmaker[Session], ours: Organisation) -> None:
    """Many questions of one organisation hold up no other by more than one."""
    with sessions.begin() as session:
        theirs = an_organisation(session)
    asked(sessions, theirs, *(ask_silent(days) for days in range(1, 5)))
    turns: list[int] = []

    def note(session: Session, values: Mapping[str, Any], span: Span) -> Iterable[Row]:
        if span.after is None:
            turns.append(span.organisation_id)
        return []

    counts = dict.fromkeys(COUNTS, note)
    with standing_at(NOON):
        renewal(sessions, counts=counts, may_go_on=lambda _: len(turns) < 2).renew()
    asked(sessions, ours)
    with standing_at(LATER):
        renewal(sessions, counts=counts).renew()
    assert turns.index(ours.id) == 2


def test_count_that_no_page_needs_is_forgotten(sessions: sessionmaker[Session], ours: Organisation) -> None:
    asked(sessions, ours)
    for days, kept in ((6, 1), (8, 0)):
        with sessions.begin() as session:
            forget_counts(session, now=NOON + timedelta(days=days))
            assert session.scalar(select(func.count()).select_from(KeptCount)) == kept


def test_long_count_stays_fresh_for_longer() -> None:
    def is_old(minutes: float, took: float) -> bool:
        counted = Counted("", (), NOON, took=timedelta(seconds=took))
        return counted.is_old(NOON + timedelta(minutes=minutes))

    assert not is_old(0.9, took=0)
    assert is_old(1.1, took=0)
    assert not is_old(3, took=10)
    assert is_old(3.5, took=10)
    assert Counted("").is_old(NOON)


def test_import_has_everything_counted_that_was_looked_at_today(
    sessions: sessionmaker[Session], ours: Organisation, vault: Vault
) -> None:
    data = b"number,language,consent_date,consent_how\n+380671234567,uk,2026-02-01,form A\n"
    asked(sessions, ours)
    with standing_at(NOON):
        renewal(sessions).renew()
    with sessions.begin() as session, standing_at(LATER):
        import_file(session, ours.id, "f.csv", data, by=None, vault=vault, settings=load_settings({}))
    with standing_at(LATER):
        assert renewal(sessions).renew() == 1
    assert people(known(sessions, ours)) == 8

"""Passwords cannot be guessed, and guessing keeps nobody out who signed in from their device before."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from campaigns.app import create_app
from campaigns.core import clock
from campaigns.staff.models import AuditEntry, LeakyBucket, Member, Role
from campaigns.staff.sign_in import password_checks
from campaigns.staff.sign_in.password_checks import PER_ACCOUNT_AND_NETWORK, PER_KNOWN_DEVICE, PER_SESSION
from campaigns.staff.sign_in.passwords import hash_password
from tests.factories import a_campaign, a_run
from tests.web.pages import Pages, let_go, page_settings

pytestmark = pytest.mark.one_database

EMAIL, PASSWORD, WRONG = "olena@example.org", "correct horse battery", "wrong horse battery"
CLOSED = "Too many attempts"


@pytest.fixture
def member(pages: Pages) -> Member:
    return pages.member(Role.APPROVER, email=EMAIL, password=hash_password(PASSWORD))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Compare without hashing; the list has every password that was compared."""
    compared: list[str] = []

    def compare(hashed: str, password: str) -> str | None:
        compared.append(password)
        return hashed if password == PASSWORD else None

    monkeypatch.setattr(password_checks, "renewed_hash", compare)
    return compared


def sign_in(
    client: FlaskClient, password: str = WRONG, *, email: str = EMAIL, address: str = "192.0.2.7", **headers: str
) -> TestResponse:
    return client.post(
        "/sign-in",
        data={"email": email, "password": password},
        environ_overrides={"REMOTE_ADDR": address},
        headers=headers,
    )


def actions(pages: Pages) -> list[str]:
    with pages.sessions() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_guesses_at_one_account_end_before_the_right_one(pages: Pages, member: Member, quick: list[str]) -> None:
    answers = [sign_in(pages.client()) for _ in range(PER_ACCOUNT_AND_NETWORK)]
    assert not any(CLOSED in answer.text for answer in answers)
    assert CLOSED in sign_in(pages.client(), PASSWORD).text
    assert len(quick) == PER_ACCOUNT_AND_NETWORK


@pytest.mark.both_databases
def test_guesses_at_the_same_moment_are_counted_before_they_are_compared(
    pages: Pages, member: Member, quick: list[str]
) -> None:
    start = threading.Barrier(64)

    def guess(number: int) -> TestResponse:
        start.wait(30)
        return sign_in(pages.client(), f"{WRONG} {number}")

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(guess, range(64)))
    assert len(quick) == PER_ACCOUNT_AND_NETWORK
    # The others were refused: by the limit, or because no more find a place among those who wait.
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert sum(CLOSED in answer.text for answer in answers) >= 1


def test_every_process_counts_for_all_and_restarts_forget_nothing(
    pages: Pages, member: Member, engine: Engine, quick: list[str]
) -> None:
    second, third = (create_app(page_settings(engine)) for _ in range(2))
    for process in (second, third):
        process.config["WTF_CSRF_ENABLED"] = False
    for number in range(PER_ACCOUNT_AND_NETWORK):
        sign_in((pages.app, second)[number % 2].test_client())
    for process in (pages.app, second, third):
        assert CLOSED in sign_in(process.test_client(), PASSWORD).text
    for process in (second, third):
        let_go(process)


@pytest.mark.usefixtures("small")
def test_strangers_cannot_keep_a_known_device_out(pages: Pages, member: Member, quick: list[str]) -> None:
    own = pages.client()
    assert sign_in(own, PASSWORD).status_code == 302
    own.post("/sign-out")
    for number in range(30):
        sign_in(pages.client(), address=f"198.51.{number}.7")
    assert CLOSED in sign_in(pages.client(), PASSWORD).text
    assert sign_in(own, PASSWORD).status_code == 302


def test_known_device_guesses_no_more_than_another(pages: Pages, member: Member, quick: list[str]) -> None:
    own = pages.client()
    sign_in(own, PASSWORD)
    own.post("/sign-out")
    quick.clear()
    for _ in range(PER_KNOWN_DEVICE + 5):
        sign_in(own)
    assert len(quick) == PER_KNOWN_DEVICE
    # At another account it is a stranger.
    other = pages.member(email="jan@example.org", password=member.password)
    assert CLOSED not in sign_in(own, email=other.email).text


def test_device_cookie_opens_nothing_and_stays_at_the_sign_in(
    pages: Pages, member: Member, quick: list[str]
) -> None:
    answer = sign_in(pages.client(), PASSWORD)
    (cookie,) = [each for each in answer.headers.getlist("Set-Cookie") if each.startswith("device=")]
    assert "HttpOnly" in cookie
    assert "Path=/sign-in" in cookie
    assert "SameSite=Strict" in cookie
    assert EMAIL not in cookie
    thief = pages.client()
    thief.set_cookie("device", cookie.split(";")[0].removeprefix("device="), path="/")
    assert thief.get("/settings").location.startswith("/sign-in?")


def test_strangers_elsewhere_do_not_close_the_account_here(pages: Pages, member: Member, quick: list[str]) -> None:
    for _ in range(PER_ACCOUNT_AND_NETWORK + 5):
        sign_in(pages.client(), address="198.51.100.9")
    assert sign_in(pages.client(), PASSWORD, address="203.0.113.5").status_code == 302


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the large limits and hold the clock, so that a slow machine tests the same."""
    noon = clock.now()
    monkeypatch.setattr(clock, "now", lambda: noon)
    for name, most in (
        ("PER_NETWORK", 12),
        ("PER_NEIGHBOURHOOD", 20),
        ("PER_ACCOUNT", 24),
        ("PER_ACCOUNT_UNSEEN", 14),
    ):
        assert getattr(password_checks, name) > most
        monkeypatch.setattr(password_checks, name, most)


@pytest.mark.usefixtures("small")
def test_one_network_cannot_try_every_account(pages: Pages, member: Member, quick: list[str]) -> None:
    for number in range(12):
        sign_in(pages.client(), email=f"m{number}@example.org")
    assert CLOSED in sign_in(pages.client(), PASSWORD).text
    # Its neighbours are not locked with it, as long as they are few.
    assert sign_in(pages.client(), PASSWORD, address="192.0.2.8").status_code == 302


@pytest.mark.usefixtures("small")
def test_whole_neighbourhood_is_slowed_in_the_end(pages: Pages, member: Member, quick: list[str]) -> None:
    for number in range(20):
        sign_in(pages.client(), email=f"m{number}@example.org", address=f"192.0.2.{number}")
    assert CLOSED in sign_in(pages.client(), PASSWORD, address="192.0.2.251").text
    assert sign_in(pages.client(), PASSWORD, address="192.0.3.1").status_code == 302


@pytest.mark.both_databases
@pytest.mark.usefixtures("small")
def test_uncounted_proxy_makes_no_network_of_everybody(pages: Pages, member: Member, quick: list[str]) -> None:
    def through_proxy(password: str, email: str = EMAIL) -> TestResponse:
        return sign_in(
            pages.client(), password, email=email, address="127.0.0.1", **{"X-Forwarded-For": "192.0.2.7"}
        )

    for number in range(25):
        through_proxy(WRONG, f"m{number}@example.org")
    assert through_proxy(PASSWORD).status_code == 302
    for _ in range(15):
        through_proxy(WRONG)
    assert CLOSED in through_proxy(PASSWORD).text


def test_waiting_opens_the_account_again(
    pages: Pages, member: Member, quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(PER_ACCOUNT_AND_NETWORK + 1):
        sign_in(pages.client())
    later = clock.now() + timedelta(minutes=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert sign_in(pages.client(), PASSWORD).status_code == 302


@pytest.mark.usefixtures("small")
def test_right_passwords_are_not_counted(pages: Pages, member: Member, quick: list[str]) -> None:
    """A training room behind one address signs in one after the other."""
    for _ in range(15):
        assert sign_in(pages.client(), PASSWORD).status_code == 302
    with pages.sessions() as session:
        now = clock.now()
        assert all(bucket.empty_at <= now for bucket in session.scalars(select(LeakyBucket)))


@pytest.mark.parametrize(("path", "field"), [("/sign-in/again", "password"), ("/settings/password", "current")])
def test_fifth_wrong_password_ends_every_session(
    pages: Pages, member: Member, quick: list[str], path: str, field: str
) -> None:
    thief, owner = pages.client(member), pages.client(member)
    new = {"new": "four other long words", "again": "four other long words"}
    for _ in range(PER_SESSION - 1):
        assert thief.post(path, data={field: WRONG, **new}).status_code in (200, 422)
    assert thief.post(path, data={field: WRONG, **new}).location == "/sign-in"
    assert "you were signed out" in thief.get("/sign-in").text
    assert len(quick) == PER_SESSION
    for client in (thief, owner):
        assert client.get("/settings").location.startswith("/sign-in?")
    assert thief.post(path, data={field: PASSWORD, **new}).location.startswith("/sign-in?")
    assert "member.end_sessions" in actions(pages)


@pytest.mark.both_databases
def test_guesses_at_the_same_moment_with_a_stolen_session_end_it_too(
    pages: Pages, member: Member, quick: list[str]
) -> None:
    start = threading.Barrier(30)

    def guess(number: int) -> TestResponse:
        client = pages.client(member)
        start.wait(30)
        return client.post("/sign-in/again", data={"password": f"{WRONG} {number}"})

    with ThreadPoolExecutor(30) as pool:
        list(pool.map(guess, range(30)))
    assert len(quick) <= PER_SESSION
    assert pages.client(member).get("/settings").location.startswith("/sign-in?")
    assert actions(pages).count("member.end_sessions") == 1


def test_right_password_forgets_the_wrong_ones_before(pages: Pages, member: Member, quick: list[str]) -> None:
    client = pages.client(member)
    for password in [WRONG] * 4 + [PASSWORD] + [WRONG] * 4:
        client.post("/sign-in/again", data={"password": password})
    assert client.get("/settings").status_code == 200


@pytest.mark.usefixtures("small")
def test_stop_is_behind_no_limit(pages: Pages, member: Member, quick: list[str]) -> None:
    """An attack on the sign-in, and on the own password, leaves the stop button as it is."""
    with pages.sessions.begin() as session:
        run_id = a_run(session, a_campaign(session, pages.ours, member)).id
    client = pages.client(member)
    with client.session_transaction() as cookie:
        cookie["fs_paa"] -= timedelta(hours=1).total_seconds()
    for _ in range(15):
        sign_in(pages.client(), address="127.0.0.1")
    for _ in range(PER_SESSION - 1):
        client.post("/sign-in/again", data={"password": WRONG})
    answer = client.post(f"/delivery/runs/{run_id}/stop")
    assert answer.location == f"/delivery/runs/{run_id}"


def test_nothing_is_held_while_a_password_is_hashed(
    pages: Pages, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another member writes, and the pool has all its connections, while the slow part runs."""
    seen: list[str] = []

    def compare(hashed: str, password: str) -> str | None:
        with pages.sessions.begin() as session:
            session.get_one(Member, member.id).locale = "uk"
        seen.append("written")
        return hashed

    monkeypatch.setattr(password_checks, "renewed_hash", compare)
    client = pages.client()
    assert sign_in(client).status_code == 302
    assert client.post("/sign-in/again", data={"password": WRONG}).status_code == 302
    assert seen == ["written", "written"]


def test_member_who_is_barred_meanwhile_is_not_let_in(
    pages: Pages, member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compare(hashed: str, password: str) -> str | None:
        with pages.sessions.begin() as session:
            session.get_one(Member, member.id).active = False
        return hashed

    monkeypatch.setattr(password_checks, "renewed_hash", compare)
    assert "do not belong together" in sign_in(pages.client(), PASSWORD).text


@pytest.mark.both_databases
def test_audit_tells_of_sign_ins_without_being_filled(
    pages: Pages, member: Member, quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(since: datetime) -> list[tuple[str, int | None, dict[str, object]]]:
        with pages.sessions() as session:
            entries = session.execute(
                select(AuditEntry.action, AuditEntry.organisation_id, AuditEntry.detail)
                .where(AuditEntry.at >= since)
                .order_by(AuditEntry.id)
            )
            return [(row.action, row.organisation_id, row.detail) for row in entries]

    noon = clock.now()
    monkeypatch.setattr(clock, "now", lambda: noon)
    client = pages.client()
    sign_in(client, PASSWORD)
    client.post("/sign-in/again", data={"password": PASSWORD})
    client.post("/sign-in/again", data={"password": WRONG})
    for number in range(2 * PER_ACCOUNT_AND_NETWORK + 4):
        sign_in(pages.client(), email=f"m{number}@example.org" if number % 2 else EMAIL)
    assert told(noon) == [
        ("member.sign_in", pages.ours.id, {"from_known_device": False}),
        ("member.confirm", pages.ours.id, {"times": 1}),
        ("member.refuse_confirm", pages.ours.id, {"times": 1}),
        ("member.refuse_sign_in", pages.ours.id, {"times": 1}),
        ("stranger.refuse_sign_in", None, {"times": 1}),
        ("member.close_sign_in", pages.ours.id, {"times": 1}),
    ]
    assert "m1@example.org" not in str(told(noon))

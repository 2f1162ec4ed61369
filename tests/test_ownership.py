"""Nothing is sent with the credential of another organisation, whoever let a sender have it and whenever."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import ForeignCredentialError, SettingsError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import Settings, load_settings
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.lanes.sender_facts import facts_of
from campaigns.delivery.queries import progress_of
from campaigns.delivery.repair.sweeps import sweep
from campaigns.delivery.states import SendState
from campaigns.inbox.given.putting_back import put_back
from campaigns.ownership import OwnerWatch
from campaigns.planning.models import Health, Run, RunState, Sender
from campaigns.readiness.settings_checks import check_settings
from campaigns.staff.credentials import load_credentials
from campaigns.worker import run_worker
from tests.delivery.builders import a_running_run
from tests.factories import a_sender, an_organisation
from tests.inbox.given.test_dead_numbers import Team, team
from tests.sandbox.process import DEFAULTS, SENDER, SandboxProcess
from tests.web.pages import page_settings

__all__ = ["team"]
OWN, FOREIGN, UNSET = "own", "foreign", "unset"


@pytest.fixture
def settings(engine: Engine) -> Settings:
    return page_settings(
        engine,
        secret_own="AC0:token",
        secret_foreign="AC1:token",
        secret_twilio="AC2:token",
        owners_own="org-1",
        owners_foreign="org-2 org-3",
    )


def two(session: Session) -> tuple[int, int]:
    return an_organisation(session).id, an_organisation(session).id


@pytest.mark.parametrize(
    ("name", "owners"), [("own", {1}), ("FOREIGN", {2, 3}), ("twilio", set()), ("never_set", set())]
)
def test_credential_belongs_to_whom_the_settings_name(
    session: Session, settings: Settings, name: str, owners: set[int]
) -> None:
    ids = {number: an_organisation(session).id for number in (1, 2, 3)}
    assert load_credentials(session, settings).owners_of(name) == {ids[number] for number in owners}


def test_what_nobody_names_is_the_only_organisations(session: Session, settings: Settings) -> None:
    only = an_organisation(session).id
    assert load_credentials(session, settings).belongs_to("twilio", only)
    an_organisation(session)
    with pytest.raises(ForeignCredentialError, match="belongs to no organisation yet"):
        load_credentials(session, settings).check("twilio", only)
    with pytest.raises(ForeignCredentialError, match="does not belong to your organisation"):
        load_credentials(session, settings).check("foreign", only)


def test_word_that_names_no_organisation_gives_nothing_away(session: Session, settings: Settings) -> None:
    only = an_organisation(session).id
    mistyped = load_credentials(session, replace(settings, owners={"TWILIO": "ogr-1"}))
    assert not mistyped.belongs_to("twilio", only)
    sentences = list(mistyped.without_owner())
    assert "FINGERPOST_OWNERS_TWILIO names ogr-1, and there is no such organisation." in sentences


def test_account_under_two_names_is_nobodys_alone(session: Session, settings: Settings) -> None:
    """The address of its hook is made of its token, whatever the settings call it."""
    one, other = two(session)
    alone = load_credentials(session, replace(settings, secrets={"OWN": "ngo:a", "FOREIGN": "ngo:b"}))
    assert (alone.belongs_alone_to("own", one), alone.belongs_alone_to("own", other)) == (True, False)
    both = load_credentials(session, replace(settings, secrets={"OWN": "ngo:a", "FOREIGN": "ngo:a"}))
    assert not both.belongs_alone_to("own", one)


@pytest.mark.parametrize(
    ("owners", "said"),
    [
        ({"FINGERPOST_OWNERS_ELSEWHERE": "ours"}, "there is no FINGERPOST_SECRET_ELSEWHERE"),
        ({"FINGERPOST_OWNERS_TWILIO": " "}, "FINGERPOST_OWNERS_TWILIO names nobody"),
    ],
)
def test_owners_that_cannot_be_meant_are_told(owners: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        check_settings(load_settings({"FINGERPOST_SECRET_TWILIO": "AC0:token"} | LIVE | owners))


LIVE = {"FINGERPOST_PUBLIC_URL": "https://fingerpost.example"}


def test_senders_of_anothers_credential_are_paused(sessions: sessionmaker[Session], settings: Settings) -> None:
    with sessions.begin() as session:
        one, other = two(session)
        an_organisation(session)
        well = [
            a_sender(session, organisation_id=one, secret_name="own"),
            a_sender(session, organisation_id=other, secret_name="foreign"),
            # Who opens it says that it is not set.
            a_sender(session, organisation_id=one, secret_name="unset"),
            a_sender(session, organisation_id=one, secret_name="foreign", active=False),
            a_sender(session, organisation_id=one, secret_name="none", gateway="console"),
        ]
        bad = [
            a_sender(session, organisation_id=one, secret_name="foreign"),
            a_sender(session, organisation_id=other, secret_name="own"),
            a_sender(session, organisation_id=other, secret_name="twilio"),
        ]
        ids = [each.id for each in bad]
    assert well
    OwnerWatch(sessions, settings).look()
    with sessions() as session:
        paused = select(Sender.id, Sender.health_code).where(Sender.health == Health.PAUSED).order_by(Sender.id)
        assert session.execute(paused).all() == [(sender_id, "not_owned") for sender_id in ids]


def test_nothing_may_be_used_before_the_first_look(sessions: sessionmaker[Session], settings: Settings) -> None:
    with sessions.begin() as session:
        one, _ = two(session)
    watch = OwnerWatch(sessions, settings)
    assert not watch.may_use("own", one)
    watch.look()
    assert watch.may_use("own", one)


def test_sender_of_anothers_credential_is_not_opened(sessions: sessionmaker[Session], settings: Settings) -> None:
    """It may have been used again since the last look."""
    with sessions.begin() as session:
        one, _ = two(session)
        facts = facts_of(a_sender(session, organisation_id=one, secret_name="foreign"))
    watch = OwnerWatch(sessions, settings)
    watch.look()
    with pytest.raises(ForeignCredentialError):
        watch.check(facts)
    watch.check(replace(facts, is_rehearsal=True))
    watch.check(replace(facts, secret_name="own"))


def test_shared_sender_serves_the_owners_of_its_credential_alone(
    sessions: sessionmaker[Session], vault: Vault, settings: Settings
) -> None:
    with sessions.begin() as session:
        sender = a_sender(session, secret_name="own")
        runs = [a_running_run(session, vault, count=1, sender=sender).id for _ in range(2)]
    watch = OwnerWatch(sessions, settings)
    watch.look()
    store = DatabaseStore(sessions, vault, may_use=watch.may_use)
    assert [run.run_id for run in store.snapshot().runs] == runs[:1]


@pytest.mark.parametrize("is_shared", [True, False])
def test_whoever_is_answered_with_anothers_credential_waits_again(
    team: Team, settings: Settings, is_shared: bool
) -> None:
    sessions = team.sessions
    with sessions.begin() as session:
        an_organisation(session)
        sender = session.get_one(Sender, team.sender_id)
        sender.secret_name = "own"
        sender.organisation_id = None if is_shared else team.organisation_id
        campaign_id = a_running_run(session, team.vault, count=1, sender=sender).id
    which, watch = team.ask(1), OwnerWatch(sessions, settings)
    run_id = team.answer(which, "In the church.", state=SendState.QUEUED)

    def tend() -> set[int]:
        watch.look()
        sweep(sessions)
        put_back(sessions)
        return team.waiting()

    assert tend() == set()
    watch = OwnerWatch(sessions, replace(settings, owners={**settings.owners, "OWN": "org-2"}))
    assert tend() == {which}
    assert team.state(run_id) == SendState.CANCELLED
    with sessions() as session:
        assert session.get_one(Run, campaign_id).state == RunState.RUNNING


@pytest.mark.one_database
def test_worker_sends_nothing_once_a_credential_was_taken_away(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault, sandbox: SandboxProcess
) -> None:
    """The run was approved and is running; its sender is paused, and another organisation's goes on."""
    settings = page_settings(
        engine,
        sandbox_url=sandbox.url,
        public_url="http://127.0.0.1:9",
        quiet_hours="false",
        secret_twilio=f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}",
        owners_twilio="org-2",
    )
    runs = []
    with sessions.begin() as session:
        for identity in ("+447700900100", SENDER):
            organisation = an_organisation(session)
            sender = a_sender(session, identity=identity, organisation_id=organisation.id)
            runs.append(a_running_run(session, vault, count=5, sender=sender, organisation=organisation).id)

    def is_over() -> bool:
        with sessions() as session:
            is_sent = progress_of(session, runs[1]) == {SendState.ACCEPTED: 5}
            return is_sent and session.get_one(Run, runs[0]).sender.health == Health.PAUSED

    run_worker(settings, until=is_over)
    assert {message["from"] for message in sandbox.truth()} == {SENDER}
    with sessions() as session:
        assert progress_of(session, runs[0]) == {SendState.QUEUED: 5}
        assert session.get_one(Run, runs[0]).sender.health_code == "not_owned"

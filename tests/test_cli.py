"""The command sets an instance up, imports files whole or not at all, and tells errors in one line."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, event, func, select, update

from campaigns.audience.joining.ways_to_join import create_entry_point
from campaigns.audience.models import Address, Contact
from campaigns.cli import main
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.errors import SettingsError
from campaigns.core.settings import PROJECT_ROOT, load_settings
from campaigns.members.commands import ROLES
from campaigns.sandbox.world.config import SandboxConfig
from campaigns.sandbox_defaults import sandbox_defaults
from campaigns.staff.models import Role
from campaigns.staff.queries import find_organisation
from campaigns.worker import run_worker
from tests.web.pages import KEYS

HEADER = "number,language,consent_date,consent_how\n"
GOOD = "+380501234567,uk,2026-02-01,form\n"


@pytest.fixture(scope="module")
def set_up_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of an instance that was set up, with one organisation, to copy."""
    folder = tmp_path_factory.mktemp("set_up")
    with pytest.MonkeyPatch.context() as patch:
        _live_in(folder, patch)
        for arguments in (["setup"], ["organisation", "add", "ours", "--name", "Ours"]):
            assert run(*arguments).exit_code == 0
    with closing(sqlite3.connect(folder / "one.db")) as connection:
        # A command leaves what it wrote in the log of its database, which no copy has.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "one.db"


@pytest.fixture
def instance(set_up_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance that is set up, with one organisation; returns its folder."""
    _live_in(tmp_path, monkeypatch)
    shutil.copy(set_up_file, tmp_path)
    return tmp_path


def _live_in(folder: Path, patch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        patch.setenv(name, value)
    patch.setenv("FINGERPOST_PUBLIC_URL", "https://fingerpost.example")
    patch.setenv("FINGERPOST_DATABASE_URL", f"sqlite:///{folder / 'one.db'}")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def count_contacts(folder: Path) -> int:
    engine = make_engine(f"sqlite:///{folder / 'one.db'}")
    with make_sessions(engine)() as session:
        found = session.scalar(select(func.count()).select_from(Contact)) or 0
    engine.dispose()
    return found


def test_member_is_added_with_a_password(instance: Path) -> None:
    answer = run("member", "add", "a@example.org", "--organisation", "ours", "--name", "A", "--role", "author")
    assert answer.exit_code == 0
    assert "a@example.org signs in with" in answer.output


def test_commands_let_go_of_the_database(instance: Path) -> None:
    """Its last connection takes what stands in the log beside a SQLite file into the file."""
    for command in ("organisation mandate ours PL", "recount"):
        assert run(*command.split()).exit_code == 0, command
        assert not (instance / "one.db-wal").exists(), command


def test_setup_may_be_repeated(instance: Path) -> None:
    assert "regions are loaded" in run("setup").output


def test_setup_gives_old_addresses_their_numbers(instance: Path) -> None:
    (instance / "people.csv").write_text(HEADER + GOOD, encoding="utf-8")
    assert run("import", "contacts", str(instance / "people.csv"), "--organisation", "ours").exit_code == 0
    engine = make_engine(f"sqlite:///{instance / 'one.db'}")
    with make_sessions(engine).begin() as session:
        session.execute(update(Address).values(number=None))
    with pytest.raises(SettingsError, match=r"^Addresses do not know .* run `fingerpost setup`\.$"):
        run_worker(load_settings(), until=lambda: True)
    assert "1 addresses know" in run("setup").output
    with make_sessions(engine)() as session:
        number = load_settings().vault().number_hash("+380501234567")
        assert session.scalars(select(Address.number)).all() == [number]
    engine.dispose()
    assert "addresses" not in run("setup").output


def test_contacts_are_imported_whole(instance: Path) -> None:
    (instance / "people.csv").write_text(HEADER + GOOD, encoding="utf-8")
    answer = run("import", "contacts", str(instance / "people.csv"), "--organisation", "ours")
    assert (answer.exit_code, count_contacts(instance)) == (0, 1)


def test_dry_run_changes_nothing(instance: Path) -> None:
    (instance / "people.csv").write_text(HEADER + GOOD, encoding="utf-8")
    answer = run("import", "contacts", str(instance / "people.csv"), "--organisation", "ours", "--dry-run")
    assert "added: 1" in answer.output
    assert count_contacts(instance) == 0


def test_bad_rows_are_told_by_line(instance: Path) -> None:
    (instance / "people.csv").write_text(HEADER + GOOD + "12,uk,2026-02-01,form\nx,uk,2026-02-01,form\n")
    answer = run("import", "contacts", str(instance / "people.csv"), "--organisation", "ours")
    assert answer.exit_code == 2
    assert [line[:20] for line in answer.stderr.splitlines()] == ["fingerpost: Line 3, ", "fingerpost: Line 4, "]
    assert count_contacts(instance) == 0


def test_full_disk_is_told_as_such_and_changes_nothing(instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite drops the whole transaction then, and what fails last is the way back to a savepoint."""

    def make_full(url: str) -> Engine:
        engine = make_engine(url)

        @event.listens_for(engine, "connect")
        def leave_no_room(connection: sqlite3.Connection, record: object) -> None:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages + 5}")

        return engine

    monkeypatch.setattr("campaigns.readiness.instance.make_engine", make_full)
    rows = "".join(f"+38050{number:07},uk,2026-02-01,form\n" for number in range(1234567, 1234567 + 3000))
    (instance / "people.csv").write_text(HEADER + rows, encoding="utf-8")
    answer = run("import", "contacts", str(instance / "people.csv"), "--organisation", "ours")
    said = "fingerpost: The database cannot be used: its disk is full. Nothing was changed.\n"
    assert (answer.exit_code, answer.stderr) == (2, said)
    assert count_contacts(instance) == 0
    with closing(sqlite3.connect(instance / "one.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_real_places_are_imported(instance: Path) -> None:
    data = PROJECT_ROOT / "campaigns" / "demo" / "data"
    for name, added in (("locations.csv", 142), ("routes.csv", 21)):
        answer = run("import", "places", str(data / name), "--organisation", "ours")
        assert f"added: {added}" in answer.output, answer.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "places", "missing.csv", "--organisation", "ours"),
        ("import", "places", __file__, "--organisation", "theirs"),
        ("verify", "1"),
        ("signposts", "K7", "--organisation", "theirs"),
        ("organisation", "mandate", "ours", "PL", "UK"),
        ("mail", "bounced", "nobody@example.org"),
        ("import", "contacts", __file__, "--organisation", "ours", "--country", "Poland"),
        ("demo", "--folder", "/proc/nowhere"),
    ],
)
def test_refusal_is_one_line(instance: Path, arguments: tuple[str, ...]) -> None:
    answer = run(*arguments)
    assert answer.exit_code == 2
    assert answer.stderr.startswith("fingerpost: ")
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("organisation", "mandate", "ours", "PL", "--everywhere"),
        ("member", "roles", "a@example.org", "boss", "--organisation", "ours"),
        ("place", "Kyiv", "--near", "200", "300"),
        ("demo", "--people", "0"),
    ],
)
def test_what_cannot_be_meant_is_told_with_the_usage(instance: Path, arguments: tuple[str, ...]) -> None:
    answer = run(*arguments)
    assert answer.exit_code == 2
    assert answer.stderr.startswith("Usage: ")


def test_unreachable_database_is_one_line(instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINGERPOST_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:9/none")
    answer = run("setup")
    assert (answer.exit_code, answer.stderr.count("\n")) == (2, 1)
    assert "database" in answer.stderr


def test_keys_differ_each_time() -> None:
    assert run("keys").output != run("keys").output


def test_audit_chain_is_whole(instance: Path) -> None:
    assert "whole" in run("audit", "verify").output


def test_sandbox_of_an_instance_is_its_own(instance: Path) -> None:
    settings = load_settings()
    config = sandbox_defaults(replace(settings, public_url="https://ours.example.org"))
    assert config.auth_token == settings.sandbox_token()
    own, known = (config.auth_token, config.control_token, config.phones_key), SandboxConfig()
    assert len({*own, known.auth_token, known.control_token, known.phones_key}) == 6
    assert config.callbacks.allowed_hosts == ("ours.example.org",)


def test_sandbox_without_an_instance_is_anybodys() -> None:
    assert sandbox_defaults(replace(load_settings({}), secret_key="")) == SandboxConfig()


def test_mandate_is_set_and_lifted(instance: Path) -> None:
    assert run("organisation", "mandate", "ours", "pl", "UA-46").stdout.strip() == "PL UA-46"
    assert run("organisation", "mandate", "ours", "--everywhere").stdout.strip() == "everywhere"
    assert "is no country such as PL" in run("organisation", "mandate", "ours", "Poland").stderr


def test_mandate_that_names_a_country_of_nobody_changes_nothing(instance: Path) -> None:
    """UK is what many type for Ukraine: a mandate for it would reach nobody there, and say nothing."""
    run("organisation", "mandate", "ours", "PL")
    assert "no country or region UK" in run("organisation", "mandate", "ours", "PL", "UK").stderr
    assert "no country or region PL-99" in run("organisation", "mandate", "ours", "PL-99").stderr
    run("organisation", "mandate", "ours", "PL", "--everywhere")
    engine = make_engine(f"sqlite:///{instance / 'one.db'}")
    with make_sessions(engine)() as session:
        ours = find_organisation(session, "ours")
        assert ours is not None
        assert ours.mandate == ["PL"]
    engine.dispose()


def test_country_of_contacts_may_be_in_small_letters(instance: Path) -> None:
    (instance / "contacts.csv").write_text(f"{HEADER}0501234567,uk,2026-02-01,form\n")
    path = str(instance / "contacts.csv")
    assert "added: 1" in run("import", "contacts", path, "--organisation", "ours", "--country", "ua").stdout


def test_unknown_role_is_answered_by_those_that_there_are(instance: Path) -> None:
    answer = run("member", "add", "a@example.org", "--organisation", "ours", "--name", "A", "--role", "boss")
    assert "approver" in answer.stderr
    assert set(ROLES.choices) == set(Role)


def test_services_are_imported_by_their_hsds_names(instance: Path) -> None:
    head = "id,name,x_country,x_time_zone,phones/0/number,service_areas/0/extent"
    (instance / "services.csv").write_text(f"{head}\nline,Line,PL,Europe/Warsaw,116 111,PL\n")
    answer = run("import", "services", str(instance / "services.csv"), "--organisation", "ours")
    assert "added: 1" in answer.stdout


def test_unknown_campaign_points_nobody(instance: Path) -> None:
    assert "ours has no campaign K7." in run("signposts", "K7", "--organisation", "ours").stderr


def test_recount_of_an_empty_instance_differs_by_nobody(instance: Path) -> None:
    answer = run("recount")
    assert (answer.exit_code, "differ by 0 people" in answer.output) == (0, True)


def kinds_in(output: str) -> list[str]:
    return [line.split("\t")[0] for line in output.splitlines()]


def test_meaning_needs_no_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINGERPOST_DATABASE_URL", "sqlite:////nowhere/at/all.db")
    answer = run("meaning", "STOP", "стоп поїзд", "JOIN", "YES", "допомога", "info", "moved to Lviv", "Hello")
    assert answer.exit_code == 0
    assert kinds_in(answer.output) == ["stop", "hold", "start", "yes", "help", "info", "moved", "text"]


def test_meaning_tells_how_urgent_a_text_is_and_why() -> None:
    answer = run("meaning", "STOP", "He took my passport", "Hello", "help")
    assert answer.output.splitlines() == [
        "stop",
        "text\tdanger\turgent_trapped en took my passport; urgent_trapped en took my passport…",
        "text\tquestion",
        "help\tday\tasks_for_help",
    ]


def test_meaning_reads_lines_and_knows_the_language() -> None:
    answer = CliRunner().invoke(main, ["meaning", "--language", "so", "haa", "-"], input="ha\n\nJOOJI\n")
    assert kinds_in(answer.output) == ["yes", "yes", "text", "stop"]
    assert kinds_in(run("meaning", "ha").output) == ["text"]


def test_place_is_named_without_an_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINGERPOST_DATABASE_URL", "sqlite:////nowhere/at/all.db")
    assert run("place", "Медика", "Krakwo", "zzzz", "--language", "uk").output.splitlines() == [
        "Medyka, Польща; PL-18; 871e2baa3ffffff",
        "? Краків, Польща | Краков ам Зе, Німеччина",
        "nothing",
    ]


def test_place_is_near_the_last_one() -> None:
    assert run("place", "Frankfurt").output.startswith("Frankfurt am Main, Germany; DE-HE; ")
    asked = CliRunner().invoke(main, ["place", "--near", "52.35", "14.6", "-"], input="Frankfurt\n")
    assert "Frankfurt (Oder), Germany" in asked.output
    assert asked.output.startswith("? ")


def test_meaning_knows_the_codes_of_an_organisation(instance: Path) -> None:
    engine = make_engine(f"sqlite:///{instance / 'one.db'}")
    with make_sessions(engine).begin() as session:
        ours = find_organisation(session, "ours")
        assert ours is not None
        create_entry_point(session, ours.id, name="Station", code="PL7", by=None)
    engine.dispose()
    assert run("organisation", "add", "theirs", "--name", "Theirs").exit_code == 0
    said = ["PL7", "join pl7", "STOP PL7", "Hello PL7"]
    assert kinds_in(run("meaning", "--organisation", "ours", *said).output) == ["start", "start", "hold", "text"]
    assert kinds_in(run("meaning", "--organisation", "theirs", *said).output) == ["text", "text", "hold", "text"]
    assert kinds_in(run("meaning", *said).output) == ["text", "text", "hold", "text"]
    assert run("meaning", "--organisation", "nobody", "STOP").exit_code == 2

"""Every route has a row in permissions.csv, and does for each role what the row says.

A row names a Permission, `member` (anyone signed in), `public`, `signed` (a provider's signature or ours), or
`token` (a partner's program).
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import Engine

from campaigns.core.database import make_engine
from campaigns.core.keys.crypto import Vault
from campaigns.public_pages.service import Profile, set_profile
from campaigns.schema import metadata
from campaigns.staff.models import Role
from campaigns.staff.permissions import ROLES_WITH, Permission, may
from tests.architecture.every_route import (
    STRANGERS,
    TABLE,
    UNSIGNED,
    call,
    make_own,
    read_table,
    routes,
    walk,
)
from tests.architecture.samples import CONSTANTS, MISSING, make_samples
from tests.web.pages import Pages, make_pages

#: Who walks the house: whoever may most of one kind always, the others with --whole.
ALWAYS = (Role.AUTHOR, Role.ADMIN)
ROLES = [pytest.param(role, marks=[] if role in ALWAYS else pytest.mark.long) for role in Role]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('permissions') / 'pages.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def pages(engine: Engine) -> Iterator[Pages]:
    with make_pages(engine) as pages:
        yield pages


def test_every_route_has_exactly_one_row(pages: Pages) -> None:
    wanted = {(rule.endpoint, method) for rule, method in routes(pages.app)}
    assert wanted == set(read_table())
    assert len(TABLE.read_text(encoding="utf-8").splitlines()) == len(wanted) + 1


def test_rows_name_what_views_ask(pages: Pages) -> None:
    for (endpoint, method), permission in read_table().items():
        if permission not in UNSIGNED and not endpoint.startswith("security."):
            asked = getattr(pages.app.view_functions[endpoint], "permission", "nothing")
            assert asked == permission, f"{endpoint} {method} asks for {asked}"


#: What asks for the password again when it was given some minutes ago: whatever leads people elsewhere, lets
#: somebody in, or takes something out. Nothing that stops or takes away from one person is ever among them; a list
#: of opt-outs is, as it may be the wrong file, and so is discarding it: its rest is written to on.
FRESH = """
    planning.approve delivery.resume_run delivery.let_run_start delivery.correct delivery.rows.resend
    settling.lift_stop erasing.erase
    members.add_member members.edit_member members.issue_password members.bar_member
    members.pass_on_work
    directory.edit directory.verify directory.emergency.confirm
    reach.outcomes.lead_link planning.senders.create planning.senders.edit planning.safeguards.answer
    audience.contacts.import_file audience.contacts.confirm_file
    audience.contacts.check_again audience.by_hand.add opted_out.hand_in opted_out.confirm
    opted_out.discard
    readers.add tokens.issue tokens.revoke
    releases.make releases.joint releases.preview releases.download reach.download_run reach.download_targeting
    directory.sheets.import_sheet directory.sheets.export messages.exchange.download
    handing_over.export
    places.export_locations places.export_routes places.export_hotspots
"""
AT_ONCE = """
    delivery.stop_run settling.opt_out settling.put_on_hold readers.remove planning.archive planning.take_back
    releases.take_back releases.take_back_count
    planning.times.remove planning.give_back audience.contacts.cancel_file audience.entry_points.take_down
"""


def test_sensitive_acts_ask_for_the_password_again_and_stops_do_not(pages: Pages) -> None:
    views = pages.app.view_functions
    assert [name for name in FRESH.split() if not vars(views[name])["is_fresh"]] == []
    assert [name for name in AT_ONCE.split() if vars(views[name])["is_fresh"]] == []


def test_sensitive_pages_send_old_sign_ins_to_the_password(pages: Pages, vault: Vault) -> None:
    own, client = make_own(pages, vault), pages.client(pages.member(*Role))
    with client.session_transaction() as cookie:
        cookie["fs_paa"] -= 600
    for rule, method, _ in walk(pages.app):
        if rule.endpoint in FRESH.split():
            answer = call(client, rule, method, own)
            assert answer.location.startswith("/sign-in/again?"), f"{method} {rule.rule}"


def test_permissions_are_the_printed_table() -> None:
    printed = """
        read_reach      viewer author approver responder steward admin
        edit                   author
        read_content           author approver
        review                        approver
        stop_run               author approver responder steward admin
        read_plans             author approver responder steward admin
        answer                                 responder
        settle_consent                         responder steward
        handle_contacts                                  steward
        administer                                               admin
    """
    rows = {name: set(roles) for name, *roles in map(str.split, printed.strip().splitlines())}
    assert {permission.value: {*map(str, roles)} for permission, roles in ROLES_WITH.items()} == rows


@pytest.mark.parametrize("role", ROLES)
def test_role_gets_what_its_rows_say(pages: Pages, engine: Engine, vault: Vault, role: Role) -> None:
    own, member = make_own(pages, vault), pages.member(role)
    with closing(sqlite3.connect(str(engine.url.database))) as used, closing(sqlite3.connect(":memory:")) as kept:
        used.backup(kept)
        for rule, method, permission in sorted(walk(pages.app), key=lambda row: row[1] != "GET"):
            if permission in (*UNSIGNED, *STRANGERS) or rule.endpoint.startswith("security."):
                continue
            answer = call(pages.client(member), rule, method, own)
            allowed = permission == "member" or may([role], Permission(permission))
            where = f"{role} {method} {rule.rule} answered {answer.status}"
            assert (answer.status_code != 403) if allowed else (answer.status_code == 403), where
            assert answer.status_code < 500, where
            if allowed and method != "GET":
                # It may have removed or ended what is named next.
                kept.backup(used)


def test_anonymous_people_are_sent_to_sign_in(pages: Pages, vault: Vault) -> None:
    own = make_own(pages, vault)
    with pages.sessions.begin() as session:
        # Somebody is behind the pages for people.
        set_profile(session, pages.ours.id, Profile(is_open=True, contact="a@b.example"), by=pages.member().id)
    for rule, method, permission in walk(pages.app):
        answer = call(pages.client(), rule, method, own)
        where = f"{method} {rule.rule} answered {answer.status}"
        if permission == "signed":
            assert answer.status_code == 403, where
        elif permission == "token":
            assert answer.status_code == 401, where
        elif permission == "stamped":
            # A form for people, which nobody had opened.
            assert answer.status_code == 422, where
        elif permission == "public":
            assert answer.status_code < 400, where
        else:
            assert answer.status_code == 302, where
            assert answer.location.startswith("/sign-in?"), where


def test_foreign_and_missing_things_answer_alike(pages: Pages, vault: Vault) -> None:
    member, own = pages.member(*Role), make_own(pages, vault)
    with pages.sessions.begin() as session:
        stranger = pages.member(organisation=pages.theirs)
        foreign = make_samples(session, pages.theirs, stranger, vault)
    for rule, method, permission in walk(pages.app):
        # What needs no session has tests of its own.
        unknown = set() if permission in STRANGERS else rule.arguments - set(CONSTANTS)
        for argument in sorted(unknown):
            where = f"{method} {rule.rule} with another's {argument}"
            bodies = set()
            for value in (foreign[argument], MISSING):
                answer = call(pages.client(member), rule, method, own | {argument: value})
                assert answer.status_code == 404, where
                # Without tokens and the page's own address (to come back to after a change of language).
                bodies.add(re.sub(r"<input type=.hidden.[^>]*>|hx-headers='[^']*'", "", answer.text))
            assert len(bodies) == 1, where


#: What any page that is open may do, however old its token is: it only takes away.
SIGN_OUT = "/sign-out"


def test_every_unsigned_act_needs_a_token(pages: Pages, vault: Vault) -> None:
    pages.app.config["WTF_CSRF_ENABLED"] = True
    try:
        member, own = pages.member(*Role), make_own(pages, vault)
        for rule, method, permission in walk(pages.app):
            if method != "GET" and permission not in STRANGERS and rule.rule != SIGN_OUT:
                answer = call(pages.client(member), rule, method, own)
                assert answer.status_code == 400, f"{method} {rule.rule} answered {answer.status}"
    finally:
        pages.app.config["WTF_CSRF_ENABLED"] = False

"""Two organisations on one instance: no key, number, address or reply of one is ever the other's.

What may be for both, or for none, goes to whoever runs the instance, and a stop in it counts at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from campaigns.audience.joining.ways_to_join import create_entry_point
from campaigns.audience.models import Address, AddressState, Consent, ConsentKind
from campaigns.cli import main
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.gateways.callbacks import hook_secret
from campaigns.inbox.models import Reply, ReplyKind, Triage
from campaigns.planning.models import Sender
from campaigns.staff.models import AuditEntry, Organisation, Role
from tests.factories import a_campaign, a_contact, a_delivery, a_member, a_run, a_sender, an_address
from tests.web.pages import KEYS, Pages, make_pages

pytestmark = pytest.mark.one_database

PUBLIC_URL, INBOUND = "https://fingerpost.example", "/hooks/twilio/inbound"
VICTIM = "+380501234567"
#: Accounts at Twilio by the names of their keys, whose they are, and the two at Africa's Talking.
ACCOUNTS = {"ours_sms": "AC0", "theirs_sms": "AC1", "both_sms": "AC2", "nobodys_sms": "AC3"}
OWNERS = {"ours_sms": "ours", "theirs_sms": "theirs", "both_sms": "ours theirs", "nobodys_sms": ""}
AFRICAN = {"ours_africa": "ours", "theirs_africa": "theirs", "both_africa": "ours theirs"}
CREDENTIALS = OWNERS | AFRICAN
OURS, THEIRS, SHARED, STRANGE = "+447700900100", "+447700900200", "+447700900300", "+447700900999"


def settings() -> dict[str, str]:
    """One token a key."""
    secrets = {f"secret_{name}": f"{account}:{name}-token" for name, account in ACCOUNTS.items()}
    secrets |= {f"secret_{name}": f"{name}:{name}-token" for name in AFRICAN}
    return secrets | {f"owners_{name}": owners for name, owners in CREDENTIALS.items()}


@pytest.fixture
def pages(engine: Engine) -> Iterator[Pages]:
    with make_pages(engine, public_url=PUBLIC_URL, **settings()) as pages:
        yield pages


@pytest.fixture
def senders(pages: Pages) -> None:
    add_senders(pages)


def add_senders(pages: Pages) -> None:
    """Add a number of each organisation over its own account, and one of ours over the account of both."""
    with pages.sessions.begin() as session:
        a_sender(session, organisation_id=pages.ours.id, identity=OURS, secret_name="ours_sms")
        a_sender(session, organisation_id=pages.theirs.id, identity=THEIRS, secret_name="theirs_sms")
        a_sender(session, organisation_id=pages.ours.id, identity=SHARED, secret_name="both_sms")


@pytest.fixture
def victim(pages: Pages, vault: Vault) -> dict[str, int]:
    return add_victim(pages, vault)


def add_victim(pages: Pages, vault: Vault) -> dict[str, int]:
    """Add somebody whom both know, and whom theirs wrote to last; return the ids of the addresses."""
    with pages.sessions.begin() as session:
        addresses = {}
        for organisation in (pages.ours, pages.theirs):
            address = an_address(session, a_contact(session, organisation), vault, number=VICTIM)
            addresses[organisation.slug] = address.id
        campaign = a_campaign(session, pages.theirs, a_member(session, pages.theirs))
        a_delivery(session, a_run(session, campaign), contact_id=address.contact_id, address_id=address.id)
    return addresses


_numbers = count(1)


def say(pages: Pages, text: str, *, over: str, to: str, who: str = VICTIM) -> Reply:
    """Let somebody write, posted and signed by the account that the key `over` opens."""
    form = {"MessageSid": f"SM{next(_numbers)}", "AccountSid": ACCOUNTS[over], "From": who, "To": to, "Body": text}
    signature = RequestValidator(f"{over}-token").compute_signature(PUBLIC_URL + INBOUND, MultiDict(form))
    content = {"content_type": "application/x-www-form-urlencoded", "headers": {"X-Twilio-Signature": signature}}
    assert pages.client().post(INBOUND, data=urlencode(form), **content).status_code == 200
    return last_reply(pages)


def say_in_africa(pages: Pages, text: str, *, over: str = "ours_africa", who: str = VICTIM, **more: str) -> Reply:
    """Let anybody who knows the address of an account at Africa's Talking say something as somebody."""
    form = {"id": f"AT{next(_numbers)}", "from": who, "to": "7711", "text": text} | more
    path = f"/hooks/africastalking/{hook_secret(f'{over}-token')}/inbound"
    assert pages.client().post(path, data=form).status_code == 204
    return last_reply(pages)


def last_reply(pages: Pages) -> Reply:
    with pages.sessions() as session:
        return session.scalars(select(Reply).order_by(Reply.id.desc()).limit(1)).one()


def whose(pages: Pages, reply: Reply) -> str:
    with pages.sessions() as session:
        triage = session.get(Triage, reply.id)
        if triage is not None and triage.assigned_at is None:
            assert (reply.organisation_id, reply.contact_id) == (None, None)
            return f"triage: {triage.reason}"
        return session.get_one(Organisation, reply.organisation_id).slug


def states(pages: Pages, addresses: dict[str, int]) -> set[AddressState]:
    with pages.sessions() as session:
        return {session.get_one(Address, address_id).state for address_id in addresses.values()}


def member(pages: Pages, slug: str, *roles: Role) -> FlaskClient:
    return pages.client(pages.member(*roles, organisation=pages.ours if slug == "ours" else pages.theirs))


@pytest.mark.parametrize("slug", ["ours", "theirs"])
def test_only_own_keys_are_offered_and_taken(pages: Pages, slug: str) -> None:
    admin, form = member(pages, slug, Role.ADMIN), {"name": "Line", "channel": "sms", "pace": "1", "active": "y"}
    page = admin.get("/campaigns/senders/new").text
    for number, (name, owners) in enumerate(CREDENTIALS.items()):
        is_own = slug in owners.split()
        assert (f'value="{name}"' in page) is is_own, name
        gateway = "africastalking" if name in AFRICAN else "twilio"
        entered = form | {"identity": f"+4477009001{number:02}", "gateway": gateway, "secret_name": name}
        answer = admin.post("/campaigns/senders/new", data=entered)
        assert answer.status_code == (302 if is_own else 422), name
    own = pages.ours.id if slug == "ours" else pages.theirs.id
    with pages.sessions() as session:
        made = session.execute(select(Sender.secret_name, Sender.organisation_id)).all()
    assert {tuple(row) for row in made} == {
        (name, own) for name, owners in CREDENTIALS.items() if slug in owners.split()
    }


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 422),
        ({"channel": "whatsapp"}, 422),
        ({"secret_name": "both_sms"}, 422),
        ({"identity": STRANGE}, 302),
    ],
)
def test_number_of_one_is_not_taken_by_the_other(
    pages: Pages, senders: None, change: dict[str, str], status: int
) -> None:
    form = {"name": "Line", "channel": "sms", "gateway": "twilio", "pace": "1", "active": "y"}
    entered = form | {"identity": OURS, "secret_name": "theirs_sms"} | change
    answer = member(pages, "theirs", Role.ADMIN).post("/campaigns/senders/new", data=entered)
    assert answer.status_code == status
    assert ("in use already" in answer.text) is (status == 422)


@pytest.mark.parametrize("name", sorted(CREDENTIALS))
@pytest.mark.parametrize("slug", ["ours", "theirs"])
def test_addresses_are_shown_to_the_only_owner(pages: Pages, slug: str, name: str) -> None:
    """Whoever knows such an address can speak for every phone in the country."""
    own = pages.ours if slug == "ours" else pages.theirs
    gateway = "africastalking" if name in AFRICAN else "twilio"
    with pages.sessions.begin() as session:
        # As an earlier version let anybody have it.
        sender = a_sender(session, organisation_id=own.id, gateway=gateway, secret_name=name).id
    page = member(pages, slug, Role.ADMIN).get(f"/campaigns/senders/{sender}").text
    assert ("/hooks/" in page) is (CREDENTIALS[name] == slug)
    assert (hook_secret(f"{name}-token") in page) is (CREDENTIALS[name] == slug and name in AFRICAN)
    assert ("does not belong to your organisation" in page or "belongs to no organisation" in page) is (
        slug not in CREDENTIALS[name].split()
    )


def test_sender_of_anothers_key_is_neither_tested_nor_used_again(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        facts: dict[str, Any] = {"secret_name": "theirs_sms", "health": "paused", "health_at": clock.now()}
        sender = a_sender(session, organisation_id=pages.ours.id, identity=OURS, **facts).id
    admin = member(pages, "ours", Role.ADMIN)
    for act in ("test", "use-again"):
        answer = admin.post(f"/campaigns/senders/{sender}/{act}", follow_redirects=True)
        assert "does not belong to your organisation" in answer.text, act
    with pages.sessions() as session:
        assert session.get_one(Sender, sender).health == "paused"
        assert session.scalars(select(AuditEntry)).all() == []


@pytest.mark.parametrize(
    ("over", "to", "expected"),
    [
        ("ours_sms", OURS, "ours"),
        ("theirs_sms", THEIRS, "theirs"),
        # A number of the other, over an account that is not: whoever owns the account may sign anything.
        ("theirs_sms", OURS, "theirs"),
        ("ours_sms", THEIRS, "ours"),
        ("theirs_sms", SHARED, "theirs"),
        # Numbers that no sender has, as those of a pool.
        ("ours_sms", STRANGE, "ours"),
        ("theirs_sms", STRANGE, "theirs"),
        ("both_sms", SHARED, "ours"),
        ("both_sms", STRANGE, "triage: several"),
        ("both_sms", THEIRS, "theirs"),
        ("nobodys_sms", OURS, "triage: nobody"),
        ("nobodys_sms", STRANGE, "triage: nobody"),
    ],
)
def test_reply_is_of_whom_it_was_written_to(
    pages: Pages, senders: None, victim: dict[str, int], over: str, to: str, expected: str
) -> None:
    """Although both know who writes, and theirs wrote last."""
    reply = say(pages, "meet me at 5 at the church", over=over, to=to)
    assert whose(pages, reply) == expected
    for slug in ("ours", "theirs"):
        inbox = member(pages, slug, Role.RESPONDER).get("/inbox").text
        assert ("at the church" in inbox) is (slug == expected), slug


def test_squatter_does_not_hear_a_number(pages: Pages, victim: dict[str, int]) -> None:
    """Whoever enters another's number first hears nothing of it: the account says whose a message is."""
    with pages.sessions.begin() as session:
        a_sender(session, organisation_id=pages.theirs.id, identity=OURS, secret_name="theirs_sms")
    assert whose(pages, say(pages, "hello", over="ours_sms", to=OURS)) == "ours"


def test_number_that_was_handed_over_is_the_new_ones(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        facts = {"identity": SHARED, "secret_name": "both_sms"}
        a_sender(session, organisation_id=pages.ours.id, active=False, **facts)
        a_sender(session, organisation_id=pages.theirs.id, **facts)
    assert whose(pages, say(pages, "hello", over="both_sms", to=SHARED)) == "theirs"


@pytest.mark.parametrize(
    ("text", "kind", "state"),
    [
        ("STOP", ReplyKind.STOP, AddressState.OPTED_OUT),
        ("leave me alone", ReplyKind.HOLD, AddressState.HELD),
        ("START", ReplyKind.START, AddressState.ACTIVE),
        ("where can I sleep?", ReplyKind.TEXT, AddressState.ACTIVE),
    ],
)
@pytest.mark.parametrize("over", ["both_sms", "nobodys_sms"])
def test_stop_that_is_nobodys_counts_for_everybody(
    pages: Pages, victim: dict[str, int], over: str, text: str, kind: ReplyKind, state: AddressState
) -> None:
    reply = say(pages, text, over=over, to=STRANGE)
    assert (reply.kind, states(pages, victim)) == (kind, {state})
    assert whose(pages, reply).startswith("triage")
    if kind == ReplyKind.STOP:
        with pages.sessions() as session:
            assert set(session.scalars(select(Delivery.send_state))) == {SendState.SUPPRESSED}


def test_stop_that_is_nobodys_is_heard_in_the_language_of_whoever_said_it(pages: Pages, vault: Vault) -> None:
    """Some words stop in one language only, and nobody knows yet whose contact it is."""
    with pages.sessions.begin() as session:
        contact = a_contact(session, pages.theirs, language="fr")
        address = an_address(session, contact, vault, number=VICTIM).id
    reply = say(pages, "TD", over="both_sms", to=STRANGE)
    assert (reply.kind, states(pages, {"theirs": address})) == (ReplyKind.STOP, {AddressState.OPTED_OUT})


def test_start_that_is_nobodys_lifts_nothing(pages: Pages, senders: None, victim: dict[str, int]) -> None:
    say(pages, "STOP", over="ours_sms", to=OURS)
    assert say(pages, "START", over="both_sms", to=STRANGE).is_unheeded
    assert states(pages, victim) == {AddressState.OPTED_OUT}
    assert not say(pages, "START", over="ours_sms", to=OURS).is_unheeded
    assert states(pages, victim) == {AddressState.ACTIVE}


def test_code_says_which_of_two_owners_is_meant(pages: Pages) -> None:
    with pages.sessions.begin() as session:
        create_entry_point(session, pages.theirs.id, name="Gate", code="GATE-7", by=None)
    assert whose(pages, say(pages, "GATE-7", over="both_sms", to=STRANGE)) == "theirs"
    assert whose(pages, say(pages, "GATE-7", over="ours_sms", to=OURS, who="+380670000001")) == "ours"
    assert whose(pages, say(pages, "GATE-7", over="nobodys_sms", to=OURS, who="+380670000002")) == "triage: nobody"
    with pages.sessions() as session:
        joined = select(Address.organisation_id).where(Address.state == AddressState.ACTIVE)
        assert session.scalars(joined).all() == [pages.theirs.id]


def triage(engine: Engine, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    values = KEYS | {f"FINGERPOST_{name.upper()}": value for name, value in settings().items() if value}
    values |= {"FINGERPOST_MODE": "demo", "FINGERPOST_DATABASE_URL": engine.url.render_as_string(False)}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(main, ["triage", *arguments])


def test_operator_assigns_what_is_nobodys(
    pages: Pages,
    engine: Engine,
    victim: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    reply = say(pages, "they locked\x1b[2J the door \u202e", over="both_sms", to=STRANGE)
    assert "came to a number of several organisations" in caplog.text
    listed = triage(engine, monkeypatch, "list").output
    assert f"{reply.id}  " in listed
    assert f"sms to {STRANGE} (twilio AC2, several)" in listed
    assert "locked" not in listed
    assert VICTIM not in listed
    shown = triage(engine, monkeypatch, "show", str(reply.id)).output
    assert shown == "they locked⟦U+001B⟧[2J the door ⟦RLO⟧\n"
    done = triage(engine, monkeypatch, "assign", "ours", str(reply.id))
    assert (done.exit_code, done.output) == (0, "ours has 1 more in its inbox.\n")
    assert triage(engine, monkeypatch, "list").output == "Nothing is in triage.\n"
    assert triage(engine, monkeypatch, "show", str(reply.id)).exit_code == 2
    assert triage(engine, monkeypatch, "assign", "theirs", str(reply.id)).exit_code == 2
    assert triage(engine, monkeypatch, "assign", "nobody", str(reply.id)).exit_code == 2
    assert triage(engine, monkeypatch, "show", "999").exit_code == 2
    assert "they locked" in member(pages, "ours", Role.RESPONDER).get("/inbox").text
    assert "they locked" not in member(pages, "theirs", Role.RESPONDER).get("/inbox").text
    with pages.sessions() as session:
        kept = session.get_one(Reply, reply.id)
        assert kept.contact_id == session.get_one(Address, victim["ours"]).contact_id
        entries = session.execute(select(AuditEntry.action, AuditEntry.organisation_id).order_by(AuditEntry.id))
        assert entries.all() == [("triage.read", None), ("triage.assign", pages.ours.id)]


def test_alarm_rings_until_it_is_assigned(pages: Pages, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.readiness.health.KEPT_SECONDS", 0.0)
    sentence = "Messages that came to a number of several organisations or of none: 1."
    members = [member(pages, slug, Role.VIEWER) for slug in ("ours", "theirs")]

    def ringing() -> set[bool]:
        told = sentence in " ".join(pages.client().get("/health").get_json()["wrong"])
        return {told, *("belongs to no organisation, or to several" in each.get("/").text for each in members)}

    assert ringing() == {False}
    reply = say(pages, "hello", over="nobodys_sms", to=OURS)
    assert ringing() == {True}
    assert triage(engine, monkeypatch, "assign", "theirs", str(reply.id)).exit_code == 0
    assert ringing() == {False}


def test_hold_that_is_nobodys_is_settled_where_it_was_assigned(
    pages: Pages, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = say(pages, "leave me alone", over="both_sms", to=STRANGE)
    assert triage(engine, monkeypatch, "assign", "ours", str(reply.id)).exit_code == 0
    assert "Did they opt out?" in member(pages, "ours", Role.RESPONDER).get("/inbox").text
    assert "Did they opt out?" not in member(pages, "theirs", Role.RESPONDER).get("/inbox").text


def test_key_of_nobody_is_told_to_whoever_runs_it(pages: Pages) -> None:
    assert any(
        each.startswith("Credentials that belong to no organisation: 1.")
        for each in pages.client().get("/health").get_json()["wrong"]
    )


def test_start_over_an_address_alone_lifts_nothing(pages: Pages, victim: dict[str, int]) -> None:
    """Whoever knows the address can post START as anybody; who was told to stop stays so until a member says."""
    say_in_africa(pages, "STOP")
    assert states(pages, victim) == {AddressState.OPTED_OUT}
    for text in ("START", "старт"):
        reply = say_in_africa(pages, text)
        assert (reply.kind, reply.is_unheeded) == (ReplyKind.START, True)
        assert states(pages, victim) == {AddressState.OPTED_OUT}
    responder = member(pages, "ours", Role.RESPONDER, Role.STEWARD)
    contact = f"/audience/contacts/{reply.contact_id}"
    inbox = responder.get("/inbox/history").text
    assert inbox.count("nothing proves that it was this person") == 2
    assert f"{contact}/lift-stop" in inbox
    assert "1 person asked for messages again" in responder.get("/").text
    responder.post(f"{contact}/lift-stop", data={"channel": "sms", "evidence": "She called from her number."})
    assert states(pages, victim) == {AddressState.ACTIVE, AddressState.OPTED_OUT}
    assert "asked for messages again" not in responder.get("/").text


def test_start_that_lifted_nothing_lifts_no_late_stop_either(pages: Pages, victim: dict[str, int]) -> None:
    say_in_africa(pages, "STOP")
    assert say_in_africa(pages, "START").is_unheeded
    said_at = clock.now() - timedelta(minutes=1)
    assert say_in_africa(pages, "STOP", date=said_at.isoformat()).kind == ReplyKind.STOP
    assert states(pages, victim) == {AddressState.OPTED_OUT}


@pytest.mark.both_databases
@pytest.mark.parametrize("said", ["STOP", "leave me alone"])
def test_code_over_an_address_alone_brings_nobody_back(pages: Pages, said: str) -> None:
    with pages.sessions.begin() as session:
        create_entry_point(session, pages.ours.id, name="Gate", code="GATE-7", by=None)
    say_in_africa(pages, said)
    reply = say_in_africa(pages, "GATE-7")
    assert (reply.kind, reply.is_unheeded, whose(pages, reply)) == (ReplyKind.JOIN, True, "ours")
    with pages.sessions() as session:
        assert AddressState.ACTIVE not in session.scalars(select(Address.state)).all()


def test_new_person_joins_over_an_address_alone(pages: Pages) -> None:
    """Who never said stop consents by a word, as on a form."""
    with pages.sessions.begin() as session:
        create_entry_point(session, pages.ours.id, name="Gate", code="GATE-7", by=None)
    reply = say_in_africa(pages, "GATE-7")
    assert (reply.kind, reply.is_unheeded) == (ReplyKind.JOIN, False)
    with pages.sessions() as session:
        address = session.scalars(select(Address)).one()
        assert (address.organisation_id, address.state) == (pages.ours.id, AddressState.ACTIVE)
        assert session.scalars(select(Consent.kind)).all() == [ConsentKind.GRANTED]
    assert not say_in_africa(pages, "START").is_unheeded


def test_start_over_an_address_alone_is_consent_of_who_said_nothing(
    pages: Pages, session: Session, vault: Vault
) -> None:
    with pages.sessions.begin() as session:
        contact = a_contact(session, pages.ours)
        address = an_address(session, contact, vault, number=VICTIM, state=AddressState.PENDING).id
    assert not say_in_africa(pages, "START").is_unheeded
    assert states(pages, {"ours": address}) == {AddressState.ACTIVE}


def test_signed_start_lifts(pages: Pages, senders: None, victim: dict[str, int]) -> None:
    say_in_africa(pages, "STOP")
    assert not say(pages, "START", over="ours_sms", to=OURS).is_unheeded
    assert states(pages, victim) == {AddressState.ACTIVE}

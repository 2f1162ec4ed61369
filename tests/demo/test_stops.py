"""People say stop and answer over every channel, and the sandbox knows that they did."""

from __future__ import annotations

from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core.keys.crypto import Vault
from campaigns.demo import scenario
from campaigns.demo.answers import let_some_answer
from campaigns.demo.sandbox_control import SandboxControl
from campaigns.demo.stops import let_some_stop
from campaigns.planning.models import Run
from tests.factories import (
    a_campaign,
    a_contact,
    a_delivery,
    a_member,
    a_run,
    a_sender,
    an_address,
    an_organisation,
)
from tests.sandbox.process import DEFAULTS, SandboxProcess

HANDLES = {Channel.SMS: "+38050123450{}", Channel.WHATSAPP: "+38067123450{}", Channel.TELEGRAM: "70{}"}
PEOPLE = 6


def a_planned_run(session: Session, vault: Vault) -> Run:
    """A run with a few people waiting on each of the demo's channels."""
    organisation = an_organisation(session)
    campaign = a_campaign(session, organisation, a_member(session, organisation), sender=a_sender(session))
    run = a_run(session, campaign)
    for channel, handle in HANDLES.items():
        for number in range(PEOPLE):
            contact, text = a_contact(session, organisation), handle.format(number)
            lookup = vault.lookup_hash(channel, text)
            address = an_address(session, contact, vault, number=text, channel=channel, lookup=lookup)
            a_delivery(session, run, channel=channel, contact_id=contact.id, address_id=address.id)
    return run


def test_stops_come_over_every_channel(session: Session, vault: Vault, sandbox: SandboxProcess) -> None:
    run = a_planned_run(session, vault)
    control = SandboxControl(sandbox.url, DEFAULTS.control_token)
    said = let_some_stop(control, session, vault, run.id)
    assert said == dict.fromkeys((Channel.WHATSAPP, Channel.TELEGRAM, Channel.SMS), scenario.FEWEST_STOPS)
    assert control.invariants()["opted_out"] == 3 * scenario.FEWEST_STOPS


def test_nobody_answers_what_nobody_got(sandbox: SandboxProcess) -> None:
    assert let_some_answer(SandboxControl(sandbox.url, DEFAULTS.control_token)) == (0, 0)


def test_who_said_stop_is_no_reader_any_more(sandbox: SandboxProcess) -> None:
    control = SandboxControl(sandbox.url, DEFAULTS.control_token)
    message = sandbox.client().messages.create(to="+380501234501", from_="+447700900100", body="Keep your papers.")
    sandbox.settle()
    assert control.readers("sms", "Keep your") == [message.to]
    control.act(message.to, opt_out=True, to="+447700900100", text="STOP")
    assert control.readers("sms", "Keep your") == []


def test_answers_come_from_readers_of_the_language(sandbox: SandboxProcess) -> None:
    client = sandbox.client()
    for number, language in (("+380501234501", "pl"), ("+380501234502", "ar")):
        body = scenario.message_texts()[language].replace("((hotline))", "112")
        client.messages.create(to=number, from_="+447700900100", body=body)
    sandbox.settle()
    assert let_some_answer(SandboxControl(sandbox.url, DEFAULTS.control_token)) == (2, 2)
    heard = [message["body"] for message in sandbox.truth() if message["direction"] == "inbound"]
    assert heard == [row["text"] for row in scenario.answers() if row["language"] in ("pl", "ar")]

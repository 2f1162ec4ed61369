"""Two organisations on one instance, as one table: whose each credential, hook, number and reply is.

What is asserted is what is written (`pytest -s` shows it): a line for each thing, a column for each organisation
and one for whoever runs the instance.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import product

import pytest
from sqlalchemy import Engine, select

from campaigns.audience.models import Address, AddressState
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.gateways.callbacks import hook_secret
from campaigns.planning.models import Sender
from campaigns.reach.releases.service import join_joint
from campaigns.staff.models import Role
from tests.factories import a_member, a_sender
from tests.inbox import test_tenants as two
from tests.inbox.test_tenants import CREDENTIALS, OURS, SHARED, STRANGE, THEIRS
from tests.reach.releases import test_joint as joint
from tests.reach.releases.reached import SETTLED, a_done_run, reach, regions
from tests.web.pages import Pages, make_pages

SLUGS = ("ours", "theirs")
NUMBERS = {"ours'": OURS, "theirs'": THEIRS, "of both": SHARED, "nobody's": STRANGE}

MATRIX = """
credential (a sender may use it)     ours     theirs
  ours_sms                           yes      -
  theirs_sms                         -        yes
  both_sms                           yes      yes
  nobodys_sms                        -        -
  ours_africa                        yes      -
  theirs_africa                      -        yes
  both_africa                        yes      yes

hook (its secret is shown)           ours     theirs
  ours_africa                        yes      -
  theirs_africa                      -        yes
  both_africa                        -        -

sender (the number can be entered)   ours     theirs
  ours'                              in use   in use
  theirs'                            in use   in use
  of both                            in use   in use
  nobody's                           yes      yes

reply (account, number)              ours     theirs   operator   their STOP
  ours_sms, ours'                    inbox    -        -          obeyed
  ours_sms, theirs'                  inbox    -        -          obeyed
  ours_sms, of both                  inbox    -        -          obeyed
  ours_sms, nobody's                 inbox    -        -          obeyed
  theirs_sms, ours'                  -        inbox    -          obeyed
  theirs_sms, theirs'                -        inbox    -          obeyed
  theirs_sms, of both                -        inbox    -          obeyed
  theirs_sms, nobody's               -        inbox    -          obeyed
  both_sms, ours'                    inbox    -        -          obeyed
  both_sms, theirs'                  -        inbox    -          obeyed
  both_sms, of both                  inbox    -        -          obeyed
  both_sms, nobody's                 -        -        triage     obeyed
  nobodys_sms, ours'                 -        -        triage     obeyed
  nobodys_sms, theirs'               -        -        triage     obeyed
  nobodys_sms, of both               -        -        triage     obeyed
  nobodys_sms, nobody's              -        -        triage     obeyed

joint release (spent of the ledger)  ours     theirs   releases
  before                             0        0        0
  ours asked                         0        0        0
  ours asked again                   0        0        0
  theirs agreed                      1        1        1
"""


@pytest.fixture
def pages(engine: Engine) -> Iterator[Pages]:
    with make_pages(engine, public_url=two.PUBLIC_URL, **two.settings()) as pages:
        yield pages


def line(what: str, *cells: object) -> str:
    """Return one line of the table; a heading has no indentation of its own."""
    widths = (9, 9, 11, 0)
    return (
        f"{what:<37}{''.join(f'{cell!s:<{width}}' for cell, width in zip(cells, widths, strict=False))}".rstrip()
    )


@pytest.mark.one_database
def test_nothing_crosses_between_two_organisations(pages: Pages, vault: Vault) -> None:
    two.add_senders(pages)
    sections: list[Callable[[Pages, Vault], Iterator[str]]] = [credentials, hooks, senders, replies, ledgers]
    table = "\n\n".join("\n".join(section(pages, vault)) for section in sections)
    sys.stdout.write(f"\n{table}\n")
    assert table == MATRIX.strip("\n")


def credentials(pages: Pages, _: Vault) -> Iterator[str]:
    """Both the list of credentials and what may be saved with one."""
    yield line("credential (a sender may use it)", *SLUGS)
    admins = {slug: two.member(pages, slug, Role.ADMIN) for slug in SLUGS}
    for place, name in enumerate(CREDENTIALS):
        cells = []
        for column, (slug, admin) in enumerate(admins.items()):
            is_offered = f'value="{name}"' in admin.get("/campaigns/senders/new").text
            form = a_line(f"+4477009005{place}{column}", name)
            is_taken = admin.post("/campaigns/senders/new", data=form).status_code == 302
            assert is_offered is is_taken, (slug, name)
            cells.append("yes" if is_taken else "-")
        yield line(f"  {name}", *cells)


def a_line(identity: str, secret_name: str) -> dict[str, str]:
    gateway = "africastalking" if secret_name in two.AFRICAN else "twilio"
    shared = {"name": "Line", "channel": "sms", "pace": "1", "active": "y"}
    return shared | {"identity": identity, "gateway": gateway, "secret_name": secret_name}


def hooks(pages: Pages, _: Vault) -> Iterator[str]:
    """Whoever knows such an address can speak for every phone in the country."""
    yield line("hook (its secret is shown)", *SLUGS)
    for place, name in enumerate(two.AFRICAN):
        cells = []
        for column, (slug, own) in enumerate(zip(SLUGS, (pages.ours, pages.theirs), strict=True)):
            identity = f"+4477009004{place}{column}"
            facts = {"gateway": "africastalking", "secret_name": name, "identity": identity}
            with pages.sessions.begin() as session:
                sender = a_sender(session, organisation_id=own.id, **facts)
            page = two.member(pages, slug, Role.ADMIN).get(f"/campaigns/senders/{sender.id}").text
            cells.append("yes" if hook_secret(f"{name}-token") in page else "-")
            with pages.sessions.begin() as session:
                session.delete(session.get_one(Sender, sender.id))
        yield line(f"  {name}", *cells)


def senders(pages: Pages, _: Vault) -> Iterator[str]:
    """With a key of one's own, over the same gateway."""
    yield line("sender (the number can be entered)", *SLUGS)
    for name, number in NUMBERS.items():
        cells = []
        for slug in SLUGS:
            answer = two.member(pages, slug, Role.ADMIN).post(
                "/campaigns/senders/new", data=a_line(number, f"{slug}_sms")
            )
            taken = answer.status_code == 302
            assert taken is not ("in use already" in answer.text)
            cells.append("yes" if taken else "in use")
            with pages.sessions.begin() as session:
                for each in session.scalars(select(Sender).where(Sender.identity == STRANGE)):
                    session.delete(each)
        yield line(f"  {name}", *cells)


def replies(pages: Pages, vault: Vault) -> Iterator[str]:
    """From somebody whom both know: who reads it, and whether a stop in it counts in both."""
    yield line("reply (account, number)", *SLUGS, "operator", "their STOP")
    addresses = two.add_victim(pages, vault)
    readers = {slug: two.member(pages, slug, Role.RESPONDER) for slug in SLUGS}
    for place, (over, (name, number)) in enumerate(product(two.OWNERS, NUMBERS.items())):
        words = f"meet me at gate {place}."
        owner = two.whose(pages, two.say(pages, words, over=over, to=number))
        read_by = [slug for slug, reader in readers.items() if words in reader.get("/inbox").text]
        assert read_by == [owner] * (owner in SLUGS)
        two.say(pages, "STOP", over=over, to=number)
        is_obeyed = two.states(pages, addresses) == {AddressState.OPTED_OUT}
        with pages.sessions.begin() as session:
            for each in addresses.values():
                session.get_one(Address, each).state = AddressState.ACTIVE
        cells = ["inbox" if slug in read_by else "-" for slug in SLUGS]
        yield line(
            f"  {over}, {name}",
            *cells,
            "triage" if owner.startswith("triage") else "-",
            "obeyed" if is_obeyed else "-",
        )


def ledgers(pages: Pages, _: Vault) -> Iterator[str]:
    """A quarter that both reached people in."""
    yield line("joint release (spent of the ledger)", *SLUGS, "releases")
    partners = [pages.ours, pages.theirs]
    with clock.running_on(lambda: SETTLED):
        with pages.sessions.begin() as session:
            places = regions(session)
            for owner in partners:
                reach(session, a_done_run(session, owner), places["PL-18"], 40)
                join_joint(session, owner, by=a_member(session, owner).id)
        steps: dict[str, Callable[[], object]] = {
            "before": lambda: None,
            "ours asked": lambda: joint.ask(pages),
            "ours asked again": lambda: joint.ask(pages, reason="A correction"),
            "theirs agreed": lambda: joint.agree(pages, pages.theirs),
        }
        for name, step in steps.items():
            step()
            yield line(f"  {name}", *joint.spent(pages, partners), joint.releases(pages))

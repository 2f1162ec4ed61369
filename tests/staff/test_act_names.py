"""Every act that code records has a name for people, and so has what it is about, and what is told beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from itertools import chain

from campaigns.core.settings import PROJECT_ROOT
from campaigns.directory.exchange.service import ExchangedServices, ImportedServices
from campaigns.inbox.conversations.models import Occasion
from campaigns.inbox.models import ReplyKind
from campaigns.places.drafts import Imported
from campaigns.schema import metadata
from campaigns.staff.act_details import DETAILS, name_of_detail
from campaigns.staff.act_names import ACTS, SUBJECTS, name_of_act, name_of_subject

CODE = re.compile(r"[a-z_]+\.[a-z_]+")
#: Words of code that look like an act: endpoints of pages, hosts, files.
OTHERS = re.compile(
    r".*\.(id|index|show|show_run|queue|history|compose|edit|edit_route|choose|set_up|health|locked)"
    r"|.*\.(csv|html|geojson|typ)"
)
RECORD = {"record", "record_all", "record_unnamed"}
#: What is told of each act, in columns of its own.
OWN_COLUMNS = {"subject", "organisation_id", "member_id", "by"}


@cache
def modules() -> list[tuple[str, ast.Module]]:
    paths = [path for path in (PROJECT_ROOT / "campaigns").rglob("*.py") if "sandbox" not in path.parts]
    return [(path.name, ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def codes() -> Iterator[tuple[str, str]]:
    """Yield the words of each file that may be the code of an act, but for those of pages."""
    for name, module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                yield node.value, name


def functions_in(module: ast.Module) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)}


def calls_in(node: ast.AST) -> list[tuple[str, ast.Call]]:
    """Return the calls below a node, each with the name of the function."""
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
    return [(str(getattr(call.func, "attr", getattr(call.func, "id", ""))), call) for call in calls]


def records(name: str, call: ast.Call) -> bool:
    return name in RECORD and not {"subject", "organisation_id"}.isdisjoint(word.arg for word in call.keywords)


@cache
def recording() -> list[tuple[ast.FunctionDef, ast.Call, dict[str, ast.FunctionDef]]]:
    """Return each call that records an act, or whose helper does, with its function and all of its module."""
    found = []
    for _name, module in modules():
        if "record" not in " ".join(name for name, _call in calls_in(module)):
            continue
        own = functions_in(module)
        helpers = {
            name
            for name, each in own.items()
            if (each.args.kwarg or "dict[" in ast.unparse(each.args))
            and any(records(*called) for called in calls_in(each))
        }
        for function in own.values():
            for name, call in calls_in(function):
                if records(name, call) or name in helpers:
                    found.append((function, call, own))
    return found


def values_of(function: ast.FunctionDef, name: str) -> list[ast.expr]:
    """Return what a name is set to in a function."""
    nodes = [each for each in ast.walk(function) if isinstance(each, ast.Assign)]
    return [each.value for each in nodes if ast.unparse(each.targets[0]) == name]


def takes_whole(call: ast.Call, own: dict[str, ast.FunctionDef]) -> bool:
    """Say whether a function takes whole dictionaries of details, not each detail by its key."""
    name = ast.unparse(call.func).rpartition(".")[2]
    return name == "record_all" or (name in own and own[name].args.kwarg is None)


def details() -> Iterator[str]:
    """Yield the keys that an act is recorded with: words of the call, and of the dictionaries that it is given."""
    for function, call, own in recording():
        yield from (str(word.arg) for word in call.keywords if word.arg)
        given: list[ast.AST] = [word.value for word in call.keywords if word.arg is None]
        if takes_whole(call, own):
            given += call.args[2:]
        names = [each.id for node in given for each in ast.walk(node) if isinstance(each, ast.Name)]
        given += chain.from_iterable(values_of(function, name) for name in names)
        given += [own[name] for node in given for name, _call in calls_in(node) if name in own]
        dictionaries = [each for node in given for each in ast.walk(node) if isinstance(each, ast.Dict)]
        keys = chain.from_iterable(each.keys for each in dictionaries)
        yield from (str(key.value) for key in keys if isinstance(key, ast.Constant))


def subjects() -> Iterator[str]:
    """Yield the tables that acts are about, as far as a type or a constructor beside the call tells them."""
    tables = {
        node.name: str(ast.literal_eval(line.value))
        for _name, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef)
        for line in node.body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "__tablename__"
    }
    for function, call, _own in recording():
        for word in call.keywords:
            if word.arg == "subject":
                name = ast.unparse(word.value)
                given = [each.annotation for each in function.args.args if each.arg == name and each.annotation]
                made = values_of(function, name)
                told = " ".join(ast.unparse(each) for each in (*given, *made, word.value))
                yield from (tables[each] for each in re.findall(r"[A-Z]\w+", told) if each in tables)


def test_every_recorded_act_has_a_name() -> None:
    nouns = {act.partition(".")[0] for act in ACTS}
    seen = {code for code, _file in codes() if code.partition(".")[0] in nouns and not OTHERS.fullmatch(code)}
    assert len(seen) > 150
    of_people = {f"reply.{kind}" for kind in ReplyKind}
    at_the_door = {f"{who}.{verb}_sign_in" for who in ("member", "stranger") for verb in ("refuse", "close")}
    assert (seen | of_people | at_the_door) - set(ACTS) == set()


def test_every_detail_of_an_act_has_a_name() -> None:
    seen = set(details()) - OWN_COLUMNS
    counted = {field.name for each in (Imported, ImportedServices, ExchangedServices) for field in fields(each)}
    assert len(seen) > 80
    assert (seen | counted | set(Occasion)) - set(DETAILS) == set()


def test_subjects_are_tables_and_every_recorded_one_has_a_name() -> None:
    assert set(SUBJECTS) <= set(metadata.tables)
    recorded = set(subjects())
    assert len(recorded) > 30
    assert recorded - set(SUBJECTS) == set()


def test_what_a_newer_program_wrote_is_shown_as_it_is() -> None:
    assert name_of_act("newer.act") == "newer.act"
    assert name_of_subject("newer_thing") == "newer thing"
    assert name_of_detail("newer_fact") == "newer fact"

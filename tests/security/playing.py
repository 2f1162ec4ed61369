"""Plays each attack with each stolen account on the same scene, and says in a word what it met."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from werkzeug.test import TestResponse

from campaigns.core.database import make_engine
from campaigns.core.keys.crypto import Vault
from campaigns.schema import metadata
from tests.security.attacks import ATTACKS
from tests.security.scene import ACTORS, SETTINGS, Scene, Thief, build, look, waiting
from tests.web.pages import make_pages

TABLE = Path(__file__).with_name("stolen_account.md")
#: Whoever may read it by their roles read it, and the trail tells that.
BY_RIGHT = "by right"
#: A change was proposed, and nothing is done before another member agrees.
WAITS = "waits"
#: Numbers of people are there, but none below the smallest that is shown.
ROUNDED = "rounded"
#: A rehearsal went to invented people, as many whoever is in the audience.
INVENTED = "invented"
#: Nobody of this kind is signed in; the page told nothing; an act was done.
SIGN_IN, NOTHING, DONE = "sign-in", "nothing", "done"


@dataclass(frozen=True, slots=True)
class Met:
    """What an attack met, what it changed that nobody may change alone, and what it read that only few may."""

    outcome: str
    harm: list[str]
    reads: set[str]


class Stage:
    """The scene, set anew for each attack."""

    def __init__(self, scene: Scene, file: Path, untouched: Path) -> None:
        self.scene, self._file, self._untouched = scene, file, untouched
        self._before = look(scene)
        self._eye = sqlite3.connect(file)
        self._version = self._read_version()

    def play(self, attack: str, actor: str) -> Met:
        """Let an actor attack the untouched scene, and agree to all that waits after it."""
        thief = Thief(self.scene, actor)
        outcome = _word(self.scene, ATTACKS[attack](thief), thief)
        thief.agree_to_everything()
        harm: list[str] = []
        if self._read_version() != self._version:
            after = look(self.scene)
            harm = [name for name, value in self._before.items() if after[name] != value]
            _copy(self._untouched, self._file)
            self._version = self._read_version()
        return Met(outcome, harm, thief.reads())

    def close(self) -> None:
        """Let go of the file."""
        self._eye.close()

    def _read_version(self) -> int:
        """Return what is another number as soon as anybody else has written to the file."""
        return int(self._eye.execute("PRAGMA data_version").fetchone()[0])


@contextmanager
def a_stage(folder: Path) -> Iterator[Stage]:
    """Set the scene in a file of its own in `folder`."""
    file, copy = folder / "scene.db", folder / "untouched.db"
    engine = make_engine(f"sqlite:///{file}")
    metadata.create_all(engine)
    with make_pages(engine, **SETTINGS) as pages:
        scene = build(pages, Vault(keys={1: b"k" * 32}, lookup_key=b"l" * 32))
        _copy(file, copy)
        with closing(Stage(scene, file, copy)) as stage:
            yield stage
    engine.dispose()


def read_table() -> dict[tuple[str, str], str]:
    """Return what the table says each attack meets, by attack and actor."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    head, _rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {(row[0], actor): cell for row in rows for actor, cell in zip(head[1:], row[1:], strict=True)}


def write_table(met: dict[tuple[str, str], str]) -> str:
    """Return a table of outcomes in Markdown."""
    lines = [["attack", *map(str, ACTORS)], ["---"] * (len(ACTORS) + 1)]
    lines += [[attack, *(met[attack, str(actor)] for actor in ACTORS)] for attack in ATTACKS]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _word(scene: Scene, answer: TestResponse, thief: Thief) -> str:
    if waiting(scene):
        return WAITS
    if answer.status_code >= 400:
        return str(answer.status_code)
    if "/sign-in" in (answer.location or ""):
        return SIGN_IN
    if answer.status_code == 302 and answer.location:
        # An act that was refused says why on the page that follows.
        return "refused" if "notice is-bad" in thief.get(answer.location).text else DONE
    if thief.reads():
        return BY_RIGHT
    if "to invented people" in answer.text:
        return INVENTED
    return ROUNDED if "fewer than 20" in answer.text.lower() else NOTHING


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as whole, closing(sqlite3.connect(target)) as used:
        used.execute("PRAGMA synchronous = OFF")
        whole.backup(used)

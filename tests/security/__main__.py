"""Print as a Markdown table what each attack meets with each stolen account: `python -m tests.security`."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.security.attacks import ATTACKS
from tests.security.playing import a_stage, write_table
from tests.security.scene import ACTORS


def main() -> None:
    """Play everything; what an attack changed or read follows on the error output."""
    with TemporaryDirectory() as folder, a_stage(Path(folder)) as stage:
        met = {(attack, str(actor)): stage.play(attack, str(actor)) for attack in ATTACKS for actor in ACTORS}
    sys.stdout.write(write_table({key: each.outcome for key, each in met.items()}) + "\n")
    for (attack, actor), each in met.items():
        if each.harm or each.reads:
            changed, read = (", ".join(sorted(names)) or "nothing" for names in (each.harm, each.reads))
            sys.stderr.write(f"{actor}, {attack}: {changed} changed, {read} read\n")


if __name__ == "__main__":
    main()

"""Building refuses what could not run: Fingerpost lives in its checkout, beside its templates and migrations.

An editable install works, and `make setup` makes one. For that setuptools does all.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NoReturn

REFUSAL = (
    "Fingerpost runs from its checkout, where its templates, translations, migrations and settings are: "
    "run `make setup` there, or install it with `pip install --editable .`"
)


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise SystemExit(REFUSAL)


build_wheel = build_sdist = prepare_metadata_for_build_wheel = _refuse


def __getattr__(name: str) -> Any:
    """Return a hook of setuptools; without it nothing but the refusal can be asked for."""
    return getattr(import_module("setuptools.build_meta"), name)

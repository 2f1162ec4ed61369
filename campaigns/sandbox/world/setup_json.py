"""Set-up is read from JSON and checked against a dataclass's declared types; an error names the place."""

from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from campaigns.sandbox.world.sandbox_errors import SandboxError

T = TypeVar("T")


def read_changes(current: T, changes: object, where: str) -> T:
    """Return `current` with the fields in `changes` replaced; raise SandboxError on one that does not fit."""
    values = _read_fields(type(current), changes, where)
    return replace(current, **values)  # type: ignore[type-var]


def _read_fields(kind: type, value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SandboxError(f"{where}: expected an object, not {value!r}.")
    hints = get_type_hints(kind)
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise SandboxError(f"{where}: no field {unknown[0]!r}; there are {', '.join(sorted(hints))}.")
    return {name: _read(hints[name], item, f"{where}.{name}") for name, item in value.items()}


def _read(kind: Any, value: Any, where: str) -> Any:
    """Read one value of a declared type: dataclass, tuple, mapping, literal, union or plain."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if is_dataclass(kind) and isinstance(kind, type):
        return _build(kind, value, where)
    if origin is tuple:
        return _read_tuple(arguments, value, where)
    if origin is Literal:
        return _expect(value in arguments, value, where, f"one of {', '.join(map(repr, arguments))}")
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        _expect(isinstance(value, Mapping), value, where, "an object")
        return {str(key): _read(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if arguments:
        return _read_union(arguments, value, where)
    return _read_plain(kind, value, where)


def _build(kind: type, value: object, where: str) -> Any:
    try:
        return kind(**_read_fields(kind, value, where))
    except TypeError as missing:
        raise SandboxError(f"{where}: a required field is missing ({missing}).") from missing


def _read_tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    _expect(isinstance(value, list), value, where, "a list")
    if arguments[-1] is Ellipsis:
        return tuple(_read(arguments[0], item, f"{where}[{place}]") for place, item in enumerate(value))
    _expect(len(value) == len(arguments), value, where, f"a list of {len(arguments)}")
    pairs = zip(arguments, value, strict=True)
    return tuple(_read(kind, item, f"{where}[{place}]") for place, (kind, item) in enumerate(pairs))


def _read_union(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    """Read a value as the first member of a union that it fits."""
    if value is None and NoneType in arguments:
        return None
    kinds = [kind for kind in arguments if kind is not NoneType]
    for kind in kinds[:-1]:
        try:
            return _read(kind, value, where)
        except SandboxError:
            continue
    return _read(kinds[-1], value, where)


def _read_plain(kind: type, value: Any, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return _expect(type(value) is kind, value, where, kind.__name__)


def _expect(fits: bool, value: Any, where: str, wanted: str) -> Any:
    if not fits:
        raise SandboxError(f"{where}: expected {wanted}, not {value!r}.")
    return value

"""Types of Python as types of workflows: ``list[str] | None`` is ``list<string>?``, a TypedDict is a record.

Owns which type of Python means which type of ours. A text is a type of ours as it is. What has no counterpart
raises UnknownHint; who asked says where.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NotRequired, Required, Union, get_args, get_origin

import msgspec

__all__ = ["UnknownHint", "fields_of", "function_hints", "members_of", "type_text"]

_SCALARS: Final[dict[Any, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "bool",
    Any: "any",
    object: "any",
    None: "any",
    type(None): "any",
    list: "list<any>",
    tuple: "list<any>",
    dict: "map<any>",
}
_LISTS: Final = (list, Sequence)
_MAPS: Final = (dict, Mapping)
_LITERALS: Final = {str: "string", int: "integer", bool: "bool", float: "number"}
_DEEPEST: Final = 32


class UnknownHint(ValueError):
    """A type of Python that no workflow has."""


def type_text(hint: Any, depth: int = 0) -> str:
    """Return a type as workflows write it. Raises UnknownHint."""
    if isinstance(hint, str):
        return hint
    if depth > _DEEPEST:
        raise UnknownHint("a type that contains itself")
    try:
        if hint in _SCALARS:
            return _SCALARS[hint]
    except TypeError:
        pass  # not hashable, so none of them
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        texts = list(dict.fromkeys(type_text(argument, depth + 1) for argument in inner))
        if len(texts) > 1 and set(texts) != {"integer", "number"}:
            raise UnknownHint(f"{_shown(hint)}, of several types,")
        found = texts[0] if len(texts) == 1 else "number"
        return found if len(inner) == len(arguments) or found.endswith("?") or found == "any" else f"{found}?"
    if origin in (typing.Annotated, Required, NotRequired):
        return type_text(arguments[0], depth + 1)
    if origin in _LISTS:
        return f"list<{type_text(arguments[0], depth + 1)}>"
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return f"list<{type_text(arguments[0], depth + 1)}>"
    if origin in _MAPS and arguments[0] is str:
        return f"map<{type_text(arguments[1], depth + 1)}>"
    members = members_of(hint)
    if members:
        kinds = {_LITERALS.get(type(member), "") for member in members}
        if len(kinds) == 1 and "" not in kinds:
            return kinds.pop()
    fields = fields_of(hint)
    if fields is not None:
        return "{" + ", ".join(f"{name}: {type_text(inner, depth + 1)}" for name, (inner, _) in fields.items()) + "}"
    raise UnknownHint(_shown(hint))


def members_of(hint: Any) -> tuple[Any, ...]:
    """Return the values that a type allows, where it names them: a Literal or an Enum."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return tuple(member.value for member in hint)
    return ()


def fields_of(hint: Any) -> dict[str, tuple[Any, Any]] | None:
    """Return the fields of a TypedDict, a dataclass or a msgspec.Struct: the type of each and its default, or MISSING.

    None for any other type. What need not be there is optional.
    """
    if typing.is_typeddict(hint):
        hints = _hints(hint)
        optional = hint.__optional_keys__
        return {name: (_maybe(kind) if name in optional else kind, dataclasses.MISSING) for name, kind in hints.items()}
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = _hints(hint)
        return {field.name: (hints[field.name], _default(field)) for field in dataclasses.fields(hint) if field.init}
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        found = {}
        for inner in msgspec.structs.fields(hint):
            missing = inner.default is msgspec.NODEFAULT
            made = dataclasses.MISSING if inner.default_factory is msgspec.NODEFAULT else inner.default_factory()
            found[inner.encode_name] = (inner.type, made if missing else inner.default)
        return found
    return None


def function_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the hints of a function, ``return`` among them. Raises UnknownHint where one can't be found."""
    return _hints(function)


def _hints(thing: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except (NameError, TypeError) as error:
        raise UnknownHint(f"a hint of `{getattr(thing, '__name__', thing)}` ({error})") from None


def _maybe(hint: Any) -> Any:
    inner = get_args(hint)[0] if get_origin(hint) in (NotRequired, Required) else hint
    return inner if inner in (Any, object) else inner | None


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return dataclasses.MISSING if field.default_factory is dataclasses.MISSING else field.default_factory()


def _shown(hint: Any) -> str:
    return f"`{hint.__qualname__ if isinstance(hint, type) and not get_args(hint) else hint}`"

"""Types as data: what they are, how they print, how they relate. How they are written is ``type_parser``'s.

Rules: equal types are equal data, so a record's fields are kept by name; printing is canonical.
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = [
    "ANY",
    "BOOL",
    "INTEGER",
    "NULL",
    "NUMBER",
    "STRING",
    "Type",
    "accepts",
    "is_optional",
    "join",
    "list_of",
    "map_of",
    "optional",
    "print_type",
    "record_of",
    "required",
]


class Type(msgspec.Struct, frozen=True):
    """A type. ``kind`` is string, number, integer, bool, any, list, map, record, or null.

    ``element`` is the type of a list's items and of a map's members. ``null`` can't be written: it is the
    type of the literal, for inference.
    """

    kind: str
    optional: bool = False
    element: Type | None = None
    fields: tuple[tuple[str, Type], ...] = ()

    def __str__(self) -> str:
        return print_type(self)

    def field(self, name: str) -> Type | None:
        """Return the type of a record's field, or None if it has none of that name."""
        for field, declared in self.fields:
            if field == name:
                return declared
        return None


STRING: Final = Type("string")
NUMBER: Final = Type("number")
INTEGER: Final = Type("integer")
BOOL: Final = Type("bool")
ANY: Final = Type("any")
NULL: Final = Type("null")


def list_of(element: Type) -> Type:
    """Return the type of lists of such items."""
    return Type("list", element=element)


def map_of(element: Type) -> Type:
    """Return the type of maps with such members."""
    return Type("map", element=element)


def record_of(fields: dict[str, Type]) -> Type:
    """Return the type of maps with these fields."""
    return Type("record", fields=tuple(sorted(fields.items())))


def optional(type: Type) -> Type:
    """Return the type that also takes null."""
    return type if is_optional(type) else Type(type.kind, True, type.element, type.fields)


def required(type: Type) -> Type:
    """Return the type without null, as far as it can be told: ``any`` stays, null becomes ``any``."""
    if type.kind == "null":
        return ANY
    return Type(type.kind, False, type.element, type.fields) if type.optional else type


def is_optional(type: Type) -> bool:
    """Return whether null is a value of the type."""
    return type.optional or type.kind == "any" or type.kind == "null"


def print_type(type: Type) -> str:
    """Return the canonical text of a type."""
    mark = "?" if type.optional else ""
    if type.kind == "record":
        return "{" + ", ".join(f"{name}: {print_type(field)}" for name, field in type.fields) + "}" + mark
    if type.element is not None:
        return f"{type.kind}<{print_type(type.element)}>{mark}"
    return type.kind + mark


def accepts(target: Type, source: Type) -> bool:
    """Return whether a value of the source type may be one of the target: False only where it never can be.

    A number may be whole and an optional value present, so both are left to the check at run time.
    """
    if target.kind == "any" or source.kind == "any":
        return True
    if source.kind == "null":
        return is_optional(target)
    if target.kind == source.kind == "record":
        return all(
            is_optional(field) if found is None else accepts(field, found)
            for name, field in target.fields
            for found in (source.field(name),)
        )
    if target.kind == "record" and source.kind == "map" and source.element is not None:
        return all(is_optional(field) or accepts(field, source.element) for _, field in target.fields)
    if target.kind == "map" and source.kind == "record" and target.element is not None:
        return all(accepts(target.element, field) for _, field in source.fields)
    if target.kind == source.kind and target.element is not None and source.element is not None:
        return accepts(target.element, source.element)
    numbers = ("integer", "number")
    return target.kind == source.kind or (target.kind in numbers and source.kind in numbers)


def join(one: Type, other: Type) -> Type:
    """Return the narrowest type that takes the values of both."""
    if one == other:
        return one
    if one.kind == "null" or other.kind == "null":
        return optional(other if one.kind == "null" else one)
    found = ANY
    if one.kind in ("integer", "number") and other.kind in ("integer", "number"):
        found = NUMBER if one.kind != other.kind else Type(one.kind)
    elif one.kind == other.kind == "record":
        fields = {name: field if other.field(name) is None else ANY for name, field in (*other.fields, *one.fields)}
        for name in fields:
            first, second = one.field(name), other.field(name)
            # A field that one side does not declare may still be there, with whatever value.
            fields[name] = join(first, second) if first is not None and second is not None else ANY
        found = Type("record", fields=tuple(sorted(fields.items())))
    elif one.kind == other.kind:
        both = one.element is not None and other.element is not None
        found = Type(one.kind, element=join(one.element, other.element) if both else None)  # type: ignore[arg-type]
    return optional(found) if one.optional or other.optional else found

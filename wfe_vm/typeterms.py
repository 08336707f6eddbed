"""The types of the language, in one place to import from.

A type is ``string``, ``number``, ``integer``, ``bool``, ``any``, ``T?``, ``list<T>``, ``map<T>`` or a record
``{a: T, b: T?}``. ``type_model`` says what it is and how it relates to others, ``type_parser`` reads it,
``type_values`` holds values and texts to it. None of them knows of expressions or spans.
"""

from __future__ import annotations

from .type_model import (
    ANY,
    BOOL,
    INTEGER,
    NULL,
    NUMBER,
    STRING,
    Type,
    accepts,
    is_optional,
    join,
    list_of,
    map_of,
    optional,
    print_type,
    record_of,
    required,
)
from .type_parser import TypeTermError, parse_type
from .type_values import TextValueError, check_value, coerce, read_number, read_text, read_undeclared
from .values import Problem

__all__ = [
    "ANY",
    "BOOL",
    "INTEGER",
    "NULL",
    "NUMBER",
    "STRING",
    "Problem",
    "TextValueError",
    "Type",
    "TypeTermError",
    "accepts",
    "check_value",
    "coerce",
    "is_optional",
    "join",
    "list_of",
    "map_of",
    "optional",
    "parse_type",
    "print_type",
    "read_number",
    "read_text",
    "read_undeclared",
    "record_of",
    "required",
]

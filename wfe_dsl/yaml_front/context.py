"""What every part of the YAML front end works with: where diagnostics go and how values are read.

The readers take a node and give back a value of the wanted kind, or None after one diagnostic. A Broken
node gives None in silence: its mistake is known already. ``known`` ones are literals, for which a
load-time variable may stand; the rest may hold expressions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from collections.abc import Mapping as AnyMapping
from typing import Any, Final

from wfe_vm.durations import DurationError, parse_duration

from .. import nodes
from ..diagnostics.codes import ABSENCES
from ..diagnostics.model import Diagnostics, Label
from ..embedded import OPENING
from ..interpolation import Interpolator
from ..interpolation_text import input_path
from ..source import Span
from ..suggest import did_you_mean, nearest
from .other_keys import other_key
from .positions import span_of
from .tree import Broken, Entry, Listing, Mapping, Meant, Node, Scalar, kind_of, words_in

__all__ = ["TEXT_HELP", "Context", "Guesses", "is_dynamic", "placeholder"]

NAME: Final = re.compile(r"[\w-]+")
MAX_NAME_LENGTH: Final = 200
LAST_OF_64_BITS: Final = 2**63 - 1
MAP_HELP: Final = "write `name: value` lines below it, or `{name: value}`"
LIST_HELP: Final = "write its items below it, each after `- `, or `[one, two]`"
SWITCHES: Final = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
TEXT_HELP: Final = "write a text; one with `: ` or ` #` in it needs quotes"

Guesses = frozenset[str]
"""The known keys that unknown ones of a map were probably meant as: nobody need miss them."""


class Context:
    """The front end's view of one workflow."""

    def __init__(self, interpolator: Interpolator, diagnostics: Diagnostics, step_types: Collection[str] = ()) -> None:
        self.interpolator = interpolator
        self.diagnostics = diagnostics
        self.step_types = step_types
        self.unread: set[str] = set()
        """As ``nodes.Workflow`` has it."""

    def report(
        self,
        code: str,
        message: str,
        span: Span,
        help: str,
        labels: tuple[Label, ...] = (),
    ) -> None:
        self.diagnostics.add(code, message, span, help, labels)

    # Maps and their keys

    def check_keys(
        self,
        mapping: Mapping,
        allowed: Collection[str],
        what: str,
        elsewhere: AnyMapping[str, str] | None = None,
        otherwise: str = "",
    ) -> Guesses:
        """Report each key that ``what`` has not.

        ``elsewhere`` says of some keys where they belong instead, ``otherwise`` of all others which keys there are.
        """
        guesses: set[str] = set()
        for key, entry in mapping.entries.items():
            if key in allowed:
                continue
            self.unread.update(words_in(entry.value))
            guess = nearest(key, allowed)
            other = other_key(what, key)
            if other is not None and other[1] != guess:
                help = other[0]
                guesses.update((other[1],) if other[1] else allowed)
            elif guess is not None:
                guesses.add(guess)
                help = f"did you mean `{guess}`?"
            elif elsewhere and key in elsewhere:
                help = elsewhere[key]
            else:
                help = otherwise or f"it has: {', '.join(sorted(allowed))}"
                guesses.update(allowed)  # it may have been meant as any of them
            self.report("WFE0101", f"{what} has no key `{key}`", entry.key_span, help)
        return frozenset(guesses)

    def require(self, mapping: Mapping, key: str, what: str, guesses: Guesses, help: str) -> bool:
        """Report a key that is missing, unless it was misspelt. Returns whether it is there."""
        if key in mapping.entries:
            return True
        if key not in guesses:
            self.report("WFE0102", f"{what} needs `{key}`", mapping.span, help)
        return False

    def as_map(self, node: Node, what: str, help: str = MAP_HELP) -> Mapping | None:
        node = self.known(node) if isinstance(node, Scalar) else node
        if isinstance(node, Mapping):
            return node
        if isinstance(node, Broken):
            self.unread.update(ABSENCES)
        self.wrong(node, what, "a map", help)
        return None

    def as_list(self, node: Node, what: str, help: str = LIST_HELP) -> Listing | None:
        node = self.known(node) if isinstance(node, Scalar) else node
        if isinstance(node, Listing):
            return node
        if isinstance(node, Broken):
            self.unread.update(ABSENCES)
        self.wrong(node, what, "a list", help)
        return None

    def wrong(self, node: Node, what: str, wanted: str, help: str) -> None:
        """Report a value of the wrong kind, unless its place is broken anyway."""
        if not isinstance(node, Broken):
            self.unread.update(words_in(node))
            self.report("WFE0103", f"{what} takes {wanted}, not {kind_of(node)}", node.span, help)

    # Literals

    def known(self, node: Node) -> Node:
        """Return the node with its load-time variables put in; Broken where it is known only when running."""
        if not isinstance(node, Scalar) or not is_dynamic(node):
            return node
        if isinstance(node, Meant) and isinstance(node.meaning, nodes.Literal):
            return _node_of(node.meaning.value, node)
        there, value = self.interpolator.literal(node.text, span_of(node), node.span)
        return _node_of(value, node) if there else Broken(node.span)

    def string(self, node: Node, what: str, help: str = TEXT_HELP) -> str | None:
        """Return a text. A number or a bool is taken as it is written."""
        node = self.known(node)
        if isinstance(node, Scalar) and node.value is not None:
            return node.text
        self.wrong(node, what, "a text", help)
        return None

    def name(self, node: Node, what: str) -> str | None:
        """Return a name: letters, digits, ``_`` and ``-``."""
        text = self.string(node, what)
        return text if text is not None and self.check_name(text, node.span, what) else None

    def check_name(self, text: str, span: Span, what: str) -> bool:
        if NAME.fullmatch(text) and len(text) <= MAX_NAME_LENGTH:
            return True
        if not text:
            message = f"{what} is empty"
        elif len(text) > MAX_NAME_LENGTH:
            message = f"{what} is longer than {MAX_NAME_LENGTH} letters"
        else:
            message = f"{what} `{text if len(text) <= 60 else text[:59] + '…'}` has a letter that a name can't have"
        proposal = re.sub(r"[^\w-]+", "-", text).strip("-")[:60]
        help = "a name is made of letters, digits, `_` and `-`"
        self.report("WFE0113", message, span, f"{help}, as in `{proposal}`" if proposal else help)
        return False

    def integer(self, node: Node, what: str, least: int, most: int = LAST_OF_64_BITS) -> int | None:
        node = self.known(node)
        if not isinstance(node, Scalar) or not isinstance(node.value, int) or isinstance(node.value, bool):
            self.wrong(node, what, "an integer", _number_help(node, "a whole number", f"{max(least, 1)}"))
            return None
        if not least <= node.value <= most:
            bounds = f"at least {least}" if node.value < least else f"at most {most}"
            help = f"write a number from {least} to {most}" if most < LAST_OF_64_BITS else f"write {least} or more"
            self.report("WFE0116", f"{what} has to be {bounds}, not {node.value}", node.span, help)
            return None
        return node.value

    def number(self, node: Node, what: str, least: float, most: float) -> float | None:
        node = self.known(node)
        if not isinstance(node, Scalar) or not isinstance(node.value, int | float) or isinstance(node.value, bool):
            self.wrong(node, what, "a number", _number_help(node, "a number", f"{least:g}"))
            return None
        if not least <= node.value <= most:
            bounds = f"at least {least:g}" if node.value < least else f"at most {most:g}"
            help = f"write a number from {least:g} to {most:g}"
            self.report("WFE0116", f"{what} has to be {bounds}, not {node.text}", node.span, help)
            return None
        return float(node.value)

    def flag(self, node: Node, what: str) -> bool | None:
        node = self.known(node)
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        help = "write `true` or `false`, without quotes"
        if isinstance(node, Scalar) and node.text.lower() in SWITCHES:
            help = f"write `{SWITCHES[node.text.lower()]}`"
        self.wrong(node, what, "`true` or `false`", help)
        return None

    def choice(self, node: Node, what: str, choices: Iterable[str]) -> str | None:
        """Return one of a few words."""
        text = self.string(node, what)
        if text is None:
            return None
        choices = tuple(choices)
        if text in choices:
            return text
        help = did_you_mean(text, choices) or f"it is one of: {', '.join(choices)}"
        self.report("WFE0117", f"{what} can't be `{text}`", node.span, help)
        return None

    def duration(self, node: Node, what: str, least: int = 0) -> int | None:
        """Return the milliseconds of a duration."""
        node = self.known(node)
        if isinstance(node, Broken):
            return None
        if not isinstance(node, Scalar) or isinstance(node.value, bool):
            self.wrong(node, what, "a duration", "write it like 30s, 5m or 1h30m")
            return None
        try:
            milliseconds = parse_duration(node.text)
        except DurationError as error:
            self.report("WFE0115", error.message, node.span, error.help)
            return None
        if milliseconds < least:
            help = "leave it out for no limit"
            self.report("WFE0115", f"{what} has to be longer than nothing", node.span, help)
            return None
        return milliseconds

    def literal(self, node: Node) -> nodes.Literal | nodes.ListExpression | nodes.MapExpression | None:
        """Return a value of any kind that is known now."""
        node = self.known(node)
        if isinstance(node, Scalar):
            return nodes.Literal(span=node.span, value=node.value)
        if isinstance(node, Broken):
            return None
        there, plain = self.plain(node)
        return self._constant(node) if there and plain is not None else None

    def plain(self, node: Node) -> tuple[bool, Any]:
        """Return whether a value is known now, and the value as lists, dicts and scalars."""
        node = self.known(node)
        if isinstance(node, Scalar):
            return True, node.value
        if isinstance(node, Listing):
            found = [self.plain(item) for item in node.items]
            return all(there for there, _ in found), [value for _, value in found]
        if isinstance(node, Mapping):
            inner = {key: self.plain(entry.value) for key, entry in node.entries.items()}
            return all(there for there, _ in inner.values()), {key: value for key, (_, value) in inner.items()}
        return False, None

    def _constant(self, node: Node) -> nodes.Literal | nodes.ListExpression | nodes.MapExpression:
        node = self.known(node)
        if isinstance(node, Listing):
            items = tuple(self._constant(item) for item in node.items)
            return nodes.ListExpression(span=node.span, items=items)
        if isinstance(node, Mapping):
            entries = tuple((key, entry.key_span, self._constant(entry.value)) for key, entry in node.entries.items())
            return nodes.MapExpression(span=node.span, entries=entries)
        return nodes.Literal(span=node.span, value=node.value if isinstance(node, Scalar) else None)

    # Texts and expressions

    def text(self, node: Scalar) -> nodes.Expression:
        """Return a scalar of the configuration: a value, or a text with what is put into it."""
        if isinstance(node, Meant):
            return node.meaning
        if not is_dynamic(node):
            return nodes.Literal(span=node.span, value=node.value)
        return self.interpolator.text(node.text, span_of(node), node.span)

    def settle(self, node: Scalar) -> Node | nodes.Expression:
        """Return what a text with something to put in stands for.

        A node, of any kind, where it is just one variable that is known now; else an expression.
        """
        reference = self.interpolator.whole(node.text)
        if reference is None or isinstance(node, Meant) or self.interpolator.keep:
            return self.text(node)
        found = self.interpolator.resolve(reference, node.span)
        if found is None:
            return Broken(node.span)
        if found.is_input:
            return input_path(found.path, node.span)
        return _node_of(found.value, node)

    def value(self, node: Node) -> nodes.Expression:
        """Return a value of the configuration, lists and maps included."""
        if isinstance(node, Scalar):
            return self.text(node)
        if isinstance(node, Listing):
            return nodes.ListExpression(span=node.span, items=tuple(self.value(item) for item in node.items))
        if isinstance(node, Mapping):
            entries = tuple((key, entry.key_span, self.value(entry.value)) for key, entry in node.entries.items())
            return nodes.MapExpression(span=node.span, entries=entries)
        return placeholder(node.span)

    def expression(self, node: Node, what: str) -> nodes.Expression:
        """Return what an expression's place holds: a text is an expression, anything else a value."""
        if isinstance(node, Broken):
            return placeholder(node.span)
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or node.verbatim or isinstance(node, Meant):
            return self.value(node)
        if not node.text.strip():
            help = "write one, as in `inputs.region`; a text is one in quotes of its own: `\"'eu'\"`"
            self.report("WFE0103", f"{what} takes an expression, not an empty text", node.span, help)
            return placeholder(node.span)
        found = self.interpolator.expression(node.text, span_of(node), node.span)
        return placeholder(node.span) if found is None else found

    def expressions(self, mapping: Mapping, what: str) -> tuple[tuple[str, Span, nodes.Expression], ...]:
        """Return a map from names to expressions."""
        found = []
        for key, entry in mapping.entries.items():
            self.check_name(key, entry.key_span, what)
            found.append((key, entry.key_span, self.expression(entry.value, f"{what} `{key}`")))
        return tuple(found)


def is_dynamic(node: Scalar) -> bool:
    """Whether anything has to be put into a text."""
    if isinstance(node, Meant):
        return True
    return isinstance(node.value, str) and not node.verbatim and ("((" in node.text or OPENING in node.text)


def placeholder(span: Span) -> nodes.Expression:
    """Return what stands in the place of an expression that has been reported as wrong."""
    return nodes.Unreadable(span=span)


def _number_help(node: Node, wanted: str, example: str) -> str:
    """Say how to write a number; of one in quotes, that it needs none."""
    if isinstance(node, Scalar) and node.style in ("'", '"') and re.fullmatch(r"-?[0-9.]+", node.text, re.ASCII):
        return f"leave out the quotes: `{node.text}`"
    return f"write {wanted}, as in `{example}`"


def _node_of(value: Any, place: Scalar) -> Node:
    """Return the tree of a variable's value; all of it stands where the variable was written."""
    if isinstance(value, dict):
        entries = {str(key): Entry(str(key), place.span, _node_of(item, place)) for key, item in value.items()}
        return Mapping(place.span, entries)
    if isinstance(value, list | tuple):
        return Listing(place.span, [_node_of(item, place) for item in value])
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return Scalar(place.span, text, value, place.style, place.begin, place.end, verbatim=True)

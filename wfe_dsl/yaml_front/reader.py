"""Reads a YAML text into the plain tree: composes the parser's events itself.

So depth, aliases, tags and duplicate keys are judged as they come, in one pass without recursion, and
nothing is ever constructed but texts, numbers, lists and maps. Merge keys are flattened here: own keys
win, then the earlier map. An alias becomes a copy of what it stands for, whose spans are those of the
definition and remember the alias as ``via``.

A mistake that the parser can go on after leaves a Broken node; the rest end the reading.
"""

from __future__ import annotations

from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from ..diagnostics.model import Diagnostics, Label
from ..source import SourceFile, Span
from ..suggest import Guesser
from .scalars import NumberRange, core_value
from .syntax import report_syntax
from .tree import Broken, Entry, Listing, Mapping, Node, Scalar

__all__ = ["MAX_ALIAS_NODES", "MAX_NESTING", "ReadResult", "read_yaml"]

MAX_NESTING: Final = 64
MAX_ALIAS_NODES: Final = 100_000
PARSERS_OWN_LIMIT: Final = "exceeded maximum nesting depth"
"""What libyaml says from 0.2.6 on: it reads ahead, and so may stop long before our limit is seen."""


class ReadResult:
    """What was read. ``root`` is None where there is nothing to go on with; ``anchors`` are their lines and columns.

    ``dropped`` are values whose keys were there already.
    """

    def __init__(
        self, source: SourceFile, root: Mapping | None, anchors: list[tuple[int, int]], dropped: list[Node]
    ) -> None:
        self.source = source
        self.root = root
        self.anchors = anchors
        self.dropped = dropped


class Stop(Exception):
    """The mistake that ends the reading has been reported."""


def read_yaml(source: SourceFile, diagnostics: Diagnostics) -> ReadResult:
    """Return the tree of a YAML text; its mistakes go to ``diagnostics``."""
    reader = Reader(source, diagnostics)
    try:
        root = reader.read()
    except Stop:
        root = None
    return ReadResult(source, root, reader.anchor_places, reader.dropped)


class Frame:
    """A list or map that is being read. ``key`` is the key whose value comes next."""

    __slots__ = ("anchor", "container", "entries", "flow", "key", "merges", "start", "tagged")

    def __init__(self, container: Listing | Mapping, start: Any, anchor: str | None, flow: bool) -> None:
        self.container = container
        self.entries = container.entries if isinstance(container, Mapping) else None
        self.start = start
        self.anchor = anchor
        self.flow = flow
        self.key: Scalar | None = None
        self.merges: list[tuple[Span, Node]] = []
        self.tagged = False


class Reader:
    def __init__(self, source: SourceFile, diagnostics: Diagnostics) -> None:
        self.source = source
        self.diagnostics = diagnostics
        self.frames: list[Frame] = []
        self.anchors: dict[str, Node] = {}
        self.anchor_places: list[tuple[int, int]] = []
        self.alias_nodes = 0
        self.dropped: list[Node] = []
        self.guesser = Guesser()
        self.root: Node | None = None

    def read(self) -> Mapping | None:
        loader = yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader
        parser: Any = loader(self.source.text)
        try:
            self._compose(parser.get_event)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            if mark is not None and PARSERS_OWN_LIMIT in (error.problem or ""):
                self._stop_at_depth(Span(self.source, mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2))
            report_syntax(error, self.source, self.diagnostics)
            raise Stop from None
        finally:
            parser.dispose()
        root = self.root
        if root is None or (isinstance(root, Scalar) and not root.text and not root.style):
            span = self.source.span_at(0, 0)
            self.diagnostics.add("WFE0012", "the file is empty", span, "a file holds a `workflow:` map")
        elif isinstance(root, Mapping):
            return root
        elif not isinstance(root, Broken):
            what = "a list" if isinstance(root, Listing) else "a text"
            span = _first_line(root.span)
            help = "begin with `workflow:` or, for several, `workflows:`"
            self.diagnostics.add("WFE0013", f"the file is {what}, not a map", span, help)
        return None

    def _compose(self, get_event: Any) -> None:
        frames = self.frames
        documents = 0
        while (event := get_event()) is not None:
            kind = event.__class__
            if kind is ScalarEvent:
                frame = frames[-1] if frames else None
                if frame is not None and frame.entries is not None and frame.key is None:
                    self._key(frame, self._scalar(event))
                else:
                    self._place(self._scalar(event))
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._open(event, kind is MappingStartEvent)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close(event)
            elif kind is AliasEvent:
                self._place(self._alias(event))
            elif kind is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    help = "put the workflows under `workflows:`, or each document in a file of its own"
                    self._stop("WFE0011", "a second document begins here", self._span(event), help)

    def _open(self, event: Any, mapping: bool) -> None:
        frames = self.frames
        span = self._span(event)
        if len(frames) >= MAX_NESTING:
            self._stop_at_depth(span)
        container: Listing | Mapping = Mapping(span, {}) if mapping else Listing(span, [])
        frame = Frame(container, event.start_mark, event.anchor, bool(event.flow_style))
        if event.anchor is not None:
            self.anchors[event.anchor] = container
            self.anchor_places.append((span.line, span.column))
        if event.tag is not None:
            frame.tagged = True
            self._report_tag(event, span)
        parent = frames[-1] if frames else None
        if parent is not None and parent.entries is not None and parent.key is None:
            self.diagnostics.add("WFE0015", "a key has to be a text", span, "quote it if it is one")
            frame.tagged = True
        frames.append(frame)

    def _close(self, event: Any) -> None:
        frame = self.frames.pop()
        container = frame.container
        start, end = container.span, event.end_mark
        if frame.flow:
            container.span = Span(self.source, start.line, start.column, end.line + 1, end.column + 1)
        elif isinstance(container, Listing):
            if container.items:
                container.span = _stretch(start, container.items[-1].span)
        elif container.entries:
            last = next(reversed(container.entries.values()))
            container.span = _stretch(start, last.value.span)
        elif frame.merges:
            container.span = _stretch(start, frame.merges[-1][1].span)
        if frame.merges:
            self._merge(frame)
        parent = self.frames[-1] if self.frames else None
        if frame.tagged:
            broken = Broken(container.span)
            if frame.anchor is not None:
                self.anchors[frame.anchor] = broken
            if parent is not None and parent.entries is not None and parent.key is None:
                # It stood as a key: its value has no place either.
                parent.key = Scalar(container.span, "", "", "?", 0, 0)
            else:
                self._place(broken)
        else:
            self._place(container)

    def _key(self, frame: Frame, node: Scalar | Broken) -> None:
        frame.key = node if isinstance(node, Scalar) else Scalar(node.span, "", "", "?", 0, 0)

    def _place(self, node: Node) -> None:
        """Put a value where it belongs."""
        if not self.frames:
            self.root = node
            return
        frame = self.frames[-1]
        if frame.entries is None:
            assert isinstance(frame.container, Listing)
            frame.container.items.append(node)
            return
        key = frame.key
        if key is None:  # an alias as a key
            self._key(frame, node if isinstance(node, Scalar) else Broken(node.span))
            if not isinstance(node, Scalar | Broken):
                self.diagnostics.add("WFE0015", "a key has to be a text", node.span, "quote it if it is one")
            return
        frame.key = None
        if key.style == "?":
            return
        text = key.text
        if text == "<<" and not key.style:
            if frame.merges:
                help = "write one `<<: [*first, *second]`"
                label = (Label(frame.merges[0][0], "first here"),)
                self.diagnostics.add("WFE0014", "the key `<<` is given twice", key.span, help, label)
            else:
                frame.merges.append((key.span, node))
        elif text in frame.entries:
            label = (Label(frame.entries[text].key_span, "first here"),)
            help = "remove one of the two"
            self.diagnostics.add("WFE0014", f"the key `{text}` is given twice", key.span, help, label)
            self.dropped.append(node)
        else:
            frame.entries[text] = Entry(text, key.span, node, key.style != "")

    def _scalar(self, event: Any) -> Scalar | Broken:
        start, end, text, style = event.start_mark, event.end_mark, event.value, event.style or ""
        line = start.line
        if style in ("|", ">"):
            span = self._block_span(start, end)
        else:
            span = Span(self.source, line + 1, start.column + 1, end.line + 1, end.column + 1)
        node: Scalar | Broken
        if event.tag is not None:
            self._report_tag(event, span)
            node = Broken(span)
        else:
            try:
                value = text if style else core_value(text)
                node = Scalar(span, text, value, style, start.index, end.index)
            except NumberRange as error:
                help = "quote it if it is meant as a text"
                self.diagnostics.add("WFE0017", str(error), span, help)
                node = Broken(span)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
            self.anchor_places.append((span.line, span.column))
        return node

    def _block_span(self, start: Any, end: Any) -> Span:
        """The parser ends a block scalar at what follows it; a person, at its last line."""
        lines = self.source.lines
        last = min(end.line, len(lines) - 1)
        if end.column == 0 and last > start.line:
            last -= 1
        while last > start.line and not lines[last].strip():
            last -= 1
        return Span(self.source, start.line + 1, start.column + 1, last + 1, len(lines[last]) + 1)

    def _alias(self, event: Any) -> Node:
        name, span = event.anchor, self._span(event)
        node = self.anchors.get(name)
        if node is None:
            message = f"the alias `*{name}` names no anchor"
            near = self.guesser.nearest(name, self.anchors)
            help = f"did you mean `{near}`?" if near else f"define it before its use, as `&{name}`"
            self.diagnostics.add("WFE0009", message, span, help)
            self.anchors[name] = Broken(span)  # so that it is told once
            return Broken(span)
        if any(frame.container is node for frame in self.frames):
            message = f"the alias `*{name}` stands inside what it names"
            help = "a value can't hold itself"
            self.diagnostics.add("WFE0008", message, span, help)
            return Broken(span)
        return self._copy(node, span, len(self.frames))

    def _copy(self, node: Node, use: Span, depth: int) -> Node:
        self.alias_nodes += 1
        if self.alias_nodes > MAX_ALIAS_NODES:
            message = f"the aliases up to here stand for more than {MAX_ALIAS_NODES:,} values"
            self._stop("WFE0007", message, use, "use a loop or a sub-workflow for what repeats so often")
        span = _brought(node.span, use)
        if isinstance(node, Scalar):
            return Scalar(span, node.text, node.value, node.style, node.begin, node.end)
        if isinstance(node, Broken):
            return Broken(span)
        if depth >= MAX_NESTING:
            self._stop_at_depth(use, ", aliases resolved")
        if isinstance(node, Listing):
            return Listing(span, [self._copy(item, use, depth + 1) for item in node.items])
        entries = {}
        for key, entry in node.entries.items():
            value = self._copy(entry.value, use, depth + 1)
            entries[key] = Entry(key, _brought(entry.key_span, use), value, entry.quoted)
        return Mapping(span, entries)

    def _merge(self, frame: Frame) -> None:
        entries = frame.entries
        assert entries is not None
        for _, value in frame.merges:
            for part in value.items if isinstance(value, Listing) else [value]:
                if isinstance(part, Mapping):
                    for key, entry in part.entries.items():
                        entries.setdefault(key, entry)
                elif not isinstance(part, Broken):
                    help = "`<<` takes a map, or a list of maps, mostly as `*anchor`"
                    self.diagnostics.add("WFE0016", "only maps can be merged", part.span, help)

    def _span(self, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        return Span(self.source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def _stop_at_depth(self, span: Span, how: str = "") -> None:
        message = f"lists and maps are nested more than {MAX_NESTING} deep{how}"
        self._stop("WFE0006", message, span, "move inner steps into a workflow of their own")

    def _stop(self, code: str, message: str, span: Span, help: str) -> None:
        self.diagnostics.add(code, message, _first_line(span), help)
        raise Stop

    def _report_tag(self, event: Any, span: Span) -> None:
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        begin = Span(self.source, span.line, span.column, span.line, span.column + len(tag))
        help = "tags have no meaning here; a text that begins with `!` needs quotes"
        self.diagnostics.add("WFE0010", f"the tag `{tag}` is not allowed", begin, help)


def _stretch(start: Span, last: Span) -> Span:
    """From the start of a block to the end of its last value, unless that was brought in by an alias."""
    end = last.via or last
    while end.via is not None:
        end = end.via
    return Span(start.source, start.line, start.column, end.end_line, end.end_column)


def _brought(span: Span, use: Span) -> Span:
    """The span of a definition, used at ``use``; one that came through an alias itself keeps that too."""
    via = use if span.via is None else _brought(span.via, use)
    return Span(span.source, span.line, span.column, span.end_line, span.end_column, via)


def _first_line(span: Span) -> Span:
    if span.end_line == span.line:
        return span
    line = span.source.lines[span.line - 1]
    return Span(span.source, span.line, span.column, span.line, len(line) + 1, span.via)

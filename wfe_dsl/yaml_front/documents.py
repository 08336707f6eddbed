"""A file with all that it includes: what stands at its top, which files come in, which workflow wins.

A file of the text language may include one in YAML and the other way round: its suffix says which it is.

Files are read once, however many ways lead to them. The workflows of the file itself come first, then
those of its includes in order; of two with one id and version that of the including file wins.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Collection
from typing import Final

import msgspec

from wfe_vm.collector import collector_off

from .. import files, nodes
from ..diagnostics.model import Diagnostics, Label
from ..interpolation import Interpolator
from ..source import MAX_SOURCE_BYTES, SourceError, SourceFile, Span
from ..variables import Variables
from .context import Context
from .reader import ReadResult, read_yaml
from .tree import Broken, Entry, Mapping, Node, Scalar, words_in
from .workflows import KEYS as WORKFLOW_KEYS
from .workflows import build_workflow

__all__ = ["Read", "load_yaml", "load_yaml_text", "read_file"]

Read = Callable[[str], bytes]
"""Reads the file at an absolute path. Raises OSError."""

KEYS: Final = ("workflow", "workflows", "include")
SOURCE_CODES: Final = {"size": "WFE0005", "encoding": "WFE0002", "control": "WFE0003"}
TEXT_SUFFIX: Final = ".wfe"
PYTHON_SUFFIX: Final = ".py"
MAX_INCLUDES: Final = 1000
MAX_INCLUDE_DEPTH: Final = 64


def read_file(path: str) -> bytes:
    """Return a file's bytes; no more of it than is needed to see that it is too large."""
    return files.read_file(path, MAX_SOURCE_BYTES)


def load_yaml(
    path: str,
    variables: Variables,
    diagnostics: Diagnostics,
    read: Read = read_file,
    step_types: Collection[str] = (),
) -> nodes.Document | None:
    """Return the tree of a YAML file and of what it includes; its mistakes go to ``diagnostics``.

    ``path`` is as the user wrote it. ``step_types`` are the installed ones beyond those built in. None where
    nothing of it could be read; with errors in ``diagnostics`` the tree is fit for further checks only.
    """
    with collector_off():
        loader = Loader(variables, diagnostics, read, step_types)
        source = loader.source_of(path, os.path.abspath(path), None)
        return None if source is None else loader.load(source)


def load_yaml_text(
    text: str,
    variables: Variables,
    diagnostics: Diagnostics,
    name: str = "<text>",
    path: str = "",
    read: Read = read_file,
    step_types: Collection[str] = (),
) -> nodes.Document | None:
    """As ``load_yaml``, of a text in memory. ``path`` is what its includes are relative to."""
    with collector_off():
        loader = Loader(variables, diagnostics, read, step_types)
        source = SourceFile.from_text(name, text, path)
        return loader.load(source) if loader.is_sound(source) else None


Workflows = dict[tuple[str, int], nodes.Workflow]


class Loaded(msgspec.Struct):
    """One file's own part. ``included`` are the files that it names."""

    source: SourceFile
    span: Span
    workflows: list[nodes.Workflow]
    included: list[Loaded]


class Loader:
    def __init__(self, variables: Variables, diagnostics: Diagnostics, read: Read, step_types: Collection[str]) -> None:
        self.variables = variables
        self.diagnostics = diagnostics
        self.read = read
        self.step_types = step_types
        self.context = Context(Interpolator(variables, (), diagnostics), diagnostics)
        self.loaded: dict[str, Loaded | None] = {}
        self.open: list[SourceFile] = []

    def load(self, source: SourceFile) -> nodes.Document | None:
        top = self._load_one(source)
        if top is None:
            return None
        workflows = tuple(self._choose(top, {}).values())
        return nodes.Document(span=top.span, workflows=workflows, own=len(top.workflows))

    def source_of(self, name: str, path: str, entry: Node | None) -> SourceFile | None:
        """Return a file's text. ``entry`` is the include that names it, None for the file asked for."""
        try:
            return SourceFile.from_bytes(name, self.read(path), path)
        except OSError as error:
            span = SourceFile.from_text(name, "", path).span_at(0, 0) if entry is None else entry.span
            reason = error.strerror or str(error)
            help = "look at its name, and whether you may read it"
            if entry is not None:
                help = "the path is relative to the file that includes it"
            code = "WFE0001" if entry is None else "WFE0019"
            self.diagnostics.add(code, f"the file `{name}` can't be read: {reason}", span, help)
        except SourceError as error:
            self._report_source(error)
        return None

    def is_sound(self, source: SourceFile) -> bool:
        try:
            source.check()
        except SourceError as error:
            self._report_source(error)
            return False
        return True

    def _report_source(self, error: SourceError) -> None:
        help = {
            "size": "split it up and use `include`",
            "encoding": "save the file as UTF-8",
            "control": "remove it; in double quotes it can be written as an escape, as `\\x00`",
        }[error.kind]
        self.diagnostics.add(SOURCE_CODES[error.kind], error.message, error.span, help)

    def _load_one(self, source: SourceFile) -> Loaded | None:
        if source.path.endswith(TEXT_SUFFIX):
            return self._load_text(source)
        result = read_yaml(source, self.diagnostics)
        root = result.root
        if root is None:
            return None
        self.open.append(source)
        try:
            loaded = Loaded(source, root.span, [], [])
            self._check_top(result, root)
            self._add_workflows(root, loaded, {word for node in result.dropped for word in words_in(node)})
            if "include" in root.entries:
                self._include(root.entries["include"], loaded)
            return loaded
        finally:
            self.open.pop()

    def _load_text(self, source: SourceFile) -> Loaded | None:
        # Only who has a file of the text language pays for its reader; and it needs this package.
        from ..text_front.bare_names import settle_names
        from ..text_front.context import TextContext
        from ..text_front.workflows import read_text

        result = read_text(source, self.diagnostics)
        if result is None:
            return None
        self.open.append(source)
        try:
            loaded = Loaded(source, result.span, [], [])
            self._build_all(result.workflows, loaded, result.unread, TextContext)
            loaded.workflows[:] = [settle_names(workflow) for workflow in loaded.workflows]
            self._include_all(result.includes, loaded)
            return loaded
        finally:
            self.open.pop()

    def _check_top(self, result: ReadResult, root: Mapping) -> None:
        extra = {
            key
            for key, entry in root.entries.items()
            if key not in KEYS and (key.startswith("_") or _defines_anchor(entry.value, result.anchors))
        }
        kept = {key: entry for key, entry in root.entries.items() if key not in extra}
        elsewhere = dict.fromkeys(WORKFLOW_KEYS, "a file has `workflow:` at its top, and this goes inside it")
        if "workflow" not in kept and "workflows" not in kept:
            # All keys of a workflow that stand there are one mistake.
            inner = [key for key in kept if key in WORKFLOW_KEYS]
            kept = {key: entry for key, entry in kept.items() if key not in inner[1:]}
        guesses = self.context.check_keys(Mapping(root.span, kept), KEYS, "a file", elsewhere)
        if "workflow" in kept and "workflows" in kept:
            label = (Label(kept["workflow"].key_span, "and this one"),)
            message = "a file has either `workflow` or `workflows`, and this one has both"
            self.diagnostics.add("WFE0106", message, kept["workflows"].key_span, "put all under `workflows`", label)
            return
        named = guesses & {"workflow", "workflows"} or any(key in kept for key in (*KEYS[:2], *elsewhere))
        if not named:
            help = "begin with `workflow:` or, for several, `workflows:`"
            self.diagnostics.add("WFE0105", "the file has no workflow", root.span, help)

    def _add_workflows(self, root: Mapping, loaded: Loaded, unread: Collection[str]) -> None:
        found: list[Node] = []
        if (single := root.get("workflow")) is not None:
            found.append(single)
        if (several := root.get("workflows")) is not None:
            listing = self.context.as_list(several, "`workflows`", "each item is a workflow")
            if listing is not None and not listing.items:
                self.diagnostics.add("WFE0107", "`workflows` is empty", listing.span, "a file has one at least")
            found.extend(() if listing is None else listing.items)
        self._build_all(found, loaded, unread, Context)

    def _build_all(
        self, found: list[Node], loaded: Loaded, unread: Collection[str], context_type: type[Context]
    ) -> None:
        first: dict[tuple[str, int], nodes.Workflow] = {}
        for node in found:
            workflow = build_workflow(node, self.variables, self.diagnostics, self.step_types, unread, context_type)
            if workflow is None:
                continue
            key = (workflow.id, workflow.version)
            if key in first:
                message = f"there is a workflow `{workflow.id}` version {workflow.version} already"
                label = (Label(first[key].id_span, "first here"),)
                help = "give it another id, or a higher version"
                self.diagnostics.add("WFE0109", message, workflow.id_span, help, label)
                continue
            first[key] = workflow
            loaded.workflows.append(workflow)

    def _include(self, entry: Entry, loaded: Loaded) -> None:
        node = self.context.known(entry.value)
        if isinstance(node, Scalar) and isinstance(node.value, str):
            items: list[Node] = [node]
        else:
            listing = self.context.as_list(node, "`include`", "paths, relative to this file")
            items = [] if listing is None else listing.items
        self._include_all(items, loaded)

    def _include_all(self, items: list[Node], loaded: Loaded) -> None:
        for item in items:
            written = self.context.string(item, "an item of `include`")
            if written is None:
                continue
            included = self._included(written, item, loaded.source)
            if included is not None:
                loaded.included.append(included)

    def _included(self, written: str, item: Node, source: SourceFile) -> Loaded | None:
        if os.path.splitext(written)[1].lower() == PYTHON_SUFFIX:
            help = "include what `wfec convert` makes of it, or let the Python file start the workflows of both"
            self.diagnostics.add("WFE0660", "a file of Python can't be included", item.span, help)
            return None
        path = files.real_path(os.path.join(os.path.dirname(source.path), written))
        name = os.path.normpath(os.path.join(os.path.dirname(source.name), written))
        opened = [os.path.realpath(file.path) for file in self.open]
        if path in opened:
            names = [file.name for file in self.open[opened.index(path) :]]
            circle = " → ".join((*names, names[0]))
            message = f"these files include each other: {circle}"
            self.diagnostics.add("WFE0020", message, item.span, "move what both need into a file of its own")
            return None
        if path in self.loaded:
            return self.loaded[path]
        if len(self.loaded) >= MAX_INCLUDES or len(self.open) > MAX_INCLUDE_DEPTH:
            message = f"at most {MAX_INCLUDES:,} files are included, {MAX_INCLUDE_DEPTH} deep"
            help = "put workflows that belong together into one file, under `workflows:`"
            self.diagnostics.add("WFE0021", message, item.span, help)
            return None
        found = self.source_of(name, path, item)
        self.loaded[path] = None if found is None else self._load_one(found)
        return self.loaded[path]

    def _choose(self, loaded: Loaded, known: dict[int, Workflows]) -> Workflows:
        """Return a file's workflows, then its includes' where none with the same id and version is there.

        ``known`` are those found before, by file: many ways may lead to one.
        """
        found = known.get(id(loaded))
        if found is not None:
            return found
        own: Workflows = {}
        for workflow in loaded.workflows:
            own[workflow.id, workflow.version] = workflow
        brought: Workflows = {}
        for included in loaded.included:
            for key, workflow in self._choose(included, known).items():
                if key in own:
                    continue
                if key in brought and nodes.structure(brought[key]) != nodes.structure(workflow):
                    self._report_conflict(brought[key], workflow)
                brought.setdefault(key, workflow)
        known[id(loaded)] = {**own, **brought}
        return known[id(loaded)]

    def _report_conflict(self, first: nodes.Workflow, second: nodes.Workflow) -> None:
        message = f"two included files differ in what the workflow `{first.id}` version {first.version} is"
        label = (Label(first.id_span, "the other one"),)
        help = "give one of them another version, or include only one of the files"
        self.diagnostics.add("WFE0126", message, second.id_span, help, label)


def _defines_anchor(node: Node, anchors: list[tuple[int, int]]) -> bool:
    """Whether an anchor stands in a value; ``anchors`` are their lines and columns in order."""
    if isinstance(node, Broken):
        return False
    span = node.span
    place = bisect_left(anchors, (span.line, span.column))
    return place < len(anchors) and anchors[place] <= (span.end_line, span.end_column)

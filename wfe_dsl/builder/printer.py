"""A tree as source of Python that, run, makes an equal one.

What stands under each key is decided by the writer of files, so that nothing is lost or spelt twice; here the maps of
steps become calls, the lists of steps in them blocks. ``print_values`` has the arguments, ``python_layout`` the lines.
"""

from __future__ import annotations

import builtins
import itertools
import keyword as python_keywords
import re
from collections.abc import Iterator, Mapping
from typing import Final

from .. import nodes
from ..comments import Comments
from ..yaml_front.layout import Item, Series, Table, Value
from ..yaml_front.print_comments import place_comments
from ..yaml_front.printer import written_file
from ..yaml_front.step_keys import COMMON, HOOKS, KINDS
from .options import CallOptions, ContainerOptions, DenoOptions, PythonOptions, ShellOptions
from .print_values import case_value, declared, keyword, value_code
from .python_layout import INDENT, WIDTH, Code, Group, Names, call, quoted, rendered

__all__ = ["print_document"]

# Types of tasks that have a method: its name, the key that is its second argument, and its keywords.
_METHODS: Final = {
    "shell": ("shell", "run", ShellOptions.__annotations__),
    "deno": ("deno", "script", DenoOptions.__annotations__),
    "container": ("container", "image", ContainerOptions.__annotations__),
    "python": ("python", "call", PythonOptions.__annotations__),
    "workflow": ("call", "workflow", CallOptions.__annotations__),
}
_SPELLINGS: Final = {
    "parallel": "parallel", "sequence": "sequence", "race": "race", "saga": "saga", "if": "if_", "switch": "switch",
    "while": "while_", "until": "until", "for_each": "for_each", "matrix": "matrix", "wait": "wait_for",
    "approve": "approve", "publish": "publish", "set": "set", "return": "return_", "fail": "fail", "sleep": "sleep",
    "sleep_until": "sleep_until",
}  # fmt: skip
_SIGNALS: Final = ("wait", "approve")
_EXPORTS: Final = (
    "Concurrency", "Defaults", "Input", "Output", "Retry", "Workflow", "text", "value",
)  # fmt: skip
_OTHER_EXPORTS: Final = ("attempt", "choose", "data", "document", "error", "expression", "functions", "host", "index",
                         "outcome", "run", "task", "template", "included")  # fmt: skip
_IN_PLACE: Final = frozenset(("name", "type", "config", "compensate", *HOOKS))


def print_document(document: nodes.Document, comments: Comments) -> str:
    """Return a document as source of Python, with the comments of the file that it was read from.

    Raises NoSpelling for what no file can hold.
    """
    file = written_file(document)
    end = place_comments(file, comments)
    return _Printer().file(file, end, document.own)


class _Printer:
    def __init__(self) -> None:
        taken = {*_EXPORTS, *_OTHER_EXPORTS, *python_keywords.kwlist, *python_keywords.softkwlist, *dir(builtins)}
        self.names = Names(taken)
        self.lines: list[str] = []
        self.workflow = ""

    def file(self, file: Table, end: tuple[str, ...], own: int) -> str:
        top = file.items[0]
        workflows = top.value.items if isinstance(top.value, Series) else [Item(top.value)]
        head = _comment_lines(Item(None, before=top.before, beside=top.beside), "")
        if head:
            head.append("")
        names: list[str] = []
        for item in workflows:
            self.blank(2 if names else 1)
            names.append(self.print_workflow(item))
        if own < len(names):
            self.blank(1)
            self.lines.append(rendered(Group("included = [", [("", name) for name in names[own:]], "]"), ""))
        if end:
            self.blank(1)
            self.lines += _as_comments(end, "")
        body = "\n".join(self.lines).strip("\n")
        used = [name for name in _EXPORTS if re.search(rf"(?<![\w.\"']){name}\(", body)]
        imports = rendered(Group("from wfe_dsl.builder import ", [("", name) for name in used], ""), "", WIDTH)
        if "\n" in imports:
            imports = "from wfe_dsl.builder import (\n" + "".join(f"    {name},\n" for name in used) + ")"
        return "\n".join([*head, imports, "", body]) + "\n"

    def blank(self, count: int) -> None:
        """Leave that many lines blank, unless nothing stands above in this block."""
        while self.lines and not self.lines[-1]:
            self.lines.pop()
        if self.lines and not self.lines[-1].endswith(":"):
            self.lines += [""] * count

    def print_workflow(self, item: Item) -> str:
        entries = _entries(item.value)
        self.workflow = name = self.names.new(str(entries["id"].value))
        keywords = []
        for key, entry in entries.items():
            if key in ("inputs", "outputs"):
                keywords.append((key, declared(entry.value)))
            elif key not in ("id", "version", "steps", *HOOKS):
                keywords.append((key, keyword(key, entry.value)))
        self.lines += _comment_lines(item, "", without=("steps", *HOOKS))
        positional = [value_code(entries["id"].value), value_code(entries["version"].value)]
        self.statement(f"{name} = ", call("Workflow", positional, keywords), "")
        self.blank(1)
        for key in HOOKS:
            if key in entries:
                self.branch(entries[key], f"{name}.{key}()", "")
                self.blank(1)
        self.lines += _comment_lines(Item(None, before=entries["steps"].before, beside=entries["steps"].beside), "")
        self.steps(entries["steps"].value, "")
        return name

    def statement(self, before: str, code: Code, indent: str, after: str = "", beside: str = "") -> None:
        text = before + rendered(code, indent, WIDTH - len(indent) - len(before) - len(after)) + after
        if beside and "\n" not in text:
            text += f"  # {beside}".rstrip()
        elif beside:
            self.lines += _as_comments((beside,), indent)
        first, *rest = text.split("\n")
        self.lines += [indent + first, *rest]

    def steps(self, value: Value, indent: str) -> None:
        items = value.items if isinstance(value, Series) else []
        before = len(self.lines)
        for item in items:
            start = len(self.lines)
            self.step(item, indent)
            if indent == "" or len(self.lines) - start > 1:
                self.blank(1)
        while self.lines and not self.lines[-1]:
            self.lines.pop()
        if len(self.lines) == before:
            self.lines.append(f"{indent}pass")

    def branch(self, item: Item, opening: str, indent: str) -> None:
        """Write a part of a step that holds steps."""
        self.lines += _comment_lines(Item(None, before=item.before, beside=item.beside), indent)
        self.lines.append(f"{indent}with {opening}:")
        self.steps(item.value, indent + INDENT)

    def step(self, item: Item, indent: str, method: str = "") -> None:
        """Write a step. ``method`` is the one to call, where it is another than that of its kind."""
        entries = _entries(item.value)
        kind = next((key for key in KINDS if key in entries), "task")
        self.lines += _comment_lines(Item(item.value, before=item.before), indent, without=_held(entries, kind))
        code = _task(entries) if kind == "task" else _block(entries, kind, method)
        code.opening = f"{self.workflow}.{code.opening}"
        parts = [key for key in ("compensate", *HOOKS) if key in entries]
        inner = _entries(entries[kind].value) if kind in _SIGNALS else {}
        needs_name = bool(parts) or "on_timeout" in inner
        name = _entries(item.value).get("name")
        bodies = list(_bodies(entries, kind))
        variable = ""
        if needs_name or kind == "switch":
            variable = self.names.new(str(name.value) if name else "choice" if kind == "switch" else kind)
        if bodies or kind == "switch":
            opened = f" as {variable}" if variable and kind not in ("for_each", "matrix") else ""
            before = "with "
            if variable and not opened:
                self.statement(f"{variable} = ", code, indent, "", item.beside)
                self.lines.append(f"{indent}with {variable}:")
            else:
                self.statement(before, code, indent, f"{opened}:", item.beside)
            if kind == "switch":
                self.cases(entries, variable, indent + INDENT)
            else:
                self.steps(bodies[0].value, indent + INDENT)
        else:
            self.statement(f"{variable} = " if variable else "", code, indent, "", item.beside)
        if kind == "if" and "else" in entries:
            self.otherwise(entries["else"], indent)
        if "on_timeout" in inner:
            self.branch(inner["on_timeout"], f"{variable}.on_timeout()", indent)
        for key in parts:
            failed = "on_failure=True" if key == "compensate" and "compensate_on_failure" in entries else ""
            self.branch(
                entries[key], f"{variable}.{'compensate_with' if key == 'compensate' else key}({failed})", indent
            )

    def cases(self, entries: Mapping[str, Item], variable: str, indent: str) -> None:
        for item in _entries(entries["cases"].value).values():
            self.branch(item, f"{variable}.case({case_value(item)})", indent)
        if "default" in entries:
            self.branch(entries["default"], f"{variable}.default()", indent)

    def otherwise(self, item: Item, indent: str) -> None:
        inner = item.value.items if isinstance(item.value, Series) else []
        if len(inner) == 1 and "if" in _entries(inner[0].value):
            self.lines += _comment_lines(Item(None, before=item.before, beside=item.beside), indent)
            self.step(inner[0], indent, "elif_")
        else:
            self.branch(item, f"{self.workflow}.else_()", indent)


def _task(entries: Mapping[str, Item]) -> Group:
    type = str(entries["type"].value) if "type" in entries else "shell"
    config = _entries(entries["config"].value) if "config" in entries else {}
    method, first, keywords = _METHODS.get(type, ("task", "", {}))
    name = entries["name"].value
    if type == "python" and first not in config:
        method, first, keywords = "task", "", {}
    positional: list[Code] = [value_code(name)]
    given: list[tuple[str, Code]] = []
    if method == "task":
        positional.append(quoted(type))
    elif next(iter(config), "") == first and not (type == "workflow" and config[first].value == name):
        positional.append(keyword(first, config[first].value))
    # What stands after other keys stays there: the order of keys is kept, though it means nothing.
    left_out = len(positional) > 1 or (type == "workflow" and next(iter(config), "") == first)
    rest = {key: item for key, item in config.items() if key != first or not left_out or method == "task"}
    kept = (*entries, "inputs", "outputs", *COMMON)
    plain = list(itertools.takewhile(lambda key: key in keywords and key not in kept, rest))
    given += [(key, keyword(key, rest[key].value)) for key in plain]
    left = Table([item for key, item in rest.items() if key not in plain])
    if left.items:
        given.append(("config", value_code(left)))
    return call(method, positional, given + _common(entries))


def _block(entries: Mapping[str, Item], kind: str, method: str) -> Group:
    value = entries[kind].value
    positional: list[Code] = []
    given: list[tuple[str, Code]] = []
    if kind in ("parallel", *_SIGNALS, "publish") and isinstance(value, Table):
        first = {"wait": "event", "approve": "title", "publish": "event"}.get(kind)
        for key, item in _entries(value).items():
            if key == first:
                positional.append(value_code(item.value))
            elif key not in ("steps", "on_timeout"):
                given.append((key, keyword(key, item.value)))
    elif kind not in ("sequence", "parallel", "race", "saga") and not (kind == "return" and not _entries(value)):
        positional.append(keyword(kind, value))
    for key in KINDS[kind]:
        if key in entries and key not in ("then", "else", "do", "cases", "default"):
            given.append((f"{key}_" if key == "as" else key, keyword(key, entries[key].value)))
    if "name" in entries:
        given.append(("name", value_code(entries["name"].value)))
    return call(method or _SPELLINGS[kind], positional, given + _common(entries, kind in _SIGNALS))


def _common(entries: Mapping[str, Item], is_signal: bool = False) -> list[tuple[str, Code]]:
    """Return the arguments that all steps, or all tasks, have in common."""
    found = []
    for key in (*COMMON, "inputs", "outputs", "on_crash"):
        if key in entries and key not in _IN_PLACE and not (key == "compensate_on_failure" and "compensate" in entries):
            name = "step_timeout" if is_signal and key == "timeout" else key
            found.append((name, keyword(key, entries[key].value)))
    return found


def _bodies(entries: Mapping[str, Item], kind: str) -> Iterator[Item]:
    """Return the list of steps that a step's own block holds, if it has one."""
    value = entries[kind].value if kind in entries else None
    if kind in ("sequence", "race", "saga", "parallel"):
        yield _entries(value)["steps"] if isinstance(value, Table) else entries[kind]
    for key in ("then", "do"):
        if key in entries:
            yield entries[key]


def _held(entries: Mapping[str, Item], kind: str) -> tuple[str, ...]:
    """Return the keys whose comments are written with the steps they hold."""
    own = (kind,) if kind in ("sequence", "race", "saga", "parallel", *_SIGNALS) else ()
    return ("then", "else", "do", "cases", "default", "compensate", *HOOKS, *own)


def _entries(value: Value) -> dict[str, Item]:
    return {item.key: item for item in value.items} if isinstance(value, Table) else {}


def _comment_lines(item: Item, indent: str, without: tuple[str, ...] = ()) -> list[str]:
    """Return the comments of an item and of what is in it, but for some keys."""
    found = _as_comments(item.before, indent)
    if item.beside:
        found += _as_comments((item.beside,), indent)
    inner = item.value.items if isinstance(item.value, Table | Series) else []
    for one in inner:
        if one.key in without and isinstance(item.value, Table):
            found += _as_comments(one.before, indent) if isinstance(one.value, Table) and one.key in _SIGNALS else []
            continue
        found += _comment_lines(one, indent)
    return found


def _as_comments(texts: tuple[str, ...] | list[str], indent: str) -> list[str]:
    return [f"{indent}# {text}".rstrip() if text else "" for text in texts]

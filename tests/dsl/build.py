"""What the tests of the compiler share: trees made by hand, programs of texts, and runs of data alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wfe_dsl import nodes
from wfe_dsl.compiler import Compiled, compile_document
from wfe_dsl.diagnostics.model import Diagnostic, Diagnostics
from wfe_dsl.expressions import parse_expression, parse_text
from wfe_dsl.source import SourceFile, Span
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front import load_yaml_text
from wfe_vm.commands import EndRun, RunStep
from wfe_vm.events import Started, StepEnded
from wfe_vm.machine import Machine

SOURCE = SourceFile("hand.yaml", "/hand.yaml", "x\n" * 200, ("x",) * 200)


def span(line: int = 1) -> Span:
    return Span(SOURCE, line, 1, line, 2)


def expression(text: str) -> nodes.Expression:
    diagnostics = Diagnostics()
    found = parse_expression(text, lambda start, end: span(), diagnostics)
    assert found is not None, diagnostics.found
    return found


def text(value: str) -> nodes.Expression:
    diagnostics = Diagnostics()
    found = parse_text(value, lambda start, end: span(), diagnostics)
    assert not diagnostics.found
    return found


def mapping(**values: str) -> nodes.MapExpression:
    entries = tuple((name, span(), text(value)) for name, value in values.items())
    return nodes.MapExpression(span=span(), entries=entries)


def step(name: str | None, body: nodes.Block, **keys: Any) -> nodes.Step:
    return nodes.Step(span=span(), name=name, name_span=span(), body=body, **keys)


def shell(name: str, run: str = "true", outputs: Mapping[str, str] | None = None, **keys: Any) -> nodes.Step:
    declared = tuple(
        nodes.OutputDeclaration(span=span(), name=output, type=nodes.TypeText(span=span(), text=type))
        for output, type in (outputs or {}).items()
    )
    body = nodes.Task(span=span(), type="shell", type_span=span(), config=mapping(run=run))
    return step(name, body, outputs=declared, **keys)


def assign(**values: str) -> nodes.Set:
    return nodes.Set(span=span(), entries=tuple((name, span(), expression(value)) for name, value in values.items()))


def declared(**types: str) -> tuple[nodes.InputDeclaration, ...]:
    return tuple(
        nodes.InputDeclaration(span=span(), name=name, type=nodes.TypeText(span=span(), text=type))
        for name, type in types.items()
    )


def workflow(*steps: nodes.Step, id: str = "demo", version: int = 1, **keys: Any) -> nodes.Workflow:
    return nodes.Workflow(span=span(), id=id, id_span=span(), version=version, steps=steps, **keys)


def document(*workflows: nodes.Workflow) -> nodes.Document:
    return nodes.Document(span=span(), workflows=workflows, own=len(workflows))


def compile_tree(*workflows: nodes.Workflow) -> tuple[list[Compiled], list[Diagnostic]]:
    diagnostics = Diagnostics()
    return compile_document(document(*workflows), diagnostics), diagnostics.found


# Texts


def compile_text(source: str, path: str = "") -> tuple[list[Compiled], list[Diagnostic]]:
    """Return the programs of a YAML text, and what was found wrong with it."""
    diagnostics = Diagnostics()
    tree = load_yaml_text(source, Variables(), diagnostics, name="test.yaml", path=path)
    return ([] if tree is None else compile_document(tree, diagnostics)), diagnostics.found


def in_workflow(steps: str, keys: str = "") -> str:
    """Return a file with these steps; ``keys`` are further lines of the workflow."""
    head = "workflow:\n  id: demo\n  version: 1\n"
    more = "".join(f"  {line}\n" for line in keys.splitlines())
    return head + more + "  steps:\n" + "".join(f"    {line}\n" for line in steps.strip("\n").splitlines())


def compiled(steps: str, keys: str = "") -> Compiled:
    """Return the program of a workflow in which nothing is wrong."""
    programs, found = compile_text(in_workflow(steps, keys))
    assert [one for one in found if one.severity != "note"] == [], [(one.code, one.message) for one in found]
    return programs[0]


def codes(steps: str, keys: str = "") -> list[str]:
    """Return the codes of all that is wrong with a workflow."""
    return [one.code for one in compile_text(in_workflow(steps, keys))[1]]


def only(steps: str, keys: str = "") -> Diagnostic:
    """Return the one diagnostic of a workflow."""
    found = compile_text(in_workflow(steps, keys))[1]
    assert len(found) == 1, [(one.code, one.message) for one in found]
    return found[0]


# Runs


class Ended:
    """How a run ended: its status, outputs and error, and the tasks it asked for by path."""

    def __init__(self) -> None:
        self.status = ""
        self.outputs: dict[str, Any] = {}
        self.error: Any = None
        self.tasks: dict[str, RunStep] = {}


def run(program: Compiled, inputs: dict[str, Any] | None = None, results: Mapping[str, Any] | None = None) -> Ended:
    """Run a program to its end; tasks succeed at once with the outputs given for their names."""
    machine = Machine(program.program)
    state = machine.new_state("r1", "demo-1", program.hash)
    pending: list[Any] = [Started(1000, inputs or {})]
    ended = Ended()
    while pending:
        for command in machine.advance(state, pending.pop(0)).commands:
            if isinstance(command, RunStep):
                ended.tasks[command.path] = command
                outputs = dict((results or {}).get(command.path.rpartition("/")[2], {}))
                stdout = outputs.pop("stdout", None)
                pending.append(StepEnded(1000, command.activation, command.attempt, "success", outputs, stdout=stdout))
            elif isinstance(command, EndRun):
                ended.status, ended.outputs, ended.error = command.status, command.outputs, command.error
    return ended

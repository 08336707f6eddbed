"""What a step gives to a sub-workflow and takes from it, held against what the child declares.

A child outside the files that are compiled together can only be checked when it starts.
"""

from __future__ import annotations

from wfe_vm.typeterms import Type, accepts, is_optional

from . import nodes
from .children import Family, child_of, computed_part
from .declared_types import declared_type
from .diagnostics.model import Diagnostics, Label
from .resolved import Resolved
from .scopes import Place, StepInfo
from .source import Span
from .suggest import nearest
from .tasks import implicit_inputs

__all__ = ["check_child"]


def check_child(
    resolved: Resolved,
    family: Family,
    info: StepInfo,
    given: dict[str, Type],
    place: Place,
    diagnostics: Diagnostics,
) -> None:
    """Report what does not fit between a workflow step and its child. ``given`` are the types of its inputs."""
    node, config = info.node, info.config
    assert node is not None
    assert config is not None
    call = child_of(config)
    if call is None:
        # Without an expression in it, it lacks something or is broken: the front end has told so.
        computed = computed_part(config)
        if computed is not None:
            diagnostics.add(
                "WFE0225",
                "which workflow a step starts has to be written out: its id, its version and `detach`",
                computed.span,
                "use an `if` to choose between two steps",
            )
        return
    child = info.child
    if child is None:
        if not call.version:
            near = family.near(call.id)
            hint = f"did you mean `{near}`? If not, " if near else ""
            diagnostics.add(
                "WFE0221",
                f"the workflow `{call.id}` is not in these files and no version is given, "
                "so the highest one that is registered when the step starts will run",
                call.span,
                f"{hint}give its `version:`, or include the file that holds it",
            )
        return
    _check_inputs(resolved, info, node, child, given, call.span, place, diagnostics)
    _check_outputs(node, child, diagnostics)


def _check_inputs(
    resolved: Resolved,
    info: StepInfo,
    node: nodes.Step,
    child: nodes.Workflow,
    given: dict[str, Type],
    span: Span,
    place: Place,
    diagnostics: Diagnostics,
) -> None:
    if child.inputs is None:
        return
    declared = {declaration.name: declaration for declaration in child.inputs}
    names = set(given)
    if node.inputs is None:
        names = {name for name, _, _ in implicit_inputs(resolved, child, place)}
    for name, name_span, expression in node.inputs or ():
        declaration = declared.get(name)
        if declaration is None and child.may_hold(name, "WFE0222"):
            continue
        if declaration is None:
            near = nearest(name, declared)
            known = ", ".join(list(declared)[:12])
            diagnostics.add(
                "WFE0222",
                f"the workflow `{child.id}` has no input `{name}`",
                name_span,
                f"did you mean `{near}`?" if near else f"it takes {known}" if known else "it takes none",
                (Label(child.id_span, f"`{child.id}` is declared here"),),
            )
            names.update(() if near is None else (near,))
            continue
        wanted = declared_type(declaration.type)
        if not accepts(wanted, given[name]):
            diagnostics.add(
                "WFE0409",
                f"the input `{name}` of `{child.id}` is declared {wanted}, and this is {given[name]}",
                expression.span,
                "give a value of that type, or change the declaration",
                (Label(declaration.span, f"it is declared {wanted} here"),),
            )
    missing = [
        declaration
        for name, declaration in declared.items()
        if name not in names
        and declaration.default is None
        and not is_optional(declared_type(declaration.type))
        and not resolved.workflow.may_hold(name, "WFE0223")
    ]
    if missing:
        wanted_names = " and ".join(f"`{declaration.name}`" for declaration in missing)
        help = f"add {wanted_names} to the step's `inputs:`"
        if node.inputs is None:
            help = "give it under `inputs:`; neither an input nor an output here has its name"
            if len(missing) > 1:
                help = "give them under `inputs:`; no input and no output here has their names"
        diagnostics.add(
            "WFE0223",
            f"the workflow `{child.id}` needs the input{'' if len(missing) == 1 else 's'} {wanted_names}",
            span if node.inputs is None else node.name_span,
            help,
            tuple(Label(declaration.span, "declared here, without a default") for declaration in missing),
        )


def _check_outputs(node: nodes.Step, child: nodes.Workflow, diagnostics: Diagnostics) -> None:
    declared = {declaration.name: declaration for declaration in child.outputs}
    for output in node.outputs:
        name = output.path[0] if output.path else output.name
        declaration = declared.get(name)
        if declaration is None:
            near = nearest(name, declared)
            diagnostics.add(
                "WFE0224",
                f"the workflow `{child.id}` declares no output `{name}`, so it is always null",
                output.span,
                f"did you mean `{near}`?" if near else f"declare it under the `outputs:` of `{child.id}`",
                (Label(child.id_span, f"`{child.id}` is declared here"),),
            )
        elif output.type is not None and len(output.path) <= 1:
            wanted, found = declared_type(output.type), declared_type(declaration.type)
            if not accepts(wanted, found):
                diagnostics.add(
                    "WFE0409",
                    f"the output `{output.name}` is declared {wanted}, and `{child.id}` gives {found}",
                    output.span,
                    "declare both with the same type",
                    (Label(declaration.span, f"it is declared {found} here"),),
                )

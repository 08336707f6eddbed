"""Rows of the catalogue: names and references (02).

Each row is what ``codes.Code`` takes: code, severity, title, why, an example that is wrong and one that is right.
"""

from __future__ import annotations

from typing import Final

__all__ = ["NAME_ROWS", "Row", "steps_example", "workflow_example"]

Row = tuple[str, str, str, str, str, str]


def workflow_example(text: str) -> str:
    """Return a workflow with the least around the lines in question."""
    return "workflow:\n  id: demo\n  version: 1\n" + _indented(text, "  ")


def _indented(text: str, by: str) -> str:
    return "".join(f"{by}{line}\n" if line else "\n" for line in text.strip("\n").split("\n"))


def steps_example(text: str) -> str:
    return workflow_example("steps:\n" + _indented(text, "  "))


def _family(inputs: str, outputs: str = "[{name: image}]") -> str:
    """Return a parent with one input that starts a child with one input and one output."""
    return (
        "workflows:\n"
        "  - id: demo\n"
        "    version: 1\n"
        "    inputs: {tag: string}\n"
        "    steps:\n"
        "      - name: build\n"
        "        type: workflow\n"
        "        config: {workflow: child}\n"
        f"        inputs: {{{inputs}}}\n"
        f"        outputs: {outputs}\n"
        "  - id: child\n"
        "    version: 1\n"
        "    inputs: {tag: string}\n"
        "    outputs: {image: string}\n"
        "    steps:\n"
        "      - {name: make, config: {run: make}, outputs: [{name: image}]}\n"
    )


NAME_ROWS: Final[tuple[Row, ...]] = (
    (
        "WFE0201",
        "error",
        "Two steps have one name",
        "A step's results, log and state are found by its name, so it is unique in the whole workflow: nested "
        "steps, branches and hooks included.",
        steps_example("- {name: build, config: {run: make}}\n- {name: build, config: {run: make install}}"),
        steps_example("- {name: build, config: {run: make}}\n- {name: install, config: {run: make install}}"),
    ),
    (
        "WFE0203",
        "error",
        "Unknown step",
        "An expression names a step that the workflow does not have.",
        steps_example("- {name: build, config: {run: make}}\n- fail: ${{ steps.biuld.status }}"),
        steps_example("- {name: build, config: {run: make}}\n- fail: ${{ steps.build.status }}"),
    ),
    (
        "WFE0204",
        "error",
        "Used before it can exist",
        "The step that is named runs later than this place, or the place is inside it, so it can never have a "
        "result here.",
        steps_example(
            "- {name: notify, config: {run: 'echo ${{ steps.build.status }}'}}\n- {name: build, config: {run: make}}"
        ),
        steps_example(
            "- {name: build, config: {run: make}}\n- {name: notify, config: {run: 'echo ${{ steps.build.status }}'}}"
        ),
    ),
    (
        "WFE0205",
        "error",
        "Used in another branch",
        "Branches of a parallel run at the same time, and of an `if` only one runs, so one branch can't use what "
        "another gives.",
        steps_example(
            "- parallel:\n"
            "    - {name: build, config: {run: make}}\n"
            "    - {name: test, config: {run: 'echo ${{ steps.build.status }}'}}"
        ),
        steps_example(
            "- parallel:\n"
            "    - {name: build, config: {run: make}}\n"
            "    - {name: lint, config: {run: make lint}}\n"
            "- {name: test, config: {run: 'echo ${{ steps.build.status }}'}}"
        ),
    ),
    (
        "WFE0206",
        "error",
        "Unknown input",
        "A workflow that declares inputs has no others.",
        workflow_example("inputs: {region: string}\nsteps:\n  - fail: ${{ inputs.regoin }}"),
        workflow_example("inputs: {region: string}\nsteps:\n  - fail: ${{ inputs.region }}"),
    ),
    (
        "WFE0207",
        "error",
        "Unknown output",
        "`outputs.x` is what a step lists under its `outputs:`. What it does not list is found under its own name.",
        steps_example("- {name: build, config: {run: make}, outputs: [{name: image}]}\n- fail: ${{ outputs.imge }}"),
        steps_example("- {name: build, config: {run: make}, outputs: [{name: image}]}\n- fail: ${{ outputs.image }}"),
    ),
    (
        "WFE0208",
        "error",
        "Unknown variable",
        "`vars.x` gets its value from a `set` or a `collect`, and none gives one of this name.",
        steps_example("- set: {count: '1'}\n- fail: ${{ vars.cuont }}"),
        steps_example("- set: {count: '1'}\n- fail: ${{ vars.count }}"),
    ),
    (
        "WFE0209",
        "error",
        "Unknown name",
        "An expression starts at a root: inputs, outputs, steps, vars, run, host, in a for_each its item and "
        "`index`, in hooks `outcome`, `error` and `attempt`.",
        workflow_example("inputs: {region: string}\nsteps:\n  - fail: ${{ region }}"),
        workflow_example("inputs: {region: string}\nsteps:\n  - fail: ${{ inputs.region }}"),
    ),
    (
        "WFE0210",
        "error",
        "A name that does not exist at this place",
        "`item` and `index` exist inside a for_each, `outcome`, `error` and `attempt` inside a hook.",
        steps_example("- {name: build, config: {run: 'echo ${{ outcome }}'}}"),
        steps_example(
            "- name: build\n  config: {run: make}\n  ensure: {name: tell, config: {run: 'echo ${{ outcome }}'}}"
        ),
    ),
    (
        "WFE0211",
        "error",
        "Exists only inside an iteration",
        "Each iteration of a for_each has its own steps, outputs and variables; outside there is not one of them "
        "but many.",
        steps_example(
            "- name: fan\n  for_each: '[1, 2]'\n  do:\n    - {name: work, config: {run: make}}\n"
            "- fail: ${{ steps.work.status }}"
        ),
        steps_example(
            "- name: fan\n  for_each: '[1, 2]'\n  collect: {states: steps.work.status}\n"
            "  do:\n    - {name: work, config: {run: make}}\n"
            "- fail: ${{ vars.states }}"
        ),
    ),
    (
        "WFE0212",
        "error",
        "No such field",
        "A step has output, status, stdout and error; `run` has id, name and workflow; `error` has kind, message "
        "and exit_code.",
        steps_example("- {name: build, config: {run: make}}\n- fail: ${{ steps.build.outputs.image }}"),
        steps_example("- {name: build, config: {run: make}}\n- fail: ${{ steps.build.output.image }}"),
    ),
    (
        "WFE0213",
        "error",
        "`host` without `has`",
        "`host.has('docker')` is all that can be asked of a host: what a run may ask for is known before it starts.",
        steps_example("- {name: build, when: host.docker, config: {run: make}}"),
        steps_example("- {name: build, when: host.has('docker'), config: {run: make}}"),
    ),
    (
        "WFE0214",
        "error",
        "Reserved name for an item",
        "The item of a for_each would hide a root of expressions.",
        steps_example("- for_each: '[1, 2]'\n  as: inputs\n  do: [{sleep: 1s}]"),
        steps_example("- for_each: '[1, 2]'\n  as: entry\n  do: [{sleep: 1s}]"),
    ),
    (
        "WFE0216",
        "warning",
        "An input from a key that nothing has",
        "In a list-form input, a first name that is no root is an output, a step or an "
        "input. What nothing has is null, always.",
        workflow_example(
            "inputs: {region: string}\nsteps:\n"
            "  - {name: build, inputs: [{name: place, path: regoin}], config: {run: make}}"
        ),
        workflow_example(
            "inputs: {region: string}\nsteps:\n"
            "  - {name: build, inputs: [{name: place, path: region}], config: {run: make}}"
        ),
    ),
    (
        "WFE0220",
        "error",
        "Workflows start each other without end",
        "A workflow that starts itself, by whatever way, would never end. An id outside the files is not followed.",
        steps_example("- {name: again, type: workflow, config: {workflow: demo}}"),
        steps_example("- {name: other, type: workflow, config: {workflow: other, version: 1}}"),
    ),
    (
        "WFE0221",
        "warning",
        "A sub-workflow without version",
        "A child in the same files is pinned when its parent is compiled. One outside them, without a version, is "
        "whatever is the highest registered when the step starts.",
        steps_example("- {name: other, type: workflow, config: {workflow: other}}"),
        steps_example("- {name: other, type: workflow, config: {workflow: other, version: 1}}"),
    ),
    (
        "WFE0222",
        "error",
        "The child has no such input",
        "A workflow that declares inputs takes no others.",
        _family("tga: inputs.tag"),
        _family("tag: inputs.tag"),
    ),
    (
        "WFE0223",
        "error",
        "The child needs an input",
        "An input that has no default and whose type is not optional has to be given.",
        _family(""),
        _family("tag: inputs.tag"),
    ),
    (
        "WFE0224",
        "warning",
        "The child declares no such output",
        "A step that starts a workflow gives what the child declares; anything else it lists is null.",
        _family("tag: inputs.tag", outputs="[{name: imge}]"),
        _family("tag: inputs.tag", outputs="[{name: image}]"),
    ),
    (
        "WFE0225",
        "error",
        "Which workflow is started has to be written out",
        "Names and versions are literals, so that programs can be compiled, pinned and checked together.",
        workflow_example(
            "inputs: {fast: bool}\nsteps:\n"
            "  - {name: other, type: workflow, config: {workflow: other, version: 1, detach: '${{ inputs.fast }}'}}"
        ),
        workflow_example(
            "inputs: {fast: bool}\nsteps:\n"
            "  - {name: other, type: workflow, config: {workflow: other, version: 1, detach: true}}"
        ),
    ),
)

"""Rows of the catalogue: control and data flow (04), and expressions in shell scripts (0551 to 0557).

Each row is what ``codes.Code`` takes: code, severity, title, why, an example that is wrong and one that is right.
"""

from __future__ import annotations

from typing import Final

from .rows_names import Row, steps_example, workflow_example

__all__ = ["FLOW_ROWS", "SHELL_ROWS"]


def _script(script: str, more: str = "") -> str:
    lines = "".join(f"        {line}\n" for line in script.split("\n"))
    return workflow_example(
        "inputs: {name: string}\nsteps:\n  - name: greet\n    config:\n      run: |\n" + lines + more
    )


FLOW_ROWS: Final[tuple[Row, ...]] = (
    (
        "WFE0401",
        "error",
        "Nothing gives a declared output",
        "A declared output comes from a step that lists it, a `set`, a `collect` or a `return`. What lies inside a "
        "for_each is many values, to be gathered with `collect`.",
        workflow_example("outputs: {image: string}\nsteps:\n  - {name: build, config: {run: make}}"),
        workflow_example(
            "outputs: {image: string}\nsteps:\n  - {name: build, config: {run: make}, outputs: [{name: image}]}"
        ),
    ),
    (
        "WFE0402",
        "error",
        "Two branches give one output or variable",
        "Which of the two comes last would be chance. Branches that run one after the other may give the same name.",
        steps_example(
            "- parallel:\n"
            "    - {name: first, config: {run: make one}, outputs: [{name: image}]}\n"
            "    - {name: second, config: {run: make two}, outputs: [{name: image}]}"
        ),
        steps_example(
            "- parallel:\n"
            "    - {name: first, config: {run: make one}, outputs: [{name: image}]}\n"
            "    - {name: second, config: {run: make two}, outputs: [{name: manual}]}"
        ),
    ),
    (
        "WFE0403",
        "error",
        "A concurrent body writes an outer variable",
        "Iterations and branches that run at the same time would overwrite each other's value.",
        steps_example("- set: {sum: '0'}\n- for_each: '[1, 2]'\n  do:\n    - set: {sum: vars.sum + item}"),
        steps_example("- set: {sum: '0'}\n- for_each: '[1, 2]'\n  limit: 1\n  do:\n    - set: {sum: vars.sum + item}"),
    ),
    (
        "WFE0404",
        "error",
        "Return in a branch, an iteration or a hook",
        "`return` ends the whole run. While other parts of it still go on, or while a step is being ended, it "
        "would not be clear what becomes of them.",
        steps_example("- for_each: '[1, 2]'\n  do:\n    - return: {}"),
        steps_example("- for_each: '[1, 2]'\n  do:\n    - sleep: 1s\n- return: {}"),
    ),
    (
        "WFE0405",
        "warning",
        "A loop without a bound",
        "A condition that never changes keeps the run busy for ever. With `max_iterations` it ends in an error, "
        "kind `limit`.",
        steps_example("- while: '!host.has(\"docker\")'\n  do: [{sleep: 1s}]"),
        steps_example("- while: '!host.has(\"docker\")'\n  max_iterations: 60\n  do: [{sleep: 1s}]"),
    ),
    (
        "WFE0407",
        "warning",
        "A step that is never reached",
        "What stands before it always ends the run: a `return`, a `fail`, or a loop whose condition never changes.",
        steps_example("- fail: not yet\n- {name: build, config: {run: make}}"),
        steps_example("- {name: build, config: {run: make}}\n- fail: not yet"),
    ),
    (
        "WFE0408",
        "error",
        "A default or an enum does not fit the type",
        "A default is checked like any given value: it has the declared type and is one of the enum's values.",
        workflow_example(
            "inputs: {count: {type: integer, default: many}}\nsteps:\n  - {name: build, config: {run: make}}"
        ),
        workflow_example(
            "inputs: {count: {type: integer, default: 3}}\nsteps:\n  - {name: build, config: {run: make}}"
        ),
    ),
    (
        "WFE0409",
        "error",
        "Types that do not fit together",
        "What is given and what takes it both declare a type, and no value can have both.",
        workflow_example(
            "outputs: {count: integer}\nsteps:\n"
            "  - {name: build, config: {run: make}, outputs: [{name: count, type: string}]}"
        ),
        workflow_example(
            "outputs: {count: integer}\nsteps:\n"
            "  - {name: build, config: {run: make}, outputs: [{name: count, type: integer}]}"
        ),
    ),
    (
        "WFE0410",
        "warning",
        "An output may be null",
        "The only step that gives the output may be skipped, or fail while the run goes on, and the type does not "
        "take null. The run then ends with a warning.",
        workflow_example(
            "inputs: {fast: bool}\noutputs: {image: string}\nsteps:\n"
            "  - {name: build, when: inputs.fast, config: {run: make}, outputs: [{name: image}]}"
        ),
        workflow_example(
            "inputs: {fast: bool}\noutputs: {image: string?}\nsteps:\n"
            "  - {name: build, when: inputs.fast, config: {run: make}, outputs: [{name: image}]}"
        ),
    ),
    (
        "WFE0411",
        "error",
        "Return gives an output that is not declared",
        "A run's outputs are those that its workflow declares.",
        workflow_example("outputs: {image: string}\nsteps:\n  - return: {image: '''a''', imge: '''b'''}"),
        workflow_example("outputs: {image: string}\nsteps:\n  - return: {image: '''a'''}"),
    ),
    (
        "WFE0412",
        "warning",
        "A comparison with a value that is not in the enum",
        "An input with an enum is one of its values, or the run does not start.",
        workflow_example(
            "inputs: {env: {type: string, enum: [test, live]}}\nsteps:\n"
            "  - {name: go, when: inputs.env == 'production', config: {run: make}}"
        ),
        workflow_example(
            "inputs: {env: {type: string, enum: [test, live]}}\nsteps:\n"
            "  - {name: go, when: inputs.env == 'live', config: {run: make}}"
        ),
    ),
    (
        "WFE0413",
        "error",
        "Two cases of a switch have one value",
        "A switch runs the one case that equals its subject; numbers are equal by value.",
        steps_example("- switch: 1 + 1\n  cases:\n    1: [{set: {size: \"'small'\"}}]\n    1.0: [{fail: too big}]"),
        steps_example("- switch: 1 + 1\n  cases:\n    1: [{set: {size: \"'small'\"}}]\n    2: [{fail: too big}]"),
    ),
    (
        "WFE0414",
        "error",
        "A case that the switch can never have",
        "The subject has a type, and the value of the case is none of that type.",
        workflow_example(
            "inputs: {count: integer}\nsteps:\n  - switch: inputs.count\n    cases:\n      many: [{fail: too many}]"
        ),
        workflow_example(
            "inputs: {count: integer}\nsteps:\n  - switch: inputs.count\n    cases:\n      9: [{fail: too many}]"
        ),
    ),
    (
        "WFE0420",
        "warning",
        "A step of a saga that nothing undoes",
        "A saga that fails undoes the steps that succeeded in it, and this one would stay as it is.",
        steps_example("- saga:\n    - {name: charge, config: {run: make}}"),
        steps_example(
            "- saga:\n    - {name: charge, config: {run: make}, compensate: {name: pay-back, config: {run: make}}}"
        ),
    ),
    (
        "WFE0421",
        "warning",
        "A compensation that nothing can set off",
        "A compensation runs when a saga around its step fails or is cancelled, or when the whole run is undone "
        "because of `error_behavior: compensate`.",
        steps_example("- {name: charge, config: {run: make}, compensate: {name: pay-back, config: {run: make}}}"),
        steps_example(
            "- saga:\n    - {name: charge, config: {run: make}, compensate: {name: pay-back, config: {run: make}}}"
        ),
    ),
    (
        "WFE0422",
        "warning",
        "`compensate_on_failure` without `compensate`",
        "`compensate_on_failure` runs the `compensate` of a step for the step's own failure too. Here there is none.",
        steps_example("- {name: charge, config: {run: make}, compensate_on_failure: true}"),
        steps_example(
            "- saga:\n    - {name: charge, config: {run: make}, compensate_on_failure: true, "
            "compensate: {name: pay-back, config: {run: make}}}"
        ),
    ),
    (
        "WFE0450",
        "note",
        "Nothing in these files publishes the event",
        "The wait goes on once the event comes from elsewhere: `wfec event`, the API, or a workflow of another file. "
        "The name has to be the same to the letter.",
        steps_example("- {name: paid, wait: {event: payed}}\n- {publish: {event: paid}}"),
        steps_example("- {name: paid, wait: {event: paid}}\n- {publish: {event: paid}}"),
    ),
    (
        "WFE0451",
        "error",
        "A `since` that is no time",
        "A wait takes events from when the run was created (`run`) or the wait reached (`now`), or from a time on.",
        steps_example("- wait: {event: paid, since: yesterday}\n- {publish: {event: paid}}"),
        steps_example("- wait: {event: paid, since: '2030-01-31T12:00:00Z'}\n- {publish: {event: paid}}"),
    ),
)

SHELL_ROWS: Final[tuple[Row, ...]] = (
    (
        "WFE0551",
        "error",
        "An expression in single quotes of a script",
        "The value reaches the script as a variable, and the shell expands none in single quotes.",
        _script("echo '${{ inputs.name }}'"),
        _script("echo ${{ inputs.name }}"),
    ),
    (
        "WFE0552",
        "error",
        "An expression in a quoted here-document",
        "The value reaches the script as a variable, and the shell expands none in a here-document whose delimiter "
        "is quoted.",
        _script("cat <<'END'\n${{ inputs.name }}\nEND"),
        _script("cat <<END\n${{ inputs.name }}\nEND"),
    ),
    (
        "WFE0553",
        "error",
        "An expression in shell arithmetic",
        "In `$(( ))`, `let`, `eval`, a subscript or `[[ a -eq b ]]` a shell evaluates what a variable holds, which may "
        "run commands. An expression can do the arithmetic itself.",
        _script("echo $(( ${{ inputs.name }} + 1 ))"),
        _script("echo ${{ len(inputs.name) + 1 }}"),
    ),
    (
        "WFE0554",
        "error",
        "An expression where a script can't take one safely",
        "The value has to stay data, whatever it holds. Inside `${…}`, in nested backticks, after a backslash or as a "
        "here-document's delimiter that is not certain.",
        _script("echo ${NAME:-${{ inputs.name }}}"),
        _script("echo ${{ inputs.name }}"),
    ),
    (
        "WFE0555",
        "error",
        "An expression in a script that is not for a POSIX shell",
        "The value reaches the script as an environment variable, which is written `$NAME` in sh, bash and shells like "
        "them only.",
        _script("print(${{ inputs.name }})", "      shell: python3\n"),
        _script("echo ${{ inputs.name }}", "      shell: bash\n"),
    ),
    (
        "WFE0556",
        "warning",
        "The script does not exist",
        "A script that exists is part of the program; one that doesn't is read when the step starts.",
        steps_example("- {name: build, type: shell, config: {file: no-such-script.sh}}"),
        steps_example("- {name: build, config: {run: make}}"),
    ),
    (
        "WFE0557",
        "error",
        "The script can't be read",
        "A script is a text file in UTF-8 of 16 MiB at most.",
        steps_example("- {name: build, type: shell, config: {file: .}}"),
        steps_example("- {name: build, config: {run: make}}"),
    ),
)

"""Rows of the catalogue: structure and keys (01), configuration of step types (05).

Each row is what ``codes.Code`` takes: code, severity, title, why and, where a single text can show it, an example
that is wrong and one that is right.
"""

from __future__ import annotations

from typing import Final

from .rows_names import steps_example, workflow_example

__all__ = ["CONFIG_ROWS", "STRUCTURE_ROWS"]

STRUCTURE_ROWS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "WFE0101",
        "error",
        "An unknown key",
        "A key that nothing reads is a mistake: what it was to do would not be done.",
        steps_example("- name: greet\n  timeuot: 5s\n  config:\n    run: echo hello"),
        steps_example("- name: greet\n  timeout: 5s\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0102",
        "error",
        "A missing key",
        "Without the key that the message names it is not known what is meant.",
        "workflow:\n  id: example\n  steps:\n    - name: greet\n      config:\n        run: echo hello\n",
        steps_example("- name: greet\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0103",
        "error",
        "The wrong kind of value",
        "The key takes a value of another kind: a list, a map, a text, a number.",
        steps_example("- name: greet\n  config: echo hello"),
        steps_example("- name: greet\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0105",
        "error",
        "A file without a workflow",
        "A file has `workflow:` with one workflow, or `workflows:` with a list of them.",
        "include: []\n",
        steps_example("- name: greet\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0106",
        "error",
        "Both workflow and workflows",
        "A file has `workflow:` with one workflow, or `workflows:` with a list of them.",
        steps_example("- name: greet\n  config:\n    run: echo hello")
        + "workflows:\n  - id: other\n    version: 1\n    steps: [{name: part, config: {run: echo hello}}]\n",
        "workflows:\n  - id: other\n    version: 1\n    steps: [{name: part, config: {run: echo hello}}]\n",
    ),
    (
        "WFE0107",
        "error",
        "An empty list of workflows",
        "A file has one workflow at least.",
        "workflows: []\n",
        "workflows:\n  - id: other\n    version: 1\n    steps: [{name: part, config: {run: echo hello}}]\n",
    ),
    (
        "WFE0108",
        "error",
        "No steps",
        "A workflow, a block and a hook have one step at least.",
        workflow_example("steps: []"),
        steps_example("- name: greet\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0109",
        "error",
        "A workflow given twice",
        "An id and a version name one workflow. Several versions of one id may stand side by side.",
        "workflows:\n"
        "  - {id: one, version: 1, steps: [{name: part, config: {run: echo hello}}]}\n"
        "  - {id: one, version: 1, steps: [{name: part, config: {run: echo bye}}]}\n",
        "workflows:\n"
        "  - {id: one, version: 1, steps: [{name: part, config: {run: echo hello}}]}\n"
        "  - {id: one, version: 2, steps: [{name: part, config: {run: echo bye}}]}\n",
    ),
    (
        "WFE0110",
        "error",
        "A step that does nothing",
        "A step has a `type` with its `config`, or one of the keys of blocks, loops and the like.",
        steps_example("- name: greet\n  timeout: 5s"),
        steps_example("- name: greet\n  timeout: 5s\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0111",
        "error",
        "A step that does two things",
        "A step is a task, or one block, loop or the like: two of them are two steps.",
        steps_example(
            "- name: greet\n  type: shell\n  config:\n    run: echo hello\n"
            "  parallel:\n    - name: part\n      config:\n        run: echo part"
        ),
        steps_example(
            "- name: greet\n  type: shell\n  config:\n    run: echo hello\n"
            "- parallel:\n    - name: part\n      config:\n        run: echo part"
        ),
    ),
    (
        "WFE0112",
        "error",
        "A task without a name",
        "A task's results, logs and state are found by its name. Blocks may do without.",
        steps_example("- config:\n    run: echo hello"),
        steps_example("- name: greet\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0113",
        "error",
        "A bad name",
        "Names are made of letters, digits, `_` and `-`, so that expressions and paths can hold them. A "
        "variable of an `env` begins with no digit, and has neither blanks nor `=`: a shell drops any other silently.",
        steps_example("- name: say hello\n  config:\n    run: echo hello"),
        steps_example("- name: say-hello\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0115",
        "error",
        "A bad duration",
        "A duration is written like 500ms, 30s, 5m, 2h, 1d or 1h30m; digits alone are milliseconds.",
        steps_example("- name: greet\n  timeout: 1 hour\n  config:\n    run: echo hello"),
        steps_example("- name: greet\n  timeout: 1h\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0116",
        "error",
        "A number out of its range",
        "The number is too small or too large for its key: the help says from where to where.",
        steps_example(
            "- parallel:\n    limit: 0\n    steps:\n      - name: part\n        config:\n          run: echo hello"
        ),
        steps_example(
            "- parallel:\n    limit: 4\n    steps:\n      - name: part\n        config:\n          run: echo hello"
        ),
    ),
    (
        "WFE0117",
        "error",
        "Not one of the words allowed here",
        "The key takes one of a few words: the help lists them, or the nearest.",
        steps_example("- name: greet\n  on_crash: repeat\n  config:\n    run: echo hello"),
        steps_example("- name: greet\n  on_crash: rerun\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0118",
        "warning",
        "A retry without an end",
        "0 means no limit: a step that never succeeds is tried again for ever.",
        steps_example("- name: greet\n  error_behavior: {type: retry, max_retries: 0}\n  config:\n    run: echo hello"),
        steps_example("- name: greet\n  error_behavior: {type: retry, max_retries: 5}\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0119",
        "error",
        "How to retry is said twice",
        "`retry` and `error_behavior` with `type: retry` are two spellings of one thing.",
        steps_example("- name: greet\n  retry: 3\n  error_behavior: {type: retry}\n  config:\n    run: echo hello"),
        steps_example("- name: greet\n  retry: 3\n  error_behavior: {type: suspend}\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0120",
        "error",
        "An incomplete condition",
        "A structured condition is a `field` with one operator, or one of all, any, none, one_of and not.",
        workflow_example(
            "inputs: {env: string}\nsteps:\n"
            "  - name: greet\n    when: {field: inputs.env}\n    config:\n      run: echo hello"
        ),
        workflow_example(
            "inputs: {env: string}\nsteps:\n"
            "  - name: greet\n    when: {field: inputs.env, equals: test}\n    config:\n      run: echo hello"
        ),
    ),
    (
        "WFE0121",
        "error",
        "Two conditions in one map",
        "A map holds one comparison or one combination; several are put together by `all:` or `any:`.",
        workflow_example(
            "inputs: {size: integer}\nsteps:\n"
            "  - name: greet\n    when: {field: inputs.size, gt: 1, lt: 5}\n    config:\n      run: echo hello"
        ),
        workflow_example(
            "inputs: {size: integer}\nsteps:\n"
            "  - name: greet\n    when:\n      all:\n        - {field: inputs.size, gt: 1}\n"
            "        - {field: inputs.size, lt: 5}\n    config:\n      run: echo hello"
        ),
    ),
    (
        "WFE0122",
        "error",
        "A bad field path",
        "A field is named by a path: names with dots between them.",
        workflow_example(
            "inputs: {env: string}\nsteps:\n"
            "  - name: greet\n    when: {field: inputs..env, equals: test}\n    config:\n      run: echo hello"
        ),
        workflow_example(
            "inputs: {env: string}\nsteps:\n"
            "  - name: greet\n    when: {field: inputs.env, equals: test}\n    config:\n      run: echo hello"
        ),
    ),
    (
        "WFE0123",
        "error",
        "A value that can't be compared this way",
        "Only numbers and texts have an order, and null is asked for by `is_null`.",
        workflow_example(
            "inputs: {size: integer}\nsteps:\n"
            "  - name: greet\n    when: {field: inputs.size, gt: [1]}\n    config:\n      run: echo hello"
        ),
        workflow_example(
            "inputs: {size: integer}\nsteps:\n"
            "  - name: greet\n    when: {field: inputs.size, gt: 1}\n    config:\n      run: echo hello"
        ),
    ),
    (
        "WFE0124",
        "error",
        "A key of another kind of step",
        "The key exists, but not for a step of this kind, where nothing would read it.",
        steps_example("- name: greet\n  limit: 4\n  config:\n    run: echo hello"),
        steps_example("- name: greet\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0126",
        "error",
        "Included files differ",
        "Two included files both bring a workflow of this id and version, and mean different things by it.",
    ),
    (
        "WFE0127",
        "error",
        "A name listed twice",
        "An input or an output is named once.",
        steps_example("- name: greet\n  config:\n    run: echo hello\n  outputs: [{name: text}, {name: text}]"),
        steps_example("- name: greet\n  config:\n    run: echo hello\n  outputs: [{name: text}, {name: length}]"),
    ),
)

CONFIG_ROWS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "WFE0501",
        "error",
        "An unknown step type",
        "A step type is built in, or comes from an installed package that registers an executor for it.",
        steps_example("- name: greet\n  type: shel\n  config:\n    run: echo hello"),
        steps_example("- name: greet\n  type: shell\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0502",
        "error",
        "A configuration lacks a key",
        "A step of this type can't do without the key.",
        steps_example("- name: tidy\n  type: container\n  config:\n    run: rm -rf /tmp/work"),
        steps_example("- name: tidy\n  type: container\n  config:\n    image: debian:12\n    run: rm -rf /tmp/work"),
    ),
    (
        "WFE0503",
        "error",
        "A configuration lacks one of several keys",
        "Exactly one of these keys says what the step does.",
        steps_example("- name: greet\n  type: shell\n  config:\n    env: {NAME: world}"),
        steps_example('- name: greet\n  type: shell\n  config:\n    env: {NAME: world}\n    run: echo "$NAME"'),
    ),
    (
        "WFE0504",
        "error",
        "Two keys that exclude each other",
        "Both say the same thing, and only one of them can be right.",
        steps_example("- name: greet\n  type: shell\n  config:\n    run: echo hello\n    file: hello.sh"),
        steps_example("- name: greet\n  type: shell\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0505",
        "error",
        "A key that needs another one",
        "The key means nothing without the other.",
        steps_example(
            "- name: image\n  type: buildkit\n  config:\n    dockerfile: Dockerfile\n    context: .\n    push: true"
        ),
        steps_example(
            "- name: image\n  type: buildkit\n  config:\n    dockerfile: Dockerfile\n    context: .\n    push: true\n"
            "    tags: [registry.example.com/app:1]"
        ),
    ),
    (
        "WFE0506",
        "error",
        "A bad size of memory",
        "A size is written like 256MiB, 1GiB, 512m, or in bytes.",
        steps_example("- name: count\n  type: deno\n  config:\n    script: output('n', 1)\n    memory: plenty"),
        steps_example("- name: count\n  type: deno\n  config:\n    script: output('n', 1)\n    memory: 256MiB"),
    ),
)

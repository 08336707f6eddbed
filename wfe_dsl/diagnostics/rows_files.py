"""Rows of the catalogue: files and YAML (00).

Each row is what ``codes.Code`` takes: code, severity, title, why and, where a single text can show it, an example
that is wrong and one that is right.
"""

from __future__ import annotations

import itertools
from typing import Final

from .rows_names import steps_example, workflow_example

__all__ = ["FILE_ROWS"]

# Ten levels of ten aliases each.
BILLION: Final = (
    "_a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    + "".join(
        f"_{name}: &{name} [{', '.join([f'*{inner}'] * 10)}]\n" for inner, name in itertools.pairwise("abcdefghij")
    )
    + steps_example("- name: work\n  config:\n    run: echo ready")
)

FILE_ROWS: Final[tuple[tuple[str, ...], ...]] = (
    (
        "WFE0001",
        "error",
        "A file can't be read",
        "The file that was asked for does not exist, is a folder, or may not be read by this user.",
    ),
    (
        "WFE0002",
        "error",
        "A file is not UTF-8",
        "Workflow files are UTF-8, with or without a byte order mark. Save the file in that encoding.",
    ),
    (
        "WFE0003",
        "error",
        "A control character in a file",
        "Control characters other than tabs and line ends can't be seen and are never meant; in double quotes "
        "one can be written as an escape.",
        steps_example("- name: ring\n  config:\n    run: 'printf \x07'"),
        steps_example('- name: ring\n  config:\n    run: "printf \\x07"'),
    ),
    (
        "WFE0004",
        "error",
        "The file is not YAML",
        "The text breaks the rules of YAML at this place, so nothing after it can be read.",
        steps_example("- name: greet\n  config:\n    run: echo: hello"),
        steps_example('- name: greet\n  config:\n    run: "echo: hello"'),
    ),
    (
        "WFE0005",
        "error",
        "A file is too large",
        "A document has at most 16 MiB, so that a file can't exhaust the memory of who checks it.",
    ),
    (
        "WFE0006",
        "error",
        "Nested too deep",
        "Lists and maps are nested at most 64 deep, aliases resolved.",
        "workflow: " + "[" * 70 + "]" * 70 + "\n",
        steps_example("- name: greet\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0007",
        "error",
        "Aliases stand for too much",
        "Few aliases of aliases can stand for billions of values. At most 100,000 are taken.",
        BILLION,
        steps_example("- name: greet\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0008",
        "error",
        "An alias inside what it names",
        "A value that held itself would never end.",
        steps_example("- name: greet\n  config: &config\n    run: echo hello\n    env: *config"),
        steps_example("- name: greet\n  config:\n    run: echo hello\n    env: {}"),
    ),
    (
        "WFE0009",
        "error",
        "An alias names no anchor",
        "An alias `*name` repeats the value that was marked with `&name` earlier in the same file.",
        steps_example("- name: greet\n  config: *greeting"),
        "_shared: &greeting\n  run: echo hello\n" + steps_example("- name: greet\n  config: *greeting"),
    ),
    (
        "WFE0010",
        "error",
        "A YAML tag",
        "Tags ask the reader to build objects; a workflow file is plain data. An expression that begins with "
        "`!` is read as a tag unless it is quoted.",
        steps_example("- name: greet\n  when: !inputs.quiet\n  config:\n    run: echo hello"),
        steps_example('- name: greet\n  when: "!inputs.quiet"\n  config:\n    run: echo hello'),
    ),
    (
        "WFE0011",
        "error",
        "Several documents in one file",
        "A file is one document. Several workflows stand in it as a list under `workflows:`.",
        steps_example("- name: greet\n  config:\n    run: echo hello") + "---\nworkflow: {}\n",
        steps_example("- name: greet\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0012",
        "error",
        "An empty file",
        "There is nothing but blanks and comments in the file.",
        "# a workflow will stand here\n",
        steps_example("- name: greet\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0013",
        "error",
        "The file is not a map",
        "At its top a file is a map that has `workflow:` or `workflows:`.",
        "- id: example\n  version: 1\n",
        steps_example("- name: greet\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0014",
        "error",
        "A key is given twice",
        "Of two values for one key the reader could only keep one, and would drop the other in silence.",
        steps_example("- name: greet\n  timeout: 5s\n  timeout: 5m\n  config:\n    run: echo hello"),
        steps_example("- name: greet\n  timeout: 5m\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0015",
        "error",
        "A key is not a text",
        "YAML lets a list or a map be a key; nothing here has such keys.",
        steps_example("- name: greet\n  config:\n    run: echo hello\n    env:\n      ? [NAME]\n      : world"),
        steps_example("- name: greet\n  config:\n    run: echo hello\n    env:\n      NAME: world"),
    ),
    (
        "WFE0016",
        "error",
        "What is merged is no map",
        "`<<` takes the keys of a map, or of several in a list, that are not there already.",
        steps_example("- name: greet\n  <<: fast\n  config:\n    run: echo hello"),
        "_fast: &fast\n  timeout: 5s\n" + steps_example("- name: greet\n  <<: *fast\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0017",
        "error",
        "A number that no workflow can hold",
        "Integers have 64 bits with a sign; there is no infinity and no NaN. Longer digits are texts: quote them.",
        steps_example("- set: {serial: 12345678901234567890}"),
        steps_example("- set: {serial: \"'12345678901234567890'\"}"),
    ),
    (
        "WFE0018",
        "error",
        "A tab used to indent",
        "YAML indents with spaces only.",
        steps_example("- name: greet\n\tconfig:\n    run: echo hello"),
        steps_example("- name: greet\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0019",
        "error",
        "An included file can't be read",
        "A path under `include` is relative to the file that names it.",
        "include: [no-such-file.yaml]\n" + steps_example("- name: greet\n  config:\n    run: echo hello"),
        steps_example("- name: greet\n  config:\n    run: echo hello"),
    ),
    (
        "WFE0020",
        "error",
        "Files include each other",
        "A file that includes itself, directly or through others, could not be read to its end.",
    ),
    (
        "WFE0021",
        "error",
        "Too many included files",
        "At most 1,000 files are included, 64 deep.",
    ),
    (
        "WFE0030",
        "error",
        "A variable without a value",
        "`((name))` takes its value from --var, the variables file, WFE_CONFIG, an input of the workflow or its "
        "own default, in this order; none of them has it.",
        steps_example("- name: greet\n  config:\n    run: echo hello\n    working_dir: ((folder))"),
        steps_example("- name: greet\n  config:\n    run: echo hello\n    working_dir: ((folder | src))"),
    ),
    (
        "WFE0031",
        "error",
        "Known only when the workflow runs",
        "Names, durations, limits and scripts of other languages are part of the compiled program: an expression "
        "or an input of the run can't fill them.",
        workflow_example(
            "inputs: {patience: string}\nsteps:\n"
            "  - name: greet\n    timeout: ((patience))\n    config:\n      run: echo hello"
        ),
        workflow_example("steps:\n  - name: greet\n    timeout: ((patience | 5m))\n    config:\n      run: echo hello"),
    ),
    (
        "WFE0032",
        "warning",
        "An unknown variable in a shell script",
        "`((name))` may be the shell's arithmetic, so it is left as it is.",
        steps_example("- name: count\n  config:\n    run: if ((ready)); then make; fi"),
        steps_example("- name: count\n  config:\n    run: if \\((ready)); then make; fi"),
    ),
)

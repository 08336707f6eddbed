"""A tree printed as YAML and read again is the same tree, and reads as people write it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.dsl.files import SOUND
from tests.dsl.trees import CUSTOM_TYPE, documents
from tests.dsl.yaml_support import first_step, load, read_ok, wrap
from wfe_dsl import nodes
from wfe_dsl.comments import Comments
from wfe_dsl.expression_printer import NoSpelling
from wfe_dsl.nodes import structure
from wfe_dsl.variables import Variables
from wfe_dsl.yaml_front.comments import read_comments
from wfe_dsl.yaml_front.printer import print_document

KEPT = Variables().kept()


def printed(text: str, variables: Variables | None = None) -> str:
    document, found = load(text, variables)
    assert document is not None
    assert [one.code for one in found if one.severity == "error"] == []
    return print_document(document, Comments())


def steps_printed(steps: str, keys: str = "") -> list[str]:
    """Return the lines of the printed steps, without their indentation."""
    lines = printed(wrap(steps, keys)).splitlines()
    return [line[4:] for line in lines[lines.index("  steps:") + 1 :]]


@pytest.mark.acceptance("TXT-02")
@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(documents())
def test_reading_what_is_printed_gives_an_equal_tree(document: nodes.Document) -> None:
    text = print_document(document, Comments())
    again, found = load(text, step_types=(CUSTOM_TYPE,))
    assert [(one.message, one.span.line) for one in found if one.severity == "error"] == [], text
    assert structure(again) == structure(document), text


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("variables", [Variables(), KEPT], ids=["resolved", "kept"])
def test_every_file_of_the_repository_is_the_same_tree_again_and_printing_it_twice_changes_nothing(
    name: str, variables: Variables
) -> None:
    document, _ = load(SOUND[name], variables)
    assert document is not None
    text = print_document(document, Comments())
    again, _ = load(text, variables)
    assert again is not None
    assert structure(again.workflows) == structure(document.workflows)
    assert print_document(again, Comments()) == text


@pytest.mark.parametrize(
    "value",
    ["on", "yes", "a b", "don't", "inputs.x", "1.2.3", "2026-01-01", "-x", "a:b", "a#b", "${{ run.id }}", "ünï"],
)
def test_a_text_that_reads_as_itself_has_no_quotes(value: str) -> None:
    assert f"fail: {value}" in printed(wrap(f'- fail: "{value}"'))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("true", "'true'"),
        ("1.10", "'1.10'"),
        ("~", "'~'"),
        ("", "''"),
        ("a: b", "'a: b'"),
        ("a #b", "'a #b'"),
        ("- a", "'- a'"),
        (" a", "' a'"),
        ("it's: x", '"it\'s: x"'),
        ("a\\tb", '"a\\tb"'),
        ("\\u2028", '"\\L"'),
        ("0x1F", "'0x1F'"),
        ("99999999999999999999", "'99999999999999999999'"),
    ],
)
def test_a_text_that_would_read_as_something_else_has_quotes(value: str, written: str) -> None:
    assert f"fail: {written}\n" in printed(wrap(f'- fail: "{value}"'))


def test_a_script_is_a_block_whatever_it_begins_with_unless_it_ends_with_empty_lines() -> None:
    # Those would run into the blank line before the next step, and be one more.
    for script in ("a\nb", "a\nb\n", "a\nb\n\n\n", "  a\nb\n", "\n\na\n", "\ta\nb\n"):
        step = first_step(f"- name: s\n  config: {{run: {script!r}}}".replace("'", '"'))
        text = print_document(
            nodes.Document(
                span=step.span,
                workflows=(nodes.Workflow(span=step.span, id="w", id_span=step.span, version=1, steps=(step,)),),
                own=1,
            ),
            Comments(),
        )
        assert ("run: |" in text) == (not script.endswith("\n\n"))
        assert structure(read_ok(text).workflows[0].steps[0]) == structure(step)


def test_what_is_so_anyway_is_not_written_and_what_is_short_stands_on_one_line() -> None:
    assert steps_printed(
        "- name: a\n  type: shell\n  config:\n    run: make\n    timeout: 90000\n"
        "  continue_on_failure: false\n  retry:\n    attempts: 3\n    interval: 1000\n"
        "  outputs:\n    - name: x\n      type: string"
    ) == [
        "- name: a",
        "  config: {run: make}",
        "  outputs: [{name: x, type: string}]",
        "  timeout: 1m30s",
        "  retry: 3",
    ]


def test_older_spellings_come_out_in_the_newer_one() -> None:
    assert steps_printed("- {name: a, config: {run: make}, error_behavior: {type: retry, max_retries: 2}}") == [
        "- name: a",
        "  config: {run: make}",
        "  retry: {attempts: 3, interval: 1m}",
    ]


def test_a_condition_is_an_expression_and_with_a_data_key_keeps_the_structured_form() -> None:
    step = "- {name: a, config: {run: make}, when: {all: [{field: inputs.x, gt: 1}, {not: {field: %s, equals: 2}}]}}"
    plain = steps_printed(step % "inputs.y", "inputs: {x: integer, y: integer}")
    assert plain[1] == "  when: inputs.x != null && inputs.x > 1 && !(inputs.y == 2)"
    assert steps_printed(step % ".y.z.0", "inputs: {x: integer, y: any}")[1:6] == [
        "  when:",
        "    all:",
        "      - inputs.x != null && inputs.x > 1",
        "      - not:",
        "          field: y.z[0]",
    ]


def test_long_chains_on_data_keys_come_back_as_they_were() -> None:
    for count in (2, 64, 65, 200):
        leaves = ", ".join(f"{{field: k{number}, equals: {number}}}" for number in range(count))
        text = wrap(f"- {{name: a, config: {{run: make}}, when: {{any: [{leaves}]}}}}")
        tree = load(text)[0]
        assert tree is not None
        assert structure(load(print_document(tree, Comments()))[0]) == structure(tree)


def test_inputs_from_places_in_the_data_keep_the_list() -> None:
    listed = "[{name: x}, {name: y, path: b, json_path: '$.c[1]'}]"
    assert steps_printed(f"- name: a\n  config: {{run: make}}\n  inputs: {listed}")[2:] == [
        "  inputs:",
        "    - {name: x}",
        "    - name: y",
        "      path: b.c[1]",
    ]


def test_a_tree_that_no_file_can_hold_is_refused() -> None:
    step = first_step("- {name: a, when: inputs.x, config: {run: make}}")
    key = nodes.DataKey(span=step.span, name="inputs")
    odd = nodes.Step(span=step.span, name="a", name_span=step.span, body=step.body, when=key)
    workflow = nodes.Workflow(span=step.span, id="w", id_span=step.span, version=1, steps=(odd,))
    with pytest.raises(NoSpelling):
        print_document(nodes.Document(span=step.span, workflows=(workflow,), own=1), Comments())


@pytest.mark.acceptance("CLI-10")
def test_comments_come_along_to_what_they_stood_above_or_beside() -> None:
    text = """\
# of the file

# of the workflow
workflow:
    id: a
    version: 1
    steps:
        # above
        #
        - name: b   # beside
          timeout: 5s  # of a key
          config:
              # of the script
              run: |   # at its begin
                  make # not one
    # at the end
"""
    assert (
        print_document(read_ok(text), read_comments(text))
        == """\
# of the file

# of the workflow
workflow:
  id: a
  version: 1
  steps:
    # above
    #
    - name: b  # beside
      config:
        # of a key
        # of the script
        run: |  # at its begin
          make # not one
      timeout: 5s

# at the end
"""
    )


@pytest.mark.parametrize("name", SOUND)
def test_no_comment_is_lost(name: str) -> None:
    text = SOUND[name]
    document, _ = load(text)
    assert document is not None
    comments = read_comments(text)
    wanted = [*sum(comments.before.values(), ()), *comments.beside.values(), *comments.end]
    found = read_comments(print_document(document, comments))
    kept = [*sum(found.before.values(), ()), *found.beside.values(), *found.end]
    assert sorted(filter(None, kept)) == sorted(filter(None, wanted))

"""Names: paths, made-up names, scopes and slots."""

from __future__ import annotations

import pytest

from tests.dsl.build import assign, codes, compile_text, compiled, expression, only, shell, span, step, workflow
from wfe_dsl import nodes
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.resolve import resolve_workflow


def paths(steps: str, keys: str = "") -> list[str]:
    return [row.path for row in compiled(steps, keys).program.steps]


def test_a_path_names_blocks_loops_and_hooks() -> None:
    found = paths(
        """
- name: both
  parallel:
    - {name: one, config: {run: "true"}}
- name: fan
  for_each: "[1, 2]"
  do:
    - name: work
      config: {run: "true"}
      on_failure: {name: tell, config: {run: "true"}}
  ensure: {name: sweep, config: {run: "true"}}
- name: wait
  until: steps.poll.output.ready == true
  max_iterations: 3
  do: [{name: poll, config: {run: "true"}}]
""",
        "on_failure: {name: alarm, config: {run: 'true'}}",
    )
    assert found == [
        "",
        "both",
        "both/one",
        "fan",
        "fan[*]/work",
        "fan[*]/work/on_failure/tell",
        "fan/ensure/sweep",
        "wait",
        "wait[*]/poll",
        "on_failure/alarm",
    ]


def test_made_up_names_count_by_kind_and_skip_what_is_taken() -> None:
    steps = "- set: {a: '1'}\n- {name: set-2, config: {run: 'true'}}\n- set: {b: '2'}\n- sleep: 1s\n- set: {c: '3'}"
    assert [row.name for row in compiled(steps).program.steps[1:]] == ["set-1", "set-2", "set-3", "sleep-1", "set-4"]


def test_a_made_up_name_is_the_same_as_the_written_one() -> None:
    written = compiled("- {name: sleep-1, sleep: 1s}")
    assert compiled("- sleep: 1s").hash == written.hash


@pytest.mark.acceptance("YML-17", "YML-20")
@pytest.mark.parametrize(
    "second",
    [
        "- {name: build, config: {run: 'true'}}",
        "- parallel:\n    - {name: build, config: {run: 'true'}}",
        "- for_each: '[1]'\n  do:\n    - {name: build, config: {run: 'true'}}",
        "- name: other\n  config: {run: 'true'}\n  ensure: {name: build, config: {run: 'true'}}",
        "- if: 'true'\n  then: [{name: build, sleep: 1s}]",
    ],
)
def test_a_step_name_twice_is_an_error_with_both_places(second: str) -> None:
    found = only("- {name: build, config: {run: 'true'}}\n" + second)
    assert found.code == "WFE0201"
    assert found.labels[0].span.line == 5
    assert found.span.line > 5


def test_a_name_may_stand_once_in_each_workflow() -> None:
    line = "  - {{id: {}, version: 1, steps: [{{name: build, config: {{run: 'true'}}}}]}}\n"
    programs, found = compile_text("workflows:\n" + line.format("first") + line.format("second"))
    assert found == []
    assert [one.program.workflow for one in programs] == ["first", "second"]


def test_sibling_loops_share_slots_and_nested_ones_do_not() -> None:
    loop = "- for_each: '[1, 2]'\n  do:\n    - set: {{{name}: item}}\n"
    program = compiled(loop.format(name="a") + loop.format(name="b")).program
    alone = compiled(loop.format(name="a")).program
    assert len(program.scope_sizes) == 2
    assert program.scope_sizes[1] == alone.scope_sizes[1] == 4  # item, index, the step, its variable
    nested = "- for_each: '[1]'\n  do:\n    - for_each: '[2]'\n      do: [{set: {a: item}}]"
    assert compiled(nested).program.scope_sizes[1:] == (3, 4)


def test_an_item_may_not_hide_a_root() -> None:
    assert codes("- for_each: '[1]'\n  as: steps\n  do: [{sleep: 1s}]") == ["WFE0214"]


def test_a_variable_set_again_deeper_in_a_serial_loop_is_the_outer_one() -> None:
    tree = workflow(
        step(None, assign(total="0")),
        step(
            "sum",
            nodes.ForEach(
                span=span(),
                items=expression("[1, 2]"),
                body=(step(None, assign(total="vars.total + item", own="item")),),
                limit=1,
            ),
        ),
    )
    resolved = resolve_workflow(tree, Diagnostics())
    run, iteration = resolved.scopes
    assert len(run.variables["total"].writers) == 2
    assert list(iteration.variables) == ["own"]


def test_the_numbers_of_steps_nest_like_the_steps() -> None:
    tree = workflow(
        step("both", nodes.Sequence(span=span(), steps=(shell("one"), shell("two")))),
        shell("last", hooks=nodes.Hooks(span=span(), ensure=(shell("sweep"),))),
    )
    steps = {info.name: info for info in resolve_workflow(tree, Diagnostics()).steps}
    order = [steps[name].first for name in ("demo", "both", "one", "two", "last", "sweep")]
    assert order == sorted(order)
    assert steps["one"].last < steps["two"].first < steps["both"].last < steps["last"].first
    assert steps["last"].body_end < steps["sweep"].first < steps["sweep"].last < steps["last"].last

"""Values that are certain before a run: what the run would find, or nothing at all."""

from __future__ import annotations

from typing import Any

import pytest

from wfe_dsl.known_values import UNKNOWN, KnownValues
from wfe_vm.errors import ExpressionError
from wfe_vm.library import FUNCTIONS_BY_NAME
from wfe_vm.values import parse_json

from .build import expression, text
from .evaluate import evaluate

INPUTS = {"n": 5, "s": "abc", "l": ["a", "b"], "m": {"k": [1, 2]}, "o": None}


def known(written: str, complete: bool = True) -> Any:
    return KnownValues(INPUTS, complete).value(expression(written))


@pytest.mark.parametrize(
    "written",
    [
        "inputs.n > 3 && inputs.s == 'abc'",
        "inputs.o ?? 'none'",
        "inputs.m.k[1] + -inputs.n * 2 % 3",
        "!(inputs.n in [1, 2]) || false",
        "inputs.l contains 'b' ? {a: inputs.n} : []",
        "filter(map(inputs.l, x => x + inputs.s), y => len(y) > 3)",
        "map(inputs.l, x => map(inputs.l, x => x + x))",
        "len(inputs.l) / 2 - 1 <= 3 != false",
    ],
)
def test_what_depends_on_inputs_alone_is_what_the_language_says(written: str) -> None:
    assert known(written) == evaluate(expression(written), {"inputs": INPUTS})


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("inputs.n > 9 && steps.a.output.x", False),
        ("inputs.n > 3 || steps.a.output.x", True),
        ("inputs.s ?? steps.a.output.x", "abc"),
        ("inputs.n > 3 ? 1 : vars.x", 1),
        ("steps.a.output.x && false", UNKNOWN),
        ("[1, steps.a.output.x]", UNKNOWN),
        ("{a: vars.x}", UNKNOWN),
        ("map([1], x => vars.y)", UNKNOWN),
        ("len(item)", UNKNOWN),
        ("host.has('docker')", UNKNOWN),
        ("run.id", UNKNOWN),
    ],
)
def test_what_a_run_has_to_tell_is_unknown_unless_it_does_not_matter(written: str, value: Any) -> None:
    assert known(written) is value or known(written) == value


def test_an_input_that_was_not_given_is_null_only_where_none_is_to_come() -> None:
    assert known("inputs.other", complete=True) is None
    assert known("inputs.other", complete=False) is UNKNOWN
    assert known("inputs", complete=False) is UNKNOWN


@pytest.mark.parametrize("written", ["inputs.n / 0", "inputs.s > 1", "inputs.o > 1", "map(inputs.n, x => x)"])
def test_what_would_certainly_end_in_error_raises(written: str) -> None:
    with pytest.raises(ExpressionError):
        known(written)


def test_texts_are_put_together_as_the_run_does() -> None:
    assert KnownValues(INPUTS, True).value(text("v${{ inputs.n }}-${{ inputs.o }}")) == "v5-"


def test_a_list_has_a_length_although_its_items_are_unknown() -> None:
    values = KnownValues(INPUTS, True)
    assert values.count(expression("[vars.a, vars.b]")) == 2
    assert values.count(expression("inputs.l")) == 2
    assert values.count(expression("vars.l")) is None


def test_the_work_is_bounded() -> None:
    items = "[" + ", ".join(["1"] * 40) + "]"
    nested = f"map({items}, a => map({items}, b => map({items}, c => map({items}, d => map({items}, e => e)))))"
    values = KnownValues({}, True, budget=10_000)
    assert values.value(expression(nested)) is UNKNOWN
    assert values.value(expression("1 + 1")) is UNKNOWN


def test_the_examples_of_every_function_come_out() -> None:
    for row in FUNCTIONS_BY_NAME.values():
        for written, wanted in row.examples:
            assert known(written) == parse_json(wanted), written

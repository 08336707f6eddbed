"""The nearest name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfe_dsl.suggest import Guesser, did_you_mean, distance, nearest


@pytest.mark.acceptance("DIA-04")
@pytest.mark.parametrize(
    ("word", "names", "found"),
    [
        ("timeuot", ["timeout", "retry"], "timeout"),
        ("on_succes", ["on_success", "on_failure"], "on_success"),
        ("on-success", ["on_success"], "on_success"),
        ("Shell", ["shell", "deno"], "shell"),
        ("retyr", ["retry"], "retry"),
        ("ru", ["run"], "run"),
        ("rnu", ["run"], "run"),
        ("workflw", ["workflow", "workflows"], "workflow"),
        ("x", ["y", "z"], None),
        ("if", ["do"], None),
        ("banana", ["timeout", "retry"], None),
        ("name", ["when", "then"], None),
        ("", ["a"], None),
        ("a", [], None),
    ],
)
def test_one_name_within_a_small_distance_is_proposed_and_none_far_off(
    word: str, names: list[str], found: str | None
) -> None:
    assert nearest(word, names) == found
    assert did_you_mean(word, names) == (None if found is None else f"did you mean `{found}`?")


def test_of_equally_near_names_the_first_by_name_is_taken_whatever_their_order() -> None:
    assert nearest("tent", ["text", "test"]) == nearest("tent", ["test", "text"]) == "test"


def slow_distance(first: str, second: str) -> int:
    """Optimal string alignment by its definition."""
    if not first or not second:
        return len(first) + len(second)
    best = min(
        slow_distance(first[1:], second) + 1,
        slow_distance(first, second[1:]) + 1,
        slow_distance(first[1:], second[1:]) + (first[0] != second[0]),
    )
    if len(first) > 1 and len(second) > 1 and first[0] == second[1] and first[1] == second[0]:
        best = min(best, slow_distance(first[2:], second[2:]) + 1)
    return best


@given(st.text("abc", max_size=5), st.text("abc", max_size=5), st.integers(0, 4))
def test_the_distance_is_that_of_its_definition_up_to_the_bound(first: str, second: str, bound: int) -> None:
    assert distance(first, second, bound) == min(slow_distance(first, second), bound + 1)


def test_after_so_many_comparisons_nothing_is_suggested_and_no_candidate_is_looked_at() -> None:
    guesser = Guesser(comparisons=5)
    assert guesser.nearest("biuld", ["build", "test", "lint"]) == "build"
    assert guesser.nearest("biuld", ["build", "test", "lint"]) == "build"
    untouched = iter(["build"])
    assert guesser.nearest("biuld", untouched) is None
    assert next(untouched) == "build"


def test_a_word_that_is_too_long_for_a_name_is_compared_with_nothing() -> None:
    assert nearest("a" * 201, ["a" * 200]) is None
    assert nearest("a" * 200, ["a" * 201]) == "a" * 201

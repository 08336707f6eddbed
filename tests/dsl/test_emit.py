"""The assembler: labels, constants, stack depth and places."""

from __future__ import annotations

import pytest

from tests.dsl.build import span
from wfe_dsl.emit import Emitter
from wfe_vm import opcodes as op
from wfe_vm.errors import InternalError


def test_a_label_may_be_jumped_to_before_and_after_it_is_placed() -> None:
    emitter = Emitter()
    top, end = emitter.label(), emitter.label()
    emitter.place(top)
    emitter.load_constant(op.LOAD_CONST, True)
    emitter.jump(op.BRANCH_FALSE, end)
    emitter.jump(op.JUMP, top)
    emitter.place(end)
    assert emitter.finish() == [op.LOAD_CONST, 0, op.BRANCH_FALSE, 6, op.JUMP, 0]


def test_the_stack_depth_comes_from_the_rows() -> None:
    emitter = Emitter()
    for _ in range(3):
        emitter.load_constant(op.LOAD_CONST, 1)
    emitter.emit_counted(op.MAKE_LIST, 3)
    emitter.load_constant(op.LOAD_CONST, "name")
    emitter.load_constant(op.LOAD_CONST, 2)
    emitter.emit_counted(op.MAKE_MAP, 1)
    emitter.emit(op.EQUAL)
    emitter.emit(op.POP)
    assert emitter.expect_empty_stack() == emitter.pc
    assert emitter.max_stack == 3


def test_a_jump_that_keeps_its_item_counts_it_at_the_target_alone() -> None:
    emitter = Emitter()
    end = emitter.label()
    emitter.load_constant(op.LOAD_CONST, True)
    emitter.jump(op.BRANCH_TRUE_KEEP, end)
    emitter.load_constant(op.LOAD_CONST, False)
    emitter.place(end)
    emitter.emit(op.POP)
    assert emitter.expect_empty_stack() == 7


def test_constants_are_pooled_by_type_and_value_in_order_of_first_use() -> None:
    emitter = Emitter()
    values = ["a", 1, 1.0, True, None, "a", 1, {"x": [1]}, {"x": [1]}, {"x": [1.0]}, 0.0, -0.0]
    indexes = [emitter.constant(value) for value in values]
    assert indexes == [0, 1, 2, 3, 4, 0, 1, 5, 5, 6, 7, 8]


def test_ways_of_different_depth_to_one_label_are_a_bug() -> None:
    emitter = Emitter()
    end = emitter.label()
    emitter.load_constant(op.LOAD_CONST, True)
    emitter.jump(op.BRANCH_FALSE, end)
    emitter.load_constant(op.LOAD_CONST, 1)
    with pytest.raises(InternalError, match="0 or 1 items"):
        emitter.place(end)


def test_an_instruction_that_takes_more_than_there_is_is_a_bug() -> None:
    with pytest.raises(InternalError, match="more than the stack holds"):
        Emitter().emit(op.ADD)


def test_a_label_that_is_never_placed_is_a_bug() -> None:
    emitter = Emitter()
    emitter.jump(op.JUMP, emitter.label())
    with pytest.raises(InternalError, match="never placed"):
        emitter.finish()


def test_code_that_runs_on_into_a_section_of_its_own_is_a_bug() -> None:
    emitter = Emitter()
    emitter.load_constant(op.LOAD_CONST, 1)
    with pytest.raises(InternalError, match="section of its own"):
        emitter.begin_section()


def test_a_place_holds_until_the_next_one() -> None:
    emitter = Emitter()
    outer, inner = span(1), span(2)
    emitter.mark(outer)
    emitter.load_constant(op.LOAD_CONST, 1)
    before = emitter.mark(inner)
    emitter.load_constant(op.LOAD_CONST, 2)
    emitter.mark(before)
    emitter.emit(op.EQUAL)
    assert emitter.places() == [(0, outer), (2, inner), (4, outer)]

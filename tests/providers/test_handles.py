"""What of a payload becomes a handle, and that it comes back as it was."""

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.vm.strategies import plain_values
from wfe_runtime.providers.handles import IN_DELTA, IN_SNAPSHOT, IN_VALUE, has_handles, pack, unpack
from wfe_vm.limits import MAX_INLINE_BYTES
from wfe_vm.state import Delta, Record, State, encode_delta

LARGE = "x" * (MAX_INLINE_BYTES + 1)
ROWS = [{"id": number, "name": f"row {number}"} for number in range(20_000)]
MANY = {f"n{number}": "y" * 1000 for number in range(400)}


class Shelf(dict[bytes, bytes]):
    """Contents by their hash."""

    def keep(self, content: bytes) -> bytes:
        hash = hashlib.sha256(content).digest()
        self[hash] = content
        return hash


def encoded(value: Any) -> bytes:
    return msgspec.msgpack.encode(value)


def delta_of(**fields: Any) -> Delta:
    lists = (
        *("pointers", "removed", "data", "scopes", "dropped", "collected", "uncollected", "timers", "reopen"),
        *("records", "tolerated", "warnings"),
    )
    nothing: dict[str, Any] = {name: [] for name in lists}
    header = (1, 1, False, 0, False, False, 0, None)
    return Delta(
        **{"format": 1, "sequence": 1, "time": 1, "status": "running", "header": header, "end": None} | nothing | fields
    )


def check_round(payload: bytes, shape: Any, contents: int) -> bytes:
    shelf = Shelf()
    packed = pack(payload, shape, shelf.keep)
    assert len(shelf) == contents
    assert has_handles(packed) == (contents > 0)
    assert unpack(packed, shelf.__getitem__) == payload
    return packed


@pytest.mark.acceptance("STO-10")
@pytest.mark.parametrize(
    ("size", "contents"), [(0, 0), (MAX_INLINE_BYTES - 100, 0), (MAX_INLINE_BYTES + 1, 1), (1 << 20, 1)]
)
def test_a_text_over_the_limit_is_put_aside_and_one_just_under_it_stays(size: int, contents: int) -> None:
    check_round(encoded({"a": "x" * size, "b": [1, None, 2.5, True, -(2**63)]}), IN_VALUE, contents)
    check_round(encoded(["é" * (size // 2 + 1)]), IN_VALUE, contents)


def test_the_smallest_value_that_is_large_is_put_aside_not_all_that_is_around_it() -> None:
    shelf = Shelf()
    packed = pack(encoded({"outputs": {"rows": ROWS, "count": 20_000}, "other": "kept"}), IN_VALUE, shelf.keep)
    assert list(shelf.values()) == [encoded(ROWS)]
    assert len(packed) < 200


def test_small_values_that_are_large_together_are_put_aside_together() -> None:
    check_round(encoded({"a": MANY}), IN_VALUE, 1)
    check_round(encoded({"a": MANY | {"text": LARGE}}), IN_VALUE, 2)


def test_the_places_of_a_change_that_hold_one_value_share_one_content() -> None:
    outputs = {"log": LARGE, "rows": ROWS}
    result = {"status": "succeeded", "output": outputs}
    delta = delta_of(
        data=[(0, 5, result), (0, 6, LARGE), (0, 7, ROWS)],
        records=[Record("ended", 1, "a", 2, 1, 1, 1, "succeeded", outputs)],
        collected=[(3, 0, ROWS)],
        registered=[(1, (1, [2], [], [(0, 6, LARGE)])), (2, None)],
        header=(1, 1, False, 0, False, False, 0, outputs),
        end=("succeeded", outputs, None),
    )
    assert len(check_round(encode_delta(delta), IN_DELTA, 2)) < 2000


def test_the_tables_of_a_change_are_never_put_aside_themselves() -> None:
    delta = delta_of(data=[(0, number, "y" * 1000) for number in range(400)])
    check_round(encode_delta(delta), IN_DELTA, 0)
    check_round(encode_delta(delta_of(data=[(0, 1, MANY)])), IN_DELTA, 1)


def test_the_data_of_a_whole_state_is_put_aside() -> None:
    state = State("r", "r", "h")
    state.scopes = {0: [None, LARGE, {"output": {"rows": ROWS}}], 4: [ROWS]}
    state.collected = {3: {0: LARGE, 1: 2}}
    state.registered = {1: (1, [2], [], [(0, 6, LARGE)])}
    state.outputs = {"log": LARGE}
    state.end = ("succeeded", {"log": LARGE}, None)
    assert len(check_round(state.snapshot(), IN_SNAPSHOT, 2)) < 2000


def test_bytes_within_a_payload_are_put_aside_too() -> None:
    check_round(encoded([1, 2, {"data": LARGE.encode()}]), IN_VALUE, 1)


def test_what_is_no_messagepack_stays_as_it_is() -> None:
    for payload in (
        b"\xc4" * (MAX_INLINE_BYTES + 1),
        b"\xdb\x00\x10\x00\x00" + b"\xff" * (1 << 20),
        b"\x91" * (1 << 20),
    ):
        assert pack(payload, IN_VALUE, Shelf().keep) == payload


@settings(max_examples=examples(30))
@given(plain_values, st.integers(0, 3))
def test_any_value_comes_back_as_it_was(value: Any, depth: int) -> None:
    holder: Any = [value, {"large": LARGE, "rows": ROWS}]
    for _ in range(depth):
        holder = {"inner": holder, "beside": value}
    check_round(encoded(holder), IN_VALUE, 2)

"""Markers, output files, and how texts become values."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfe_runtime.executors.outputs import (
    MARKER_BYTES,
    MarkerScanner,
    Tail,
    parse_json_file,
    parse_text_file,
    read_outputs,
)
from wfe_runtime.executors.problems import TaskProblem

from .shell_support import output


def scan(*pieces: bytes) -> dict[str, str]:
    scanner = MarkerScanner()
    for piece in pieces:
        scanner.feed(piece)
    return scanner.finish()


@pytest.mark.acceptance("SHL-03")
@pytest.mark.parametrize(
    ("printed", "found"),
    [
        ("##wfe[output a=1]\n", {"a": "1"}),
        ("##wfe[output a=1]", {"a": "1"}),
        ("##wfe[output a=1]\r\n", {"a": "1"}),
        ("##wfe[output a=1]\nx\n##wfe[output b=2]\n##wfe[output a=3]\n", {"a": "3", "b": "2"}),
        ("##wfe[output url=x?a=b&c=d]\n", {"url": "x?a=b&c=d"}),
        ("##wfe[output  name  = value ]\n", {"name": " value "}),
        ("##wfe[output empty=]\n", {"empty": ""}),
        ("##wfe[output list=[1, [2]]]\n", {"list": "[1, [2]]"}),
        ("##wfe[output inputs=1]\n##wfe[output steps.x=2]\n", {"inputs": "1", "steps.x": "2"}),
        ("##wfe[output nul=a\0b]\n", {"nul": "a\0b"}),
    ],
)
def test_a_marker_line_gives_an_output(printed: str, found: dict[str, str]) -> None:
    assert scan(printed.encode()) == found


@pytest.mark.acceptance("SHL-03", "SEC-05")
@pytest.mark.parametrize(
    "printed",
    [
        " ##wfe[output a=1]\n",
        "x##wfe[output a=1]\n",
        "x\r##wfe[output a=1]\n",
        "##wfe[output a=1\n",
        "##wfe[output a=1] # more\n",
        "##wfe[output a]\n",
        "##wfe[output =1]\n",
        "##wfe[output  =1]\n",
        "##wfe[outputa=1]\n",
        "##wfe[Output a=1]\n",
        "##wfe[output a=1\n]\n",
        "##wfe[\n",
        "##",
    ],
)
def test_what_is_malformed_or_not_at_the_start_of_a_line_is_plain_output(printed: str) -> None:
    assert scan(printed.encode()) == {}


def test_bytes_that_are_no_utf8_are_replaced_in_names_and_values() -> None:
    assert scan(b"##wfe[output a=\xff]\n") == {"a": "�"}


PIECES = st.lists(
    st.sampled_from(
        [b"##wfe[output a=1]", b"##wfe[output b=x=y]", b"\n", b"#", b"##wfe[", b"plain", b"\xff\0", b"]", b"\n\n"]
    ),
    max_size=20,
)


@given(PIECES, st.lists(st.integers(0, 300), max_size=12))
def test_where_output_is_cut_into_pieces_makes_no_difference(parts: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(parts)
    places = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    pieces = [whole[start:end] for start, end in pairwise(places)]
    expected: dict[str, str] = {}
    for line in whole.split(b"\n"):
        for name, text in (("a", b"##wfe[output a="), ("b", b"##wfe[output b=")):
            if line.startswith(text) and line.endswith(b"]"):
                expected[name] = line[len(text) : -1].decode("utf-8", "replace")
    assert scan(*pieces) == expected
    assert scan(*(whole[at : at + 1] for at in range(len(whole)))) == expected


@pytest.mark.acceptance("SEC-08")
def test_a_marker_over_the_limit_is_an_error_that_names_it_and_not_lost_in_silence() -> None:
    fits = b"##wfe[output big=" + b"x" * (MARKER_BYTES - 18) + b"]"
    assert len(fits) == MARKER_BYTES
    assert len(scan(fits + b"\n")["big"]) == MARKER_BYTES - 18
    for end in (b"\n", b""):
        with pytest.raises(TaskProblem, match="big") as caught:
            scan(*(b"##wfe[output big=", *[b"x" * 65_536] * 17, b"]" + end))
        assert caught.value.kind == "limit"


def test_memory_stays_bounded_whatever_lines_come() -> None:
    scanner = MarkerScanner()
    for _ in range(200):
        scanner.feed(b"x" * 65_536)
    for _ in range(200):
        scanner.feed(b"##wfe[output a=" + b"y" * 65_536)
    held = sum(len(value) for value in vars(scanner).values() if isinstance(value, bytes))
    assert held <= MARKER_BYTES
    many = MarkerScanner()
    for number in range(20):
        many.feed(b"##wfe[output a%d=" % number + b"x" * 1_000_000 + b"]\n")
    with pytest.raises(TaskProblem) as caught:
        many.finish()
    assert caught.value.kind == "limit"


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(1, 30))
def test_a_tail_is_the_end_of_what_came(pieces: list[bytes], limit: int) -> None:
    tail = Tail(limit)
    for piece in pieces:
        tail.feed(piece)
    whole = b"".join(pieces)
    text = tail.text()
    if len(whole) <= limit:
        assert text == whole.decode("utf-8", "replace")
    else:
        ends = {
            whole[-size:].decode("utf-8", "replace") if size else "" for size in range(max(limit - 3, 0), limit + 1)
        }
        assert text in ends


def test_a_tail_does_not_begin_in_the_middle_of_a_character() -> None:
    tail = Tail(5)
    tail.feed("ä🎉b".encode())
    assert tail.text() == "🎉b"
    tail.feed(b"c")
    assert tail.text() == "bc"


@pytest.mark.acceptance("SHL-04")
def test_a_text_file_has_lines_of_name_and_value_and_the_last_wins() -> None:
    assert parse_text_file(b"a=1\nb = x=y\n\r\na=2\nc=\n") == {"a": "2", "b": " x=y", "c": ""}
    with pytest.raises(TaskProblem, match=r"line 2 of \$WFE_OUTPUT.*no equals") as caught:
        parse_text_file(b"a=1\nno equals\n")
    assert caught.value.kind == "type"


@pytest.mark.acceptance("SHL-04")
@pytest.mark.parametrize(
    "content", [b"{", b"[1]", b"5", b'{"a": NaN}', b'{"a": 1e999}', b"\xff", b'{"a": 18446744073709551616}']
)
def test_a_json_file_that_is_no_object_of_plain_values_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(TaskProblem, match="WFE_OUTPUT_JSON") as caught:
        parse_json_file(content)
    assert caught.value.kind == "type"


@pytest.mark.acceptance("SHL-04")
def test_a_json_file_gives_its_members_and_an_empty_one_none() -> None:
    assert parse_json_file(b' {"a": [1, {"b": null}], "c": "007"}\n') == {"a": [1, {"b": None}], "c": "007"}
    assert parse_json_file(b"\n") == {}


@pytest.mark.acceptance("SHL-05")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("true", True), ("false", False), ("null", None), ("42", 42), ("-1", -1), ("3.14", 3.14), ("0", 0)),
        *((text, text) for text in ("007", "12e3", "nan", "inf", "+5", "1.10", "1.2.3", "9007199254740993", "", " 42")),
        ("d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e"),
    ],
)
def test_an_undeclared_text_is_typed_only_where_printing_gives_it_back(text: str, value: Any) -> None:
    found = read_outputs({"x": text}, {}, ())["x"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.acceptance("SHL-05")
@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        ("string", "42", "42"),
        ("integer", "007", 7),
        ("number", "12e3", 12000.0),
        ("list<integer>", "[1, 2]", [1, 2]),
        ("bool", "true", True),
        ("string?", "null", "null"),
        ("integer?", "", None),
        ("any", "42", 42),
    ],
)
def test_a_declared_type_decides_how_a_text_is_read(type: str, text: str, value: Any) -> None:
    assert read_outputs({"x": text}, {}, (output("x", type),)) == {"x": value}


def test_json_values_are_taken_as_they_are_and_win_over_texts() -> None:
    declared = (output("a", "string"), output("b", "integer"))
    assert read_outputs({"a": "text", "b": "1"}, {"a": "42", "c": "7"}, declared) == {"a": "42", "b": 1, "c": "7"}
    assert read_outputs({"b": "unreadable"}, {"b": 2}, declared) == {"b": 2}


def test_an_output_with_a_path_is_read_where_the_path_starts() -> None:
    declared = (output("tag", "string", "image_tag"), output("port", "integer", "service", "port"))
    found = read_outputs({"image_tag": "42", "service": '{"port": 80}'}, {}, declared)
    assert found == {"image_tag": "42", "service": {"port": 80}}
    assert read_outputs({"service": "no json"}, {}, declared) == {"service": "no json"}
    both = (output("image_tag", "integer"), *declared)
    assert read_outputs({"image_tag": "42"}, {}, both) == {"image_tag": 42}

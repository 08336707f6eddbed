"""From bytes to lines and places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfe_dsl.source import MAX_SOURCE_BYTES, SourceError, SourceFile


@pytest.mark.acceptance("YML-08")
def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert SourceFile.from_bytes("a", b"\xef\xbb\xbfx: 1\n").text == "x: 1\n"
    assert SourceFile.from_text("a", "\ufeffx").lines == ("x",)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", "\x85", "\u2028", "\u2029"])
def test_every_line_end_of_yaml_ends_a_line(ending: str) -> None:
    source = SourceFile.from_text("a", f"one{ending}two{ending}")
    assert source.lines == ("one", "two", "")
    span = source.span_at(source.text.index("two") + 1, source.text.index("two") + 3)
    assert (span.line, span.column, span.end_line, span.end_column) == (2, 2, 2, 4)


@pytest.mark.acceptance("YML-08")
@pytest.mark.parametrize(
    ("data", "kind", "line", "column"),
    [
        (b"a: 1\nb: \xff\xfe\n", "encoding", 2, 4),
        (b"\xef\xbb\xbf\xc3\xa4\xff", "encoding", 1, 2),
        ("ä: 1\n".encode("latin-1"), "encoding", 1, 1),
        (b"a: \x00\n", "control", 1, 4),
        (b"a: 1\n\x1b[31m", "control", 2, 1),
        ("a: \ufeff".encode(), "control", 1, 4),
        (b"\x7f", "control", 1, 1),
    ],
)
def test_what_is_no_text_is_an_error_at_its_place(data: bytes, kind: str, line: int, column: int) -> None:
    with pytest.raises(SourceError) as caught:
        SourceFile.from_bytes("a", data)
    assert caught.value.kind == kind
    assert (caught.value.span.line, caught.value.span.column) == (line, column)


@pytest.mark.acceptance("YML-07")
def test_a_file_over_the_limit_is_refused_and_one_at_it_is_not() -> None:
    assert SourceFile.from_bytes("a", b"#" * MAX_SOURCE_BYTES).lines[0][:1] == "#"
    with pytest.raises(SourceError) as caught:
        SourceFile.from_bytes("a", b"#" * (MAX_SOURCE_BYTES + 1))
    assert caught.value.kind == "size"


@pytest.mark.parametrize(
    ("line", "text", "column", "end_column"),
    [
        ("type: list<strin>", "list<strin>", 12, 17),
        ("type: 'list<strin>'", "list<strin>", 13, 18),
        ('type: "list\\x3cstrin>"', "list<strin>", 7, 23),
    ],
)
def test_a_part_of_a_place_is_exact_where_the_text_stands_as_it_is_and_else_the_whole(
    line: str, text: str, column: int, end_column: int
) -> None:
    source = SourceFile.from_text("a", line)
    part = source.span_at(6, len(line)).part(text, 5, 10)
    assert (part.line, part.column, part.end_column) == (1, column, end_column)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_source_or_an_error_with_a_place(data: bytes) -> None:
    problem: SourceError | None = None
    try:
        source = SourceFile.from_bytes("a", data)
    except SourceError as error:
        problem, source = error, error.source
    if problem is None:
        assert "\ufeff" not in source.text
    else:
        assert 1 <= problem.span.line <= len(source.lines)
        assert 1 <= problem.span.column <= len(source.lines[problem.span.line - 1])

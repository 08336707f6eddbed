"""Masking: in which forms a value is found, and that no cut of a stream lets one through."""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfe_runtime.masking import MASK, Masker
from wfe_vm.outcome import Failure

SECRET = 'p4ss/wörd "x" +y=é'
KEY = "-----BEGIN KEY-----\n" + "\n".join(letter * 40 for letter in "abcde") + "\n-----END KEY-----\n"
FORMS = {
    "plain": SECRET,
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 of a line": base64.b64encode(SECRET.encode() + b"\n").decode(),
    "base64 for addresses": base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    "percent": urllib.parse.quote(SECRET, safe=""),
    "percent of a path": urllib.parse.quote(SECRET),
    "percent of a form": urllib.parse.quote_plus(SECRET),
    "percent in small letters": re.sub("%..", lambda found: found[0].lower(), urllib.parse.quote(SECRET, safe="")),
    "json": json.dumps(SECRET)[1:-1],
    "json in utf-8": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "json in json": json.dumps(json.dumps(SECRET))[3:-3],
}


def streamed(masker: Masker, pieces: list[bytes]) -> bytes:
    stream = masker.stream()
    return b"".join([*map(stream.feed, pieces), stream.finish()])


@pytest.mark.acceptance("SEC-03")
@pytest.mark.parametrize("form", ["plain", "base64", "base64 of a line", "percent", "json", "json in json"])
def test_every_form_of_a_value_is_masked_whole(form: str) -> None:
    assert Masker([SECRET]).text(f"<{FORMS[form]}>") == f"<{MASK}>"


@pytest.mark.parametrize("form", FORMS)
def test_nothing_of_a_form_that_could_be_read_back_is_left(form: str) -> None:
    masked = Masker([SECRET]).text(f"<{FORMS[form]}>")
    assert MASK in masked
    assert len(masked) <= len(f"<{MASK}>") + 2


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
def test_a_value_inside_of_a_longer_text_in_base64_is_masked(before: str) -> None:
    text = base64.b64encode(f"{before}{SECRET}@host".encode()).decode()
    masked = Masker([SECRET]).text(text)
    assert MASK in masked
    assert len(masked) < len(text) - len(SECRET)


def test_base64_that_is_broken_over_lines_is_masked() -> None:
    value = "".join(chr(33 + at % 90) for at in range(400))
    assert Masker([value]).raw(base64.encodebytes(value.encode())) == MASK.encode() + b"\n"
    assert b"\n" not in Masker([value]).raw(base64.b64encode(value.encode()))


@pytest.mark.acceptance("SEC-03")
@pytest.mark.parametrize("form", FORMS)
def test_a_value_that_is_cut_anywhere_is_masked_as_if_it_were_whole(form: str) -> None:
    masker, data = Masker([SECRET]), f"a{FORMS[form]}b".encode()
    whole = masker.raw(data)
    assert MASK.encode() in whole
    for at in range(len(data) + 1):
        assert streamed(masker, [data[:at], data[at:]]) == whole
    assert streamed(masker, [data[at : at + 1] for at in range(len(data))]) == whole


@given(
    st.lists(st.text("ab1=\n", min_size=4, max_size=9), min_size=1, max_size=3),
    st.lists(st.text("ab1=\n", max_size=12).map(str.encode), max_size=8),
)
def test_how_a_stream_is_cut_makes_no_difference(values: list[str], pieces: list[bytes]) -> None:
    masker = Masker(values)
    assert streamed(masker, pieces) == masker.raw(b"".join(pieces))


def test_what_can_be_no_beginning_of_a_value_is_shown_at_once() -> None:
    stream = Masker([SECRET]).stream()
    assert stream.feed(b"Continue? [y/n] ") == b"Continue? [y/n] "
    assert stream.feed(b"p4ss") == b""
    assert stream.feed(b"age\n") == b"p4ssage\n"


def test_each_long_line_of_a_value_is_masked_by_itself() -> None:
    masker = Masker([KEY])
    assert masker.text(f"  {'c' * 40}, indented") == f"  {MASK}, indented"
    assert masker.text(KEY).replace(MASK, "").strip() == ""


def test_data_is_masked_in_depth_and_other_data_is_as_it_was() -> None:
    data: dict[str, Any] = {"a": [SECRET, 1, 2.5, None, True], SECRET: {"b": f"x{SECRET}"}}
    assert Masker([SECRET]).value(data) == {"a": [MASK, 1, 2.5, None, True], MASK: {"b": f"x{MASK}"}}
    assert Masker(["123456"]).value([123456, 7]) == [MASK, 7]


def test_an_error_is_masked_with_its_causes() -> None:
    cause = Failure("exit", f"no {SECRET}", exit_code=3)
    found = Masker([SECRET]).failure(
        Failure("exit", f"bad {SECRET}", stderr=SECRET, details={"a": SECRET}, causes=[cause])
    )
    assert found == Failure(
        "exit", f"bad {MASK}", stderr=MASK, details={"a": MASK}, causes=[Failure("exit", f"no {MASK}", exit_code=3)]
    )

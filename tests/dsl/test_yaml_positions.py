"""Where an offset in a scalar's content stands in the file, for every style of scalar."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.examples import examples
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.source import SourceFile
from wfe_dsl.yaml_front.positions import span_of
from wfe_dsl.yaml_front.reader import read_yaml
from wfe_dsl.yaml_front.tree import Scalar

from .yaml_support import load, wrap

CASES = {
    "plain": "a: one MARK two\n",
    "plain over lines": "a: one\n  two MARK\n\n  three\n",
    "plain, marked line later": "a: one two\n  three\n\n\n  four MARK five\n",
    "single quotes": "a: 'it''s ''a'' MARK'\n",
    "single quotes over lines": "a: 'one\n\n  it''s two   \n   MARK'\n",
    "double quotes": 'a: "one MARK"\n',
    "double quotes with escapes": 'a: "\\t\\x41\\u00e9\\U0001F600\\n\\"MARK"\n',
    "double quotes with an escaped line end": 'a: "one \\\n   two\\\n  \\ MARK"\n',
    "double quotes over lines": 'a: "one\n\n  two\n  MARK"\n',
    "literal": "a: |\n  one\n    two\n\n  MARK three\n",
    "literal with an explicit indent": "a: |2\n    one\n  MARK\n",
    "literal, blank lines first": "a: |-\n\n\n    one\n    MARK\n",
    "folded": "a: >\n  one\n  two\n\n  MARK three\n",
    "folded with a deeper line": "a: >-\n  one\n    two\n      MARK\n  three\n",
    "folded with several blank lines": "a: >+\n  one\n\n\n  two\n  MARK\n\n",
    "wide letters before": "a: '日本 語é\u0301 MARK'\n",
    "in a list in a map": "a:\n  - b: |\n      x\n      y MARK\n",
}


def only_scalar_with_mark(text: str) -> Scalar:
    diagnostics = Diagnostics()
    root = read_yaml(SourceFile.from_text("test.yaml", text), diagnostics).root
    assert root is not None
    assert diagnostics.found == []
    value = root.get("a")
    while not isinstance(value, Scalar):
        value = value.items[0] if hasattr(value, "items") else next(iter(value.entries.values())).value
    return value


@pytest.mark.acceptance("DIA-03")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_word_in_a_scalar_is_found_where_it_stands(case: str, ending: str) -> None:
    text = CASES[case].replace("\n", ending)
    scalar = only_scalar_with_mark(text)
    start = scalar.text.index("MARK")
    span = span_of(scalar)(start, start + 4)
    line = next(number for number, line in enumerate(text.split(ending), 1) if "MARK" in line)
    column = text.split(ending)[line - 1].index("MARK") + 1
    assert (span.line, span.column, span.end_line, span.end_column) == (line, column, line, column + 4)


@settings(max_examples=examples(150), deadline=None)
@given(st.text(alphabet="ab \n'\"\\:#x", max_size=30), st.sampled_from(["'", '"', "|", ">"]))
def test_every_visible_letter_of_any_scalar_maps_to_itself(content: str, style: str) -> None:
    import yaml

    text = yaml.dump({"a": content}, default_style=style, Dumper=yaml.CSafeDumper)
    source = SourceFile.from_text("test.yaml", text)
    root = read_yaml(source, Diagnostics()).root
    assert root is not None
    scalar = root.get("a")
    if not isinstance(scalar, Scalar):  # the dumper put a tag, or chose a key of another form
        return
    find = span_of(scalar)
    for offset, letter in enumerate(scalar.text):
        span = find(offset, offset + 1)
        if letter in "ab:#x" and span != scalar.span:
            assert source.lines[span.line - 1][span.column - 1] == letter


@pytest.mark.acceptance("DIA-03", "DIA-14")
def test_a_mistake_in_an_expression_of_a_block_scalar_is_blamed_exactly() -> None:
    _, found = load(wrap("- name: a\n  config:\n    run: |\n      echo one\n      echo ${{ inputs. }} two\n"))
    assert len(found) == 1
    assert found[0].span.line == 9
    assert 18 <= found[0].span.column <= 28


@pytest.mark.acceptance("DIA-03")
def test_an_unknown_variable_in_a_folded_scalar_is_blamed_exactly() -> None:
    config = "    run: 'true'\n    working_dir: >-\n      one/\n      ((nowhere))/x\n"
    _, found = load(wrap("- name: a\n  config:\n" + config))
    assert [(one.code, one.span.line, one.span.column, one.span.end_column) for one in found] == [
        ("WFE0030", 10, 11, 22)
    ]

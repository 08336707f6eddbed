"""Formatting keeps what a text means and its comments, and a second time changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.dsl.test_text_printer import read
from tests.dsl.trees import documents
from tests.examples import examples
from wfe_dsl import nodes
from wfe_dsl.comments import Comments
from wfe_dsl.text_front import format_text, print_document, read_comments

UGLY = """\

# first
workflow   deploy version 3 "Deploy"   {
  input  env: string = "staging"   # beside

        # above
  step build = shell {
run ```
    make
      deep

    ```
    env { A = run.id ; B   "x" } }; step test = shell "make test"

}
#   last of all
"""
NEAT = """\
# first
workflow deploy version 3 "Deploy" {
  input env: string = "staging"  # beside

  # above
  step build = shell {
    run ```
      make
        deep

    ```
    env { A = run.id; B "x" } }
  step test = shell "make test"
}
#   last of all
"""


@pytest.mark.acceptance("TXT-03")
def test_layout_is_made_anew_and_comments_stay_where_they_were() -> None:
    assert format_text(UGLY, "a.wfe") == NEAT
    assert format_text(NEAT, "a.wfe") == NEAT
    assert nodes.structure(read(NEAT).workflows) == nodes.structure(read(UGLY).workflows)


@pytest.mark.acceptance("TXT-03")
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=examples(25))
@given(documents())
def test_what_is_printed_is_in_canonical_layout(document: nodes.Document) -> None:
    printed = print_document(document, Comments())
    assert format_text(printed, "a.wfe") == printed


def test_a_file_with_mistakes_is_left_as_it_is() -> None:
    broken = UGLY.replace("= shell {", "shell {")
    assert format_text(broken, "a.wfe") == broken


@pytest.mark.acceptance("TXT-03")
def test_comments_are_found_by_the_lines_they_belong_to() -> None:
    found = read_comments(UGLY)
    assert found.before == {3: ("first",), 7: ("above",)}
    assert found.beside == {4: "beside"}
    assert found.end == ("  last of all",)


@pytest.mark.acceptance("TXT-03")
def test_a_printed_tree_has_its_comments_beside_what_they_stood_at() -> None:
    printed = print_document(read(NEAT), read_comments(NEAT))
    for comment, following in (("# first", "workflow"), ("# above", "step build")):
        lines = [line.strip() for line in printed.splitlines()]
        assert lines[lines.index(comment) + 1].startswith(following)
    assert 'input env: string = "staging"  # beside' in printed
    assert printed.endswith("#   last of all\n")


@pytest.mark.acceptance("TXT-04")
def test_one_line_many_lines_and_other_line_ends_mean_the_same() -> None:
    many = 'workflow a version 1 {\n  let x = 1\n  if x == 1 {\n    step b = shell "make"\n  }\n}\n'
    one = 'workflow a version 1 { let x = 1; if x == 1 { step b = shell "make" } }'
    expected = nodes.structure(read(many).workflows)
    assert nodes.structure(read(one).workflows) == expected
    assert nodes.structure(read(many.replace("\n", "\r\n")).workflows) == expected
    assert nodes.structure(read(many.replace("  ", "\t")).workflows) == expected

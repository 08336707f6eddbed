"""Files laid out anew: one style, twice is once, nothing else changes, and comments stay where they were."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dsl.files import SOUND, YAML_FILES
from tests.dsl.ugly_yaml import ugly_yaml
from tests.examples import examples
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.source import SourceFile
from wfe_dsl.yaml_front.format import format_yaml
from wfe_dsl.yaml_front.reader import read_yaml
from wfe_dsl.yaml_front.tree import Listing, Mapping, Scalar
from wfe_dsl.yaml_front.written import read_written


def laid_out(text: str) -> str:
    return format_yaml(text, "test.yaml")


def is_sound(text: str) -> bool:
    diagnostics = Diagnostics()
    return read_yaml(SourceFile.from_text("test.yaml", text), diagnostics).root is not None and not diagnostics.found


def held(text: str) -> object:
    """Return what a text holds, keys in order."""

    def plain(node: object) -> object:
        if isinstance(node, Mapping):
            return [(key, plain(entry.value)) for key, entry in node.entries.items()]
        if isinstance(node, Listing):
            return [plain(item) for item in node.items]
        return (node.text, node.value) if isinstance(node, Scalar) else None

    return plain(read_yaml(SourceFile.from_text("test.yaml", text), Diagnostics()).root)


def comments(text: str) -> list[str]:
    return [comment.text for comment in read_written(SourceFile.from_text("test.yaml", text)).comments]


@pytest.mark.acceptance("TXT-03", "CLI-11")
@pytest.mark.parametrize("name", SOUND)
def test_every_file_of_the_repository_keeps_its_meaning_and_its_comments_and_twice_changes_nothing(name: str) -> None:
    once = laid_out(SOUND[name])
    assert laid_out(once) == once
    assert held(once) == held(SOUND[name])
    assert comments(once) == comments(SOUND[name])


@pytest.mark.acceptance("TXT-03", "CLI-11")
@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=examples(300))
def test_ugly_files_keep_their_meaning_and_their_comments_and_twice_changes_nothing(seed: int) -> None:
    text = ugly_yaml(seed)
    if not is_sound(text):
        return
    once = laid_out(text)
    assert laid_out(once) == once
    assert held(once) == held(text)
    assert sorted(comments(once)) == sorted(comments(text))


@pytest.mark.parametrize("name", [name for name in YAML_FILES if name.startswith("examples/")])
def test_the_examples_are_in_the_style_they_teach(name: str) -> None:
    assert laid_out(YAML_FILES[name]) == YAML_FILES[name]


UGLY = """\


# of the file
_base:   &base
      timeout:    30s


workflow:
    id:  "a"     # the name
    version: 1
    inputs: { b :   string,c: [ 1,2 ] }
    steps:
    # of the first
    -   name: one
        <<: *base
        config:
            run: |
                    echo one
                      echo two


            # below the script
    # of the second
    -
        # inside of it
        name: two
        retry: {  # how often
            attempts: 3,   # in all

            interval: 1s }
        config: { run:  'echo
            two' }
      # after the last step
    # deep
# out
"""
NEAT = """\
# of the file
_base: &base
  timeout: 30s

workflow:
  id: "a"  # the name
  version: 1
  inputs: {b: string, c: [1, 2]}
  steps:
    # of the first
    - name: one
      <<: *base
      config:
        run: |
          echo one
            echo two

        # below the script
    # of the second
    # inside of it
    - name: two
      retry:  # how often
        attempts: 3  # in all

        interval: 1s
      config:
        run: 'echo
          two'
  # after the last step
  # deep
# out
"""


@pytest.mark.acceptance("TXT-03")
def test_the_style() -> None:
    assert laid_out(UGLY) == NEAT
    assert laid_out(NEAT) == NEAT


def test_line_ends_and_marks_of_byte_order_become_those_of_the_style() -> None:
    assert laid_out("\ufeffworkflow:\r\n    id: a\r\n") == "workflow:\n  id: a\n"


@pytest.mark.parametrize("width", [70, 200])
def test_brackets_stay_on_one_line_where_they_fit(width: int) -> None:
    text = f"workflow:\n  id: [{'x' * width}, y]\n"
    assert (laid_out(text) == text) == (width == 70)
    assert held(laid_out(text)) == held(text)


def test_what_is_no_yaml_is_refused() -> None:
    with pytest.raises(ValueError, match="no YAML"):
        laid_out("a: [")

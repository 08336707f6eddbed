"""Expressions in shell scripts: where they may stand, and that a shell takes their values as data."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.dsl.build import span, text
from wfe_dsl import nodes
from wfe_dsl.diagnostics.model import Diagnostics
from wfe_dsl.shell_text import is_posix_shell, reference_expressions

HOSTILE = "$(touch pwned) `touch pwned` \" ' \\ ; touch pwned\n* ~ ${HOME} a[$(touch pwned)] $1 # é"
SHELLS = [shell for shell in ("sh", "bash", "dash") if shutil.which(shell)]


def referenced(script: str, shell: nodes.Expression | None = None) -> tuple[str, list[str], list[str]]:
    """Return the script, the variables and the codes of what is wrong. ``@x@`` stands for an expression."""
    pieces = script.split("@")
    source = "".join(f"${{{{ inputs.{piece} }}}}" if number % 2 else piece for number, piece in enumerate(pieces))
    diagnostics = Diagnostics()
    written, variables = reference_expressions(text(source), shell, diagnostics)
    assert all(found.help for found in diagnostics.found)
    return written, [name for name, _ in variables], [found.code for found in diagnostics.found]


def word(value: str) -> nodes.Literal:
    return nodes.Literal(span=span(), value=value)


@pytest.mark.parametrize(
    ("script", "written"),
    [
        ("@x@", '"${WFE_EXPR_1}"'),
        ("echo @x@", 'echo "${WFE_EXPR_1}"'),
        ("echo a@x@b", 'echo a"${WFE_EXPR_1}"b'),
        ('echo "a @x@ b"', 'echo "a ${WFE_EXPR_1} b"'),
        ("echo @x@ @y@ @x@", 'echo "${WFE_EXPR_1}" "${WFE_EXPR_2}" "${WFE_EXPR_1}"'),
        ("X=@x@ cmd", 'X="${WFE_EXPR_1}" cmd'),
        ('echo "$(cat @x@)"', 'echo "$(cat "${WFE_EXPR_1}")"'),
        ('echo "$(cat "@x@")"', 'echo "$(cat "${WFE_EXPR_1}")"'),
        ("echo `cat @x@`", 'echo `cat "${WFE_EXPR_1}"`'),
        ("cat <<END\nA @x@\nEND\necho @x@", 'cat <<END\nA ${WFE_EXPR_1}\nEND\necho "${WFE_EXPR_1}"'),
        ("cat <<-END\n\t@x@\n\tEND\necho '1'", "cat <<-END\n\t${WFE_EXPR_1}\n\tEND\necho '1'"),
        ("cat <<A <<'B'\n@x@\nA\n'\nB\n@x@", "cat <<A <<'B'\n${WFE_EXPR_1}\nA\n'\nB\n\"${WFE_EXPR_1}\""),
        ("cat <<< @x@", 'cat <<< "${WFE_EXPR_1}"'),
        ("echo '#' $# ${#a} a#b @x@", "echo '#' $# ${#a} a#b \"${WFE_EXPR_1}\""),
        ("case @x@ in a) echo 1;; esac", 'case "${WFE_EXPR_1}" in a) echo 1;; esac'),
        ('v=$(case a in a) echo "@x@";; esac) ', 'v=$(case a in a) echo "${WFE_EXPR_1}";; esac) '),
        ("echo it\\'s @x@", 'echo it\\\'s "${WFE_EXPR_1}"'),
        ("[[ @x@ == a ]] && (( 1 < 2 ))", '[[ "${WFE_EXPR_1}" == a ]] && (( 1 < 2 ))'),
        ("[ @x@ -eq 1 ]", '[ "${WFE_EXPR_1}" -eq 1 ]'),
        ("echo $(( 1 + $(echo @x@) ))", 'echo $(( 1 + $(echo "${WFE_EXPR_1}") ))'),
        ("f() { echo @x@; }; (f)", 'f() { echo "${WFE_EXPR_1}"; }; (f)'),
        ("echo ${A:-'}'} @x@", "echo ${A:-'}'} \"${WFE_EXPR_1}\""),
    ],
)
def test_a_reference_is_quoted_as_its_place_asks(script: str, written: str) -> None:
    found, variables, codes = referenced(script)
    assert codes == []
    assert found == written
    assert variables == [f"WFE_EXPR_{number + 1}" for number in range(len(variables))]


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("echo '@x@'", "WFE0551"),
        ("echo $'a\\'@x@'", "WFE0551"),
        ("echo 'never closed @x@", "WFE0551"),
        ("cat <<'END'\n@x@\nEND", "WFE0552"),
        ('cat <<"END"\n@x@\nEND', "WFE0552"),
        ("cat <<\\END\n@x@\nEND", "WFE0552"),
        ("echo $(( @x@ + 1 ))", "WFE0553"),
        ('echo "$(( @x@ + 1 ))"', "WFE0553"),
        ('echo $(( "@x@" + 1 ))', "WFE0553"),
        ("(( @x@ > 1 ))", "WFE0553"),
        ("if (( @x@ )); then :; fi", "WFE0553"),
        ("for ((i=0; i<@x@; i++)); do :; done", "WFE0553"),
        ("let n=@x@", "WFE0553"),
        ('let "n=@x@"', "WFE0553"),
        ("eval echo @x@", "WFE0553"),
        ("[[ @x@ -eq 1 ]]", "WFE0553"),
        ('[[ 1 -gt "@x@" ]]', "WFE0553"),
        ("[[ -v @x@ ]]", "WFE0553"),
        ("[ -v @x@ ]", "WFE0553"),
        ("test -v @x@; echo", "WFE0553"),
        ("list[@x@]=1", "WFE0553"),
        ('list["@x@"]=1', "WFE0553"),
        ("echo $[ @x@ + 1 ]", "WFE0553"),
        ("echo ${A:-@x@}", "WFE0554"),
        ('echo "${A:-@x@}"', "WFE0554"),
        ('echo ${list["@x@"]}', "WFE0554"),
        ('echo "`cat @x@`"', "WFE0554"),
        ("echo \\@x@", "WFE0554"),
        ('echo "\\@x@"', "WFE0554"),
        ("echo $@x@", "WFE0554"),
        ('echo "$@x@"', "WFE0554"),
        ("cat <<@x@\nEND", "WFE0554"),
    ],
)
def test_a_place_where_the_value_would_not_be_data_is_an_error_with_the_cure(script: str, code: str) -> None:
    assert referenced(script)[2] == [code]


def test_what_stands_in_a_comment_is_left_and_not_evaluated() -> None:
    written, variables, codes = referenced("echo @x@ # it's @y@\n# '@z@'\necho \"@x@\"")
    assert codes == []
    assert variables == ["WFE_EXPR_1"]
    assert written == 'echo "${WFE_EXPR_1}" # it\'s ${{ … }}\n# \'${{ … }}\'\necho "${WFE_EXPR_1}"'


@pytest.mark.parametrize("shell", ["sh", "/bin/bash", "dash", "zsh", "ksh"])
def test_shells_whose_quoting_is_known(shell: str) -> None:
    assert is_posix_shell(word(shell))
    command = nodes.ListExpression(span=span(), items=(word("/usr/bin/env"), word("A=1"), word(shell), word("-ec")))
    assert is_posix_shell(command)


@pytest.mark.parametrize("shell", ["python3", "fish", "pwsh", "node"])
def test_an_expression_in_a_script_for_another_program_is_an_error(shell: str) -> None:
    assert referenced("print(@x@)", word(shell))[2] == ["WFE0555"]
    assert referenced("print(1)", word(shell))[2] == []


def test_shells_whose_single_bracket_evaluates_are_held_to_more() -> None:
    assert referenced("[ @x@ -eq 1 ]", word("zsh"))[2] == ["WFE0553"]
    assert referenced("test 1 -lt @x@", word("ksh"))[2] == ["WFE0553"]


@pytest.mark.acceptance("SHL-12")
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "script",
    [
        "printf %s @x@",
        'printf %s "@x@"',
        'X=@x@; printf %s "$X"',
        'printf %s "$(printf %s @x@; printf .)" | head -c -1',
        'v=$(case a in a) printf %s "@x@";; esac); printf %s "$v"',
        "f() { printf %s @x@; }; f",
        "cat <<END | head -c -1\n@x@\nEND",
        "if [ @x@ = b ]; then :; else printf %s @x@; fi",
    ],
)
def test_a_hostile_value_arrives_verbatim_and_runs_nothing(shell: str, script: str, tmp_path: Path) -> None:
    written, variables, codes = referenced(script)
    assert codes == []
    assert "pwned" not in written
    environment = {"PATH": os.environ["PATH"], **dict.fromkeys(variables, HOSTILE)}
    done = subprocess.run([shell, "-c", written], env=environment, cwd=tmp_path, capture_output=True, check=False)
    assert done.stdout.decode() == HOSTILE, done.stderr
    assert list(tmp_path.iterdir()) == []

"""A secret in a run of the command: it reaches its step, and no byte of it is left anywhere."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from wfe_runtime.executors.deno_home import find_deno

from .conftest import Wfec, steps_of
from .files import write

SECRET = 'tr0ub4dor/é "&3"'
KEY = "k3y-" + "0123456789" * 3
MADE = "m&de by/a c<mmand=ü"
FORMS = {
    form.encode()
    for secret in (SECRET, KEY, MADE)
    for form in (
        secret,
        base64.b64encode(secret.encode()).decode()[:-4],
        base64.b64encode(b"user:" + secret.encode()).decode()[8:-4],
        quote(secret, safe=""),
        quote(secret),
        json.dumps(secret)[1:-1],
    )
}
SCRIPT = """\
    - name: script
      type: deno
      continue_on_failure: true
      config:
        env: {TOKEN: '${{ secrets.token }}'}
        script: |
          const token = Deno.env.get("TOKEN");
          console.log(token, encodeURIComponent(token), JSON.stringify([token]));
          Deno.stdout.writeSync(new TextEncoder().encode(token.slice(0, 5)));
          await new Promise((done) => setTimeout(done, 50));
          console.log(token.slice(5));
          throw new Error(`with ${token}`);
"""
LEAKY = """
workflow:
  id: leaky
  version: 1
  secrets:
    token: {env: DEPLOY_TOKEN}
    key: {file: key.txt}
    made: {command: [cat, made.txt]}
  outputs: {given: any, arguments: any, size: any}
  steps:
    - name: talk
      config:
        env: {TOKEN: '${{ secrets.token }}', KEY: '${{ secrets.key }}', MADE: '${{ secrets.made }}'}
        run: |
          cat /proc/[0-9]*/cmdline | awk '
            index($0, ENVIRON["TOKEN"]) {n++}
            END {print "arguments=" n+0}' >>"$WFE_OUTPUT"
          echo "$TOKEN" && echo "$TOKEN" >&2
          for form in "$KEY" "$MADE"; do
            echo "$form"; printf %s "$form" | base64
            export form
            python3 -c 'import json, os, urllib.parse as u; f = os.environ["form"]; print(json.dumps(f), u.quote(f))'
          done
          printf %s "$TOKEN" | cut -b1-7 | tr -d '\\n'; printf %s "$TOKEN" | cut -b8-
          printf %s "user:$TOKEN" | base64
          printf %s "${{ secrets.token }}" | base64 -w 8
          python3 -c 'import json, os; print(json.dumps(os.environ["TOKEN"]))'
          python3 -c 'import os, urllib.parse as u; print(u.quote(os.environ["TOKEN"], safe=""))'
          echo "size=${#TOKEN} ${#KEY}" >>"$WFE_OUTPUT"
          echo "##wfe[output given=<$TOKEN>]"
      outputs: [{name: given}, {name: arguments}, {name: size}]
    - name: fail
      continue_on_failure: true
      config: {run: 'cat key.txt; for i in $(seq 400); do cat key.txt >&2; done; exit 3'}
    - {name: show, when: "steps.talk.stdout contains 'no such'", config: {run: 'true'}}
"""


@pytest.fixture
def leaky(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DEPLOY_TOKEN", SECRET)
    (folder / "key.txt").write_text(KEY + "\n")
    (folder / "made.txt").write_text(MADE + "\n")
    # A host without deno starts no run that has such a step; all else is shown there, too.
    return write(folder, LEAKY if find_deno() is None else LEAKY + SCRIPT)


def leaks(text: bytes) -> list[bytes]:
    return [form for form in (*FORMS, b"0123456789") if form in text]


@pytest.mark.acceptance("SEC-03")
def test_no_form_of_a_secret_is_in_the_store_the_stream_the_log_or_a_process_list(
    folder: Path, wfec: Wfec, leaky: str
) -> None:
    result = wfec("run", leaky, "--json", "--name", "leak")
    assert result.code == 0, result
    ended = result.lines[-1]
    assert ended["outputs"] == {"given": "<***>", "arguments": 0, "size": "17 34"}
    assert "***" in result.out
    failed = next(line for line in result.lines if line["type"] == "step.ended" and line["step"] == "fail")
    assert failed["error"]["stderr"].startswith("***\n***") or failed["error"]["stderr"].startswith("\n***")
    shown = [result.out, result.err]
    for line in (
        "inspect leak --json", "inspect leak", "logs leak", "list -o json", "why leak", "graph leak --format json",
        "watch leak --plain", "search talk -o json", "export leak -o exported.db",
    ):  # fmt: skip
        told = wfec(*line.split())
        assert told.code == 0, told
        shown += [told.out, told.err]
    plain = wfec("run", leaky, "--name", "plain")
    shown += [plain.out, plain.err]
    assert wfec("search", "tr0ub4dor", "-o", "json").json["hits"] == []
    assert leaks("\n".join(shown).encode()) == []
    stored = [folder / "exported.db", *(path for path in (folder / ".wfe").rglob("*") if path.is_file())]
    assert [path.name for path in stored if path.suffix == ".db"] == ["exported.db", "wfe.db"]
    assert {path.name: leaks(path.read_bytes()) for path in stored if leaks(path.read_bytes())} == {}


def test_a_compiled_program_holds_the_name_and_not_the_value(folder: Path, wfec: Wfec, leaky: str) -> None:
    assert wfec("compile", leaky, "-o", "leaky.wfc").code == 0
    assert leaks((folder / "leaky.wfc").read_bytes()) == []
    result = wfec("run", "leaky.wfc", "--json")
    assert result.lines[-1]["outputs"]["size"] == "17 34"


def test_a_missing_secret_fails_the_step_that_needs_it_and_names_its_source(
    folder: Path, wfec: Wfec, leaky: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEPLOY_TOKEN")
    result = wfec("run", leaky)
    assert result.code == 1
    assert "token" in result.err
    assert "DEPLOY_TOKEN is not set" in result.err


def test_the_same_secrets_stand_in_all_notations(folder: Path, wfec: Wfec, leaky: str) -> None:
    hashes = {wfec("compile", leaky, "--hash").out}
    for notation, suffix in (("wfe", "wfe"), ("yaml", "yaml")):
        assert wfec("convert", leaky, "--to", notation, "-o", f"other.{suffix}").code == 0
        hashes.add(wfec("compile", f"other.{suffix}", "--hash").out)
    assert len(hashes) == 1


def test_a_plan_shows_where_a_secret_is_used(folder: Path, wfec: Wfec, leaky: str) -> None:
    assert wfec("plan", leaky).code == 0
    assert steps_of(wfec("run", leaky, "--json").lines)

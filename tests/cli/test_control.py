"""``resume``, ``retry``, ``cancel`` and ``terminate``: what they change, what they refuse, what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Start, Wfec, finish, read_until, steps_of
from .files import CHAIN, FAMILY, FLAKY, GREETING, SLOW, under_way, write

HOOKS = """
workflow:
  id: hooked
  version: 1
  on_abort: {name: tidy, config: {run: echo tidied >> ran.txt}}
  steps:
    - name: long
      config: {run: 'echo waiting; sleep 600'}
      ensure: {name: always, config: {run: echo ensured >> ran.txt}}
"""


def status(wfec: Wfec, run: str) -> str:
    return str(wfec("inspect", run, "--json").json["status"])


@pytest.mark.acceptance("CTL-06", "CLI-17")
def test_retry_runs_again_what_failed_and_only_that(folder: Path, wfec: Wfec) -> None:
    assert wfec("run", write(folder, FLAKY), "--name", "parcel").code == 1
    again = wfec("retry", "parcel", "--json")
    assert (again.code, again.lines[-1]["status"]) == (1, "failed")
    (folder / "delivered").touch()
    third = wfec("retry", "parcel", "--json")
    assert (third.code, third.lines[0]["type"], third.lines[-1]["status"]) == (0, "run.started", "succeeded")
    assert steps_of(third.lines) == [("deliver", "succeeded")]
    assert (folder / "prepared.txt").read_text() == "prepared\n"
    [_, deliver] = wfec("inspect", "parcel", "--json").json["steps"]
    assert [attempt["status"] for attempt in deliver["attempts"]] == ["failed", "failed", "succeeded"]


@pytest.mark.acceptance("CTL-06")
def test_retry_reopens_a_failed_child_and_keeps_what_it_had_done(folder: Path, wfec: Wfec) -> None:
    text = FAMILY.replace("echo working", "'echo ran >> ran.txt; [ $ITEM = 1 ] || test -e ok'").replace(
        "run: 'echo", "env: {ITEM: '${{ item }}'}, run: 'echo"
    )
    assert wfec("run", write(folder, text), "--name", "parent").code == 1
    (folder / "ok").touch()
    again = wfec("retry", "parent", "--json")
    assert (again.code, again.lines[-1]["outputs"]) == (0, {"total": 2})
    assert (folder / "ran.txt").read_text() == "ran\n" * 3


GIVEN = """
workflow:
  id: given
  version: 1
  outputs: {size: integer}
  steps:
    - {name: prepare, config: {run: echo prepared >> ran.txt}}
    - {name: measure, config: {run: exit 3}, outputs: [{name: size, type: integer}]}
    - {name: use, config: {run: 'echo "$SIZE" >> ran.txt'}}
    - return: {size: outputs.size}
"""


@pytest.mark.acceptance("CTL-09", "CLI-17")
def test_a_skipped_step_gives_its_typed_result_and_is_shown_as_supplied(folder: Path, wfec: Wfec) -> None:
    assert wfec("run", write(folder, GIVEN), "--name", "g").code == 1
    before = wfec("inspect", "g", "--json").json
    refused = wfec("retry", "g", "--skip", "measure", "--output", "size=big", "--json")
    assert (refused.code, refused.out) == (2, "")
    assert "size" in refused.err
    assert wfec("retry", "g", "--output", "size=1").code == 2
    after = wfec("inspect", "g", "--json").json
    assert {**after, "owner": None} == {**before, "owner": None}
    result = wfec("retry", "g", "--skip", "measure", "--output", "size=42", "--reason", "by hand", "--json")
    assert (result.code, result.lines[-1]["outputs"]) == (0, {"size": 42})
    assert [line["step"] for line in result.lines if line.get("supplied")] == ["measure"]
    assert (folder / "ran.txt").read_text() == "prepared\n42\n"
    found = wfec("inspect", "g", "--json").json
    measure = found["steps"][1]
    assert (measure["status"], measure["supplied"]) == ("succeeded", True)
    assert [(one["status"], one["outputs"]) for one in measure["attempts"]] == [
        ("failed", {}),
        ("succeeded", {"size": 42}),
    ]
    [asked] = found["requests"]
    assert asked["reason"].startswith("retried by ")
    assert asked["reason"].endswith(" with the result of measure supplied: by hand")
    assert "succeeded (supplied)" in wfec("inspect", "g").out


@pytest.mark.acceptance("CTL-08", "CLI-17")
def test_a_retry_from_an_earlier_step_runs_it_again_and_an_unknown_one_is_4_with_near_names(
    folder: Path, wfec: Wfec
) -> None:
    assert wfec("run", write(folder, GIVEN), "--name", "g").code == 1
    unknown = wfec("retry", "g", "--from", "prepair")
    assert (unknown.code, unknown.out) == (4, "")
    assert "prepare" in unknown.err
    assert wfec("retry", "g", "--from", "use").code == 2
    assert wfec("retry", "g", "--from", "prepare").code == 1
    assert (folder / "ran.txt").read_text() == "prepared\nprepared\n"


@pytest.mark.acceptance("CTL-10", "CLI-17")
def test_a_failed_run_goes_on_with_an_edited_file_only_where_that_is_asked_for(folder: Path, wfec: Wfec) -> None:
    assert wfec("run", write(folder, GIVEN), "--name", "g").code == 1
    edited = GIVEN.replace("exit 3", '\'echo "size=7" >> "$WFE_OUTPUT"\'').replace(
        "    - {name: use", "    - {name: more, config: {run: echo more >> ran.txt}}\n    - {name: use"
    )
    write(folder, edited)
    assert wfec("retry", "g").code == 1, "the file that was edited means nothing to the run"
    result = wfec("retry", "g", "--program", "file.yaml", "--reason", "mended", "--json")
    assert (result.code, result.lines[-1]["outputs"]) == (0, {"size": 7})
    assert (folder / "ran.txt").read_text() == "prepared\nmore\n7\n"
    found = wfec("inspect", "g", "--json").json
    assert [asked["what"] for asked in found["requests"]] == ["retry", "move", "retry"]
    assert found["requests"][1]["reason"].endswith(" with wfec to file.yaml: mended")
    assert [(step["step"], step["kind"]) for step in found["steps"]] == [
        ("prepare", "task"),
        ("measure", "task"),
        ("more", "task"),
        ("use", "task"),
        ("return-1", "return"),
    ]
    assert wfec("graph", "g").code == 0


@pytest.mark.acceptance("CTL-10", "CLI-17")
def test_a_suspended_run_is_moved_by_resume_and_what_does_not_fit_is_refused_with_the_list(
    folder: Path, wfec: Wfec
) -> None:
    assert wfec("run", write(folder, GIVEN), "--name", "g", "--until", "prepare").code == 6
    before = wfec("inspect", "g", "--json").out
    (folder / "other.yaml").write_text(GIVEN.replace("id: given", "id: other"))
    assert wfec("resume", "g", "--program", "other.yaml").code == 4
    (folder / "typed.yaml").write_text(GIVEN.replace("  outputs: {size", "  inputs: {must: string}\n  outputs: {size"))
    refused = wfec("resume", "g", "--program", "typed.yaml", "--json")
    assert (refused.code, refused.out) == (2, "")
    assert "the run was not given the input must" in refused.err
    assert wfec("inspect", "g", "--json").out == before
    write(folder, GIVEN.replace("exit 3", '\'echo "size=7" >> "$WFE_OUTPUT"\''))
    result = wfec("resume", "g", "--program", "file.yaml", "--json")
    assert (result.code, result.lines[-1]["outputs"]) == (0, {"size": 7})
    assert (folder / "ran.txt").read_text() == "prepared\n7\n"


@pytest.mark.acceptance("CTL-10", "CLI-17")
def test_a_waiting_run_is_moved_once_it_is_suspended_and_says_so_before(folder: Path, wfec: Wfec) -> None:
    text = 'workflow w version 1 {\n  wait event "go"\n  step say = shell "echo old"\n}\n'
    path = write(folder, text, "w.wfe")
    assert wfec("run", path, "--no-wait", "--name", "w").code == 6
    write(folder, text.replace("old", "new"), "w.wfe")
    refused = wfec("resume", "w", "--program", path, "--no-wait")
    assert (refused.code, "suspend it first: wfec suspend w" in refused.err) == (2, True)
    assert wfec("suspend", "w").code == 0
    assert wfec("resume", "w", "--program", path, "--no-wait").code == 6
    assert wfec("event", "go").code == 0
    assert "say | new" in wfec("resume", "w").out


@pytest.mark.acceptance("CTL-07", "CLI-17")
def test_retry_of_a_run_that_did_not_fail_is_refused_and_changes_nothing(folder: Path, wfec: Wfec) -> None:
    write(folder, CHAIN)
    wfec("run", "file.yaml", "--name", "good")
    wfec("run", "file.yaml", "--name", "half", "--until", "first")
    before = [wfec("inspect", run, "--json").out for run in ("good", "half")]
    for run in ("good", "half"):
        result = wfec("retry", run, "--json")
        assert (result.code, result.out) == (2, "")
    assert [wfec("inspect", run, "--json").out for run in ("good", "half")] == before


@pytest.mark.acceptance("CTL-01")
@pytest.mark.parametrize(("text", "code", "ended"), [(CHAIN, 0, "succeeded"), (FLAKY, 1, "failed")])
def test_resume_of_an_ended_run_says_so_and_exits_by_its_status(
    folder: Path, wfec: Wfec, text: str, code: int, ended: str
) -> None:
    wfec("run", write(folder, text), "--name", "over")
    before = wfec("inspect", "over", "--json").out
    result = wfec("resume", "over", "--json")
    assert (result.code, result.lines[-1]["status"]) == (code, ended)
    assert "nothing to resume" in result.err
    assert wfec("inspect", "over", "--json").out == before


@pytest.mark.acceptance("CTL-01", "CTL-11", "CLI-17")
def test_cancel_of_a_suspended_run_runs_its_hooks_and_again_changes_nothing(folder: Path, wfec: Wfec) -> None:
    text = HOOKS.replace("steps:\n", "steps:\n    - {name: first, config: {run: echo first}}\n")
    assert wfec("run", write(folder, text), "--until", "first", "--name", "half").code == 6
    result = wfec("cancel", "half", "--json")
    assert result.code == 0
    assert {key: result.json[key] for key in ("name", "changed", "status")} == {
        "name": "half", "changed": True, "status": "aborted",
    }  # fmt: skip
    assert (folder / "ran.txt").read_text() == "tidied\n"
    again = wfec("cancel", "half", "--json")
    assert (again.code, again.json["changed"], again.json["status"]) == (0, False, "aborted")
    assert "nothing changed" in wfec("terminate", "half").out


@pytest.mark.acceptance("CTL-11")
def test_cancel_reaches_a_run_that_another_process_has_and_waits_for_its_end(
    folder: Path, processes: Start, wfec: Wfec
) -> None:
    process = processes("run", write(folder, HOOKS), "--json", "--name", "long")
    read_until(process, under_way)
    result = wfec("cancel", "long", "--json")
    assert (result.code, result.json["changed"], result.json["status"]) == (0, True, "aborted")
    owner = finish(process)
    assert (owner.code, owner.lines[-1]["status"]) == (1, "aborted")
    assert (folder / "ran.txt").read_text() == "ensured\ntidied\n"


@pytest.mark.acceptance("CTL-03")
def test_terminate_ends_a_run_of_another_process_without_any_hook(folder: Path, processes: Start, wfec: Wfec) -> None:
    process = processes("run", write(folder, HOOKS), "--json", "--name", "long")
    read_until(process, under_way)
    result = wfec("terminate", "long", "--json")
    assert (result.code, result.json["changed"], result.json["status"]) == (0, True, "terminated")
    assert (finish(process).code, status(wfec, "long")) == (1, "terminated")
    assert not (folder / "ran.txt").exists()


def test_cancel_of_a_run_whose_process_was_killed_takes_it_over_and_ends_it(
    folder: Path, processes: Start, wfec: Wfec
) -> None:
    process = processes("run", write(folder, HOOKS), "--json", "--name", "long")
    read_until(process, under_way)
    process.kill()
    process.wait()
    result = wfec("cancel", "long")
    assert (result.code, result.out.splitlines()[-1]) == (0, "run long is aborted")
    assert (folder / "ran.txt").read_text() == "ensured\ntidied\n"


@pytest.mark.acceptance("CTL-03", "CTL-11")
@pytest.mark.parametrize(
    ("verb", "ended", "hooks"), [("cancel", "aborted", "tidied\n"), ("terminate", "terminated", "")]
)
def test_no_step_of_a_run_that_nobody_has_is_begun_only_to_be_stopped(
    folder: Path, processes: Start, wfec: Wfec, verb: str, ended: str, hooks: str
) -> None:
    once = HOOKS.replace("run: '", "run: 'echo began >> began.txt; ", 1)
    write(folder, once)
    assert wfec("start", "file.yaml", "--name", "pending").code == 0
    result = wfec(verb, "pending", "--json")
    assert (result.code, result.json["changed"], result.json["status"]) == (0, True, ended)
    assert not (folder / "began.txt").exists()
    process = processes("run", "file.yaml", "--json", "--name", "killed")
    read_until(process, under_way)
    process.kill()
    process.wait()
    assert (folder / "began.txt").read_text() == "began\n"
    result = wfec(verb, "killed", "--json")
    assert (result.code, result.json["changed"], result.json["status"]) == (0, True, ended)
    assert (folder / "began.txt").read_text() == "began\n"
    again = wfec(verb, "killed", "--json")
    assert (again.code, again.json["changed"]) == (0, False)
    assert (folder / "ran.txt").exists() == bool(hooks)
    assert not hooks or (folder / "ran.txt").read_text().endswith(hooks)


@pytest.mark.acceptance("CTL-11")
def test_a_cancel_whose_hooks_take_too_long_ends_hard_at_its_deadline(folder: Path, wfec: Wfec) -> None:
    text = HOOKS.replace("echo tidied >> ran.txt", "sleep 600").replace(
        "steps:\n", "steps:\n    - {name: first, config: {run: echo first}}\n"
    )
    wfec("run", write(folder, text), "--until", "first", "--name", "half")
    result = wfec("cancel", "half", "--deadline", "100ms", "--json")
    assert (result.code, result.json["status"]) == (0, "aborted")


def test_an_aborted_run_may_be_retried_and_a_terminated_one_may_not(folder: Path, processes: Start, wfec: Wfec) -> None:
    write(folder, SLOW)
    for run, verb in (("a", "cancel"), ("b", "terminate")):
        process = processes("run", "file.yaml", "--json", "--name", run)
        read_until(process, under_way)
        assert wfec(verb, run).code == 0
        assert finish(process).code == 1
    (folder / "go").touch()
    refused = wfec("retry", "b")
    assert (refused.code, status(wfec, "b")) == (2, "terminated")
    again = wfec("retry", "a", "--json")
    assert (again.code, again.lines[-1]["outputs"]) == (0, {"done": "yes"})
    assert (folder / "ran.txt").read_text() == "before\nbefore\nwent\nafter\n"


@pytest.mark.acceptance("CTL-01", "CTL-02", "CLI-17")
def test_suspend_lets_the_running_step_end_and_count_and_nothing_else_begin(
    folder: Path, processes: Start, wfec: Wfec
) -> None:
    process = processes("run", write(folder, SLOW), "--json", "--name", "long")
    read_until(process, under_way)
    result = wfec("suspend", "long", "--json")
    assert (result.code, result.json["changed"], result.json["status"]) == (0, True, "suspended")
    again = wfec("suspend", "long")
    assert (again.code, again.out) == (0, "run long is suspended; nothing changed\n")
    (folder / "go").touch()
    owner = finish(process)
    assert (owner.code, owner.lines[-1]["type"], owner.lines[-1]["status"]) == (6, "run.parked", "suspended")
    assert (folder / "ran.txt").read_text() == "before\nwent\n"
    [asked] = wfec("inspect", "long", "--json").json["requests"]
    assert asked["what"] == "suspend"
    assert asked["reason"].startswith("suspended by ")
    resumed = wfec("resume", "long", "--json")
    assert (resumed.code, resumed.lines[-1]["outputs"]) == (0, {"done": "yes"})
    assert (folder / "ran.txt").read_text() == "before\nwent\nafter\n"
    assert [one["what"] for one in wfec("inspect", "long", "--json").json["requests"]] == ["suspend", "resume"]


@pytest.mark.acceptance("CTL-02")
def test_suspend_of_a_run_whose_process_was_killed_runs_nothing_until_it_is_resumed(
    folder: Path, processes: Start, wfec: Wfec
) -> None:
    process = processes("run", write(folder, SLOW), "--json", "--name", "long")
    read_until(process, under_way)
    process.kill()
    process.wait()
    (folder / "go").touch()
    assert wfec("suspend", "long").out == "run long is suspended\n"
    assert (folder / "ran.txt").read_text() == "before\n"
    assert status(wfec, "long") == "suspended"
    assert wfec("resume", "long").code == 0
    assert (folder / "ran.txt").read_text() == "before\nwent\nafter\n"


@pytest.mark.acceptance("CTL-01")
def test_suspend_of_an_ended_run_changes_nothing(folder: Path, wfec: Wfec) -> None:
    wfec("run", write(folder, CHAIN), "--name", "over")
    result = wfec("suspend", "over", "--json")
    assert (result.code, result.json["changed"], result.json["status"]) == (0, False, "succeeded")


@pytest.mark.acceptance("CLI-01", "CLI-17")
@pytest.mark.parametrize("verb", ["resume", "retry", "suspend", "cancel", "terminate", "inspect", "logs"])
def test_an_unknown_run_is_4_with_near_names_and_an_ambiguous_one_2_with_the_candidates(
    folder: Path, wfec: Wfec, verb: str
) -> None:
    missing = wfec(verb, "greeting-1")
    assert missing.code == 4
    assert not (folder / ".wfe").exists()
    write(folder, GREETING)
    for _ in range(2):
        wfec("run", "file.yaml")
    unknown = wfec(verb, "greting-1")
    assert (unknown.code, unknown.out) == (4, "")
    assert "greeting-1" in unknown.err
    ambiguous = wfec(verb, "greet")
    assert (ambiguous.code, ambiguous.out) == (2, "")
    assert "greeting-1" in ambiguous.err
    assert "greeting-2" in ambiguous.err
    assert wfec(verb, "").code == 2
    assert wfec(verb, "%").code == 4


@pytest.mark.acceptance("CTL-14")
def test_a_run_is_found_by_id_name_and_beginning_and_an_exact_name_goes_before(folder: Path, wfec: Wfec) -> None:
    write(folder, GREETING)
    wfec("run", "file.yaml", "--name", "deploy-1")
    wfec("run", "file.yaml", "--name", "deploy-12")
    id = wfec("inspect", "deploy-1", "--json").json["id"]
    for reference in (id, "deploy-1", id[:-1]):
        assert wfec("inspect", reference, "--json").json["id"] == id
    assert wfec("inspect", "deploy-12", "--json").json["name"] == "deploy-12"


def test_resuming_on_a_host_that_lacks_something_changes_nothing(
    folder: Path, wfec: Wfec, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SLOW.replace("version: 1", "version: 1\n  requires: [wfe-test-tool]", 1)
    tools = folder / "tools"
    tools.mkdir()
    (tools / "wfe-test-tool").write_text("#!/bin/sh\n")
    (tools / "wfe-test-tool").chmod(0o755)
    import os

    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{tools}:{path}")
    assert wfec("run", write(folder, text), "--until", "before", "--name", "half").code == 6
    monkeypatch.setenv("PATH", path)
    result = wfec("resume", "half", "--json")
    assert (result.code, result.out) == (5, "")
    assert "wfe-test-tool" in result.err
    assert status(wfec, "half") == "suspended"

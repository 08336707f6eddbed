"""Older keys of the Rust dialect, run: what they mean shows in what the steps do."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Wfec
from .files import write

OLDER = """
workflow:
  id: older
  version: 1
  inputs: {region: string}
  outputs: {seen: string?, other: string?, slow: string?}
  steps:
    - name: build
      type: shell
      config:
        run: |
          echo building
          echo '{"report": {"size": {"lines": 7}}}' > "$WFE_OUTPUT_JSON"
      outputs: [{name: report}, {name: lines, json_path: $.report.size.lines}]
    - name: look
      type: shell
      when: {field: build.stdout, contains: building}
      inputs: [{name: place, path: .inputs.region}, {name: size, path: report, json_path: $.size.lines}, {name: lines}]
      config: {run: 'echo "seen=$PLACE/$SIZE/$LINES" >> "$WFE_OUTPUT"'}
      outputs: [{name: seen}]
    - name: pass-over
      type: shell
      when: {field: build.stdout, contains: testing}
      config: {run: 'echo "other=yes" >> "$WFE_OUTPUT"'}
      outputs: [{name: other}]
    - name: slow
      type: shell
      config: {run: sleep 60, timeout: 50ms}
      on_failure:
        name: tell
        type: shell
        config: {run: 'echo "slow=${{ error.kind }}" >> "$WFE_OUTPUT"'}
        outputs: [{name: slow}]
      continue_on_failure: true
"""


@pytest.mark.acceptance("SHL-21", "YML-22")
def test_timeout_in_config_listed_inputs_and_stdout_in_a_condition_work(folder: Path, wfec: Wfec) -> None:
    result = wfec("run", write(folder, OLDER), "--json", "-i", "region=eu")
    assert result.code == 0
    assert result.lines[-1]["outputs"] == {"seen": "eu/7/7", "other": None, "slow": "timeout"}

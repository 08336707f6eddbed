"""Starter files: small workflows that check clean and run as they are, to be changed into one's own.

A starter is a text with ``NAME`` where the workflow's id goes. A test checks and runs each.
"""

from __future__ import annotations

from typing import Final

__all__ = ["STARTERS", "starter"]

_MINIMAL: Final = """\
# wfec run NAME.yaml

workflow:
  id: NAME
  version: 1
  steps:
    - name: hello
      config: {run: echo "Hello from $WFE_STEP"}
"""

_PIPELINE: Final = """\
# Check, build, package: wfec run NAME.yaml
# What it would do:      wfec plan NAME.yaml

workflow:
  id: NAME
  version: 1
  inputs:
    release: {type: string, default: dev}
  outputs:
    artifact: string

  defaults:
    timeout: 10m

  steps:
    - name: checks
      parallel:
        fail_fast: cancel
        steps:
          - name: lint
            config: {run: echo "lint is clean"}
          - name: test
            config: {run: echo "tests pass"}
            retry: {attempts: 2, interval: 1s}

    - name: build
      config:
        run: |
          echo "building $RELEASE"
          echo "##wfe[output artifact=app-$RELEASE.tar.gz]"
      outputs: [{name: artifact, type: string}]
      on_failure:
        - name: report
          config: {run: echo "the build failed"}

    - name: publish
      when: inputs.release != 'dev'
      config: {run: echo "publishing $ARTIFACT"}

    - return: {artifact: outputs.artifact}
"""

_BUSINESS: Final = """\
# An order, from the check to the confirmation: wfec run NAME.yaml -i order=A-17 -i amount=250

workflow:
  id: NAME
  version: 1
  inputs:
    order: {type: string, default: A-1}
    amount: {type: number, default: 100}
    items: {type: list<string>, default: [book, pen]}
  outputs:
    status: string
    parcels: list<any>

  steps:
    - name: charge
      # The same over all attempts, and after a crash: who is charged twice with one key is charged once.
      config: {run: echo "charging $AMOUNT for $ORDER under $WFE_IDEMPOTENCY_KEY"}
      retry: {attempts: 5, interval: 2s, backoff: 2, max_interval: 1m}
      timeout: 30s

    - if: inputs.amount > 1000
      then:
        - name: tell-sales
          config: {run: echo "$ORDER is a large order"}

    - name: parcels
      for_each: inputs.items
      limit: 2
      collect: {parcels: steps.pack.output.parcel}
      do:
        - name: pack
          config:
            env: {ITEM: "${{ item }}"}
            run: echo "##wfe[output parcel=$ORDER/$ITEM]"
          outputs: [{name: parcel, type: string}]

    - name: confirm
      config: {run: echo "confirmed $ORDER"}
      on_failure:
        - name: refund
          config: {run: echo "refunding $AMOUNT"}

    - return: {status: "'confirmed'", parcels: vars.parcels}
"""

STARTERS: Final = {"pipeline": _PIPELINE, "business": _BUSINESS, "minimal": _MINIMAL}
"""The text of each kind."""


def starter(kind: str, name: str) -> str:
    """Return the file of a workflow of that name. ``kind`` is one of STARTERS."""
    return STARTERS[kind].replace("NAME", name)

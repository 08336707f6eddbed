"""Keys that people write who come from other systems, and how this one says it.

One table: by place, as ``check_keys`` calls it, and key. What stands here is certain enough to be said in place of the
nearest key, which would be a guess by letters. The second of a pair is the key that was meant, if it is of that place.
"""

from __future__ import annotations

from typing import Final

__all__ = ["OTHER_TYPES", "SINGLE_STEP", "other_key"]

Row = tuple[str, str]


def _rows(help: str, meant: str, *keys: str) -> dict[str, Row]:
    return dict.fromkeys(keys, (help, meant))


JOBS: Final = "its parts are `steps:` of a workflow, one after another; what may run at once stands in `parallel:`"
TRIGGERS: Final = "runs are started by `wfec run`, or by the workflow's `schedule:`; events are for a `wait:` in a run"

OTHER_KEYS: Final[dict[str, dict[str, Row]]] = {
    "a file": {
        **_rows(JOBS, "", "jobs", "tasks", "stages", "pipeline", "dag"),
        **_rows(TRIGGERS, "", "on", "triggers", "trigger"),
    },
    "a workflow": {
        **_rows(JOBS, "steps", "jobs", "tasks", "stages", "pipeline", "dag"),
        **_rows(TRIGGERS, "", "on", "triggers", "trigger"),
        **_rows("write `inputs: {name: type}`", "inputs", "params", "parameters", "arguments", "variables"),
        **_rows("write `schedule: [{cron: '0 4 * * *'}]`", "schedule", "cron"),
        **_rows("write `ensure: [steps]`", "ensure", "finally", "always"),
    },
    "a step": {
        **_rows("there are no actions: write what it does as `config: {run: make}`", "config", "uses"),
        **_rows(
            "steps run one after another, in the order of the file; what may run at once stands in `parallel:`",
            "",
            *("needs", "depends_on", "depends-on", "dependsOn", "dependencies", "depends", "after", "runs_after"),
        ),
        **_rows("write `name: build`", "name", "id", "step", "label"),
        **_rows("a matrix is a step of its own: `matrix: {os: [debian, alpine]}` with `do: [steps]`", "", "strategy"),
        **_rows(
            "write `continue_on_failure: true`",
            "continue_on_failure",
            *("continue-on-error", "continue_on_error", "continueOnError", "allow_failure", "ignore_errors"),
        ),
        **_rows(
            "write `timeout: 5m`",
            "timeout",
            *("timeout-minutes", "timeout_minutes", "timeout_seconds", "timeoutSeconds", "start_to_close_timeout"),
        ),
        **_rows("write `total_timeout: 1h`", "total_timeout", "schedule_to_close_timeout", "deadline"),
        **_rows(
            "write `retry: {attempts: 3, interval: 5s}`",
            "retry",
            *("retries", "max_retries", "max_attempts", "retry_policy", "retryPolicy", "retry_delay_seconds"),
        ),
        **_rows("write `when: inputs.live`", "when", "condition", "only_if", "only", "unless", "rules"),
        **_rows(
            "the steps of a loop stand under `do:`, those of an `if` under `then:`, those of a block under its own key",
            "do",
            *("steps", "body", "tasks"),
        ),
        **_rows(
            "what follows a failure stands under `on_failure:` of the step, what comes in any case under `ensure:`",
            "",
            *("try", "catch", "except", "rescue", "finally", "always", "after_script"),
        ),
        **_rows(
            "write `wait: {event: paid}`",
            "wait",
            *("wait_for", "waitFor", "wait_for_event", "wait_for_signal", "signal", "await", "wait_until"),
        ),
        **_rows("write `publish: {event: paid}`", "publish", "emit", "send", "event", "send_event", "notify"),
        **_rows("write `for_each: LIST` with `do: [steps]`", "for_each", "for", "foreach", "loop", "with_items"),
        **_rows("write `compensate: [steps]`", "compensate", "compensation", "rollback", "undo", "revert"),
        **_rows("write `inputs: {name: expression}`", "inputs", "with", "args", "arguments", "params", "parameters"),
        **_rows("write `sleep: 30s`", "sleep", "delay", "pause"),
        **_rows("write `config: {run: make}`", "config", "cmd", "bash", "sh", "exec", "execute"),
    },
    "`retry`": {
        **_rows(
            "write `attempts: 3`, the first included",
            "attempts",
            *("max_attempts", "maximum_attempts", "maxAttempts", "count", "times", "max_retries", "retries", "limit"),
        ),
        **_rows(
            "write `interval: 5s`",
            "interval",
            *("delay", "wait", "initial_interval", "initialInterval", "delay_seconds", "delay_ms", "initial_delay"),
        ),
        **_rows(
            "write `backoff: 2`",
            "backoff",
            *("factor", "multiplier", "backoff_coefficient", "backoffCoefficient", "backoff_factor", "exponential"),
        ),
        **_rows("write `max_interval: 1m`", "max_interval", "max_delay", "maximum_interval", "maximumInterval"),
    },
    "`wait`": {
        **_rows("write `event: paid`", "event", "signal", "name", "for", "topic"),
        **_rows("write `key: order-7`", "key", "id", "correlation", "correlation_id", "correlation_key", "filter"),
    },
    "`publish`": {
        **_rows("write `event: paid`", "event", "signal", "name", "topic"),
        **_rows("write `data: {amount: 5}`", "data", "payload", "body", "message", "value"),
    },
    "`approve`": {
        **_rows("write `title: Ship it?`", "title", "question", "message", "prompt", "text"),
        **_rows("write `assignees: [ops]`", "assignees", "approvers", "reviewers", "users", "by"),
        **_rows("write `options: [ship, hold]`", "options", "choices", "answers"),
    },
    "`concurrency`": {
        **_rows("write `on_full: cancel_running`", "on_full", "cancel-in-progress", "cancel_in_progress"),
        **_rows("write `limit: 2`", "limit", "max", "slots", "max_runs", "max_parallel"),
        **_rows("write `group: deploy`", "group", "name", "key", "id"),
    },
    "an entry of `schedule`": {
        **_rows("write `timezone: Europe/Berlin`", "timezone", "tz", "zone"),
        **_rows("write `cron: '0 4 * * *'`", "cron", "expression", "schedule", "at", "every"),
        **_rows("write `missed: skip`", "missed", "catchup", "catch_up", "misfire"),
    },
}

DECLARATION: Final[dict[str, Row]] = {
    **_rows("what may be left out has a `default`, or a type that ends with `?`", "type", "required", "optional"),
    **_rows("write `enum: [test, live]`", "enum", "options", "choices", "values", "allowed"),
}
"""Of an input or output, whose place has its name."""

OTHER_TYPES: Final[dict[str, str]] = {
    **dict.fromkeys(("bash", "sh", "zsh"), "write `type: shell`, and `shell: bash` in its config"),
    **dict.fromkeys(("command", "cmd", "exec", "script", "run"), "write `type: shell`"),
    **dict.fromkeys(("docker", "podman", "image"), "write `type: container`"),
    **dict.fromkeys(("javascript", "typescript", "js", "ts", "node"), "write `type: deno`"),
    **dict.fromkeys(("function", "py", "python3", "task"), "write `type: python`"),
    **dict.fromkeys(("subworkflow", "sub_workflow", "sub-workflow", "child", "call"), "write `type: workflow`"),
    **dict.fromkeys(("http", "https", "request", "webhook"), "ask with `curl` in a `shell` step, or in `python`"),
}

SINGLE_STEP: Final[dict[str, str]] = {
    "if": "the condition of a single step is `when:`; the steps of an `if` stand under `then:`",
    **dict.fromkeys(("for_each", "matrix", "while", "until"), "what is done in each pass stands under `do:`"),
}
"""Kinds that stand beside a task's ``type`` or ``config``, and what was meant."""


def other_key(place: str, key: str) -> Row | None:
    """Return how a key of another system is said here, and the key that was meant; None for one of no other system."""
    rows = DECLARATION if place.startswith("the declaration of ") else OTHER_KEYS.get(place)
    return None if rows is None else rows.get(key)

"""Rows of the catalogue: secrets (0480 to 0483).

Each row is what ``codes.Code`` takes: code, severity, title, why, an example that is wrong and one that is right.
"""

from __future__ import annotations

from typing import Final

from .rows_names import Row, workflow_example

__all__ = ["SECRET_ROWS"]


def _pushes(config: str, secrets: str = "{token: {env: DEPLOY_TOKEN}}") -> str:
    """Return a workflow with a secret and a step of this configuration."""
    return workflow_example(f"secrets: {secrets}\nsteps:\n  - {{name: push, {config}}}")


_RIGHT: Final = _pushes("config: {run: make push, env: {TOKEN: '${{ secrets.token }}'}}")

SECRET_ROWS: Final[tuple[Row, ...]] = (
    (
        "WFE0480",
        "error",
        "An unknown secret",
        "A path that begins with `secrets` names a secret that the workflow declares, with the place it comes from.",
        _pushes("config: {run: make push, env: {TOKEN: '${{ secrets.tokn }}'}}"),
        _RIGHT,
    ),
    (
        "WFE0481",
        "error",
        "A secret where nothing may know it",
        "A secret is given to the task that names it, whole or inside of a text, and is in no state, log or "
        "condition. An expression that looked at it would have to be kept with what it found.",
        _pushes("config: {run: make push, env: {TOKEN: '${{ upper(secrets.token) }}'}}"),
        _RIGHT,
    ),
    (
        "WFE0482",
        "error",
        "A secret in the arguments of a process",
        "The arguments of a process can be read by every user of the host. An environment can be read by its own "
        "user alone.",
        _pushes("type: container, config: {image: curl, command: [curl, -u, '${{ secrets.token }}', example.com]}"),
        _pushes(
            "type: container, config: {image: curl, run: 'curl -u \"$TOKEN\" example.com', "
            "env: {TOKEN: '${{ secrets.token }}'}}"
        ),
    ),
    (
        "WFE0483",
        "error",
        "A secret that comes from nowhere, or from several places",
        "A secret is a variable of the engine's environment, a file or what a command prints: exactly one of `env`, "
        "`file` and `command`.",
        _pushes("config: {run: make push, env: {TOKEN: '${{ secrets.token }}'}}", "{token: {}}"),
        _RIGHT,
    ),
)

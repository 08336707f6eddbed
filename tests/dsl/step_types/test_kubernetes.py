"""The step types `kubernetes` and `k8s`: a pod that does one thing."""

from __future__ import annotations

import pytest

from .support import everywhere, mistakes

TYPES = ["kubernetes", "k8s"]


@everywhere
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("config", ["{image: debian}"])
def test_the_least_valid_forms_pass(type: str, config: str) -> None:
    assert mistakes(type, config) == []


@everywhere
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(
    "config",
    [
        "{image: debian, command: [make, all], env: {A: b}, working_dir: /src, namespace: ci, kubeconfig: ./config}",
        "{image: debian, run: make, shell: bash, memory: 512Mi, cpu: 500m, pull_policy: Always, timeout: 5m}",
    ],
)
def test_every_key_is_taken(type: str, config: str) -> None:
    assert mistakes(type, config) == []


@everywhere
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(
    ("config", "code"),
    [
        ("", "WFE0102"),
        ("{run: x}", "WFE0502"),
        ("{image: [a]}", "WFE0103"),
        ("{image: debian, cpu: many}", "WFE0103"),
        ("{image: debian, memory: lots}", "WFE0506"),
        ("{image: debian, env: [A]}", "WFE0103"),
        ("{image: debian, command: []}", "WFE0502"),
        ("{image: debian, namspace: ci}", "WFE0101"),
        ("{image: debian, timeout: long}", "WFE0115"),
    ],
)
def test_a_mistake_is_one_error(type: str, config: str, code: str) -> None:
    assert mistakes(type, config) == [code]

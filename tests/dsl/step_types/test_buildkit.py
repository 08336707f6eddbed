"""The step type `buildkit`: the build of an image."""

from __future__ import annotations

import pytest

from .support import everywhere, mistakes


@everywhere
@pytest.mark.parametrize("config", ["{dockerfile: Dockerfile, context: .}", "{dockerfile: Dockerfile, input: source}"])
def test_the_least_valid_forms_pass(config: str) -> None:
    assert mistakes("buildkit", config) == []


@everywhere
@pytest.mark.parametrize(
    "config",
    [
        "{dockerfile: D, context: ., target: final, tags: [a, b], push: true, build_args: {V: 1}}",
        "{dockerfile: D, context: ., push: false}",
        "{dockerfile: D, context: ., cache_from: [x], cache_to: [y], output_type: oci, output_dest: out.tar}",
        "{dockerfile: D, input: src, inputs: {source: /src}, buildkit_addr: 'tcp://b:1234', tls: {ca: a}}",
        "{dockerfile: D, context: ., timeout: 30m}",
        "{dockerfile: D, context: ., registry_auth: {r.example.com: {username: u, password: p}}}",
        "{dockerfile: D, context: ., output_type: image}",
        "{dockerfile: D, context: ., output_type: docker}",
        "{dockerfile: D, context: ., output_type: local}",
        "{dockerfile: D, context: ., output_type: tar}",
    ],
)
def test_every_key_is_taken(config: str) -> None:
    assert mistakes("buildkit", config) == []


@everywhere
@pytest.mark.parametrize(
    ("config", "code"),
    [
        ("", "WFE0102"),
        ("{context: .}", "WFE0502"),
        ("{dockerfile: D}", "WFE0503"),
        ("{dockerfile: D, contxt: .}", "WFE0101"),
        ("{dockerfile: D, context: ., push: true}", "WFE0505"),
        ("{dockerfile: D, context: ., tags: app}", "WFE0103"),
        ("{dockerfile: D, context: ., tags: [a], push: maybe}", "WFE0103"),
        ("{dockerfile: D, context: ., output_type: zip}", "WFE0117"),
        ("{dockerfile: D, context: ., build_args: [V=1]}", "WFE0103"),
        ("{dockerfile: D, context: ., tls: {cafile: a}}", "WFE0101"),
        ("{dockerfile: D, context: ., registry_auth: {r: u}}", "WFE0103"),
        ("{dockerfile: D, context: ., cache_to: x}", "WFE0103"),
        ("{dockerfile: D, context: ., timeout: long}", "WFE0115"),
    ],
)
def test_a_mistake_is_one_error(config: str, code: str) -> None:
    assert mistakes("buildkit", config) == [code]

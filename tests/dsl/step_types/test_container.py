"""The step types `container` and, as the Rust dialect has it, `containerd`: a program in a container."""

from __future__ import annotations

import pytest

from .support import config_of, everywhere, mistakes

TYPES = ["container", "containerd"]


@everywhere
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(
    "config", ["{image: debian, run: make}", "{image: debian, command: [make]}", "{image: debian, command: make}"]
)
def test_the_least_valid_forms_pass(type: str, config: str) -> None:
    assert mistakes(type, config) == []


@everywhere
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize(
    "config",
    [
        "{image: 'app:${{ inputs.region }}', command: [make, '${{ inputs.region }}'], env: {A: b}, working_dir: /src}",
        "{image: debian, run: make, volumes: [{source: /a, target: /b, readonly: true}, {source: c, target: /d}]}",
        "{image: debian, run: make, user: '65534:65534', network: none, memory: 512m, cpu: 0.5, pull: if-not-present}",
        "{image: debian, run: make, user: 1000, network: host, memory: 1GiB, cpu: '2', pull: always}",
        "{image: debian, run: make, network: bridge, cpu: 500m, pull: never, cli: podman, timeout: 5m}",
        "{image: debian, run: make, inputs: {source: /src}}",
        "{image: debian, run: make, registry_auth: {registry.example.com: {username: u, password: p}}}",
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
        ("{image: debian}", "WFE0503"),
        ("{image: debian, run: x, command: [y]}", "WFE0504"),
        ("{image: [a], run: x}", "WFE0103"),
        ("{image: debian, run: x, network: internet}", "WFE0117"),
        ("{image: debian, run: x, pull: sometimes}", "WFE0117"),
        ("{image: debian, run: x, volumes: [{source: a}]}", "WFE0502"),
        ("{image: debian, run: x, volumes: [{target: /a}]}", "WFE0502"),
        ("{image: debian, run: x, volumes: [{source: a, target: /b, ro: true}]}", "WFE0101"),
        ("{image: debian, run: x, volumes: {a: b}}", "WFE0103"),
        ("{image: debian, run: x, volumes: [{source: a, target: /b, readonly: often}]}", "WFE0103"),
        ("{image: debian, run: x, cpu: many}", "WFE0103"),
        ("{image: debian, run: x, memory: lots}", "WFE0506"),
        ("{image: debian, command: []}", "WFE0502"),
        ("{image: debian, run: x, env: [A]}", "WFE0103"),
        ("{image: debian, run: x, registry_auth: {r: {user: u}}}", "WFE0101"),
        ("{image: debian, run: x, timeout: long}", "WFE0115"),
        ("{imgae: debian, run: x}", "WFE0101"),
    ],
)
def test_a_mistake_is_one_error(type: str, config: str, code: str) -> None:
    assert mistakes(type, config) == [code]


@everywhere
def test_the_address_and_the_certificates_of_a_containerd_are_its_own() -> None:
    keys = "containerd_addr: unix:///run/c.sock, cli: nerdctl, tls: {ca: a, cert: b, key: c}"
    assert mistakes("containerd", f"{{image: debian, run: make, {keys}}}") == []
    assert mistakes("containerd", "{image: debian, run: make, tls: {cert: b, keys: c}}") == ["WFE0101"]
    assert mistakes("container", "{image: debian, run: make, containerd_addr: x}") == ["WFE0101"]


def test_volumes_and_credentials_keep_their_shape() -> None:
    config = "{image: i, run: x, volumes: [{source: a, target: b}], registry_auth: {r: {username: u}}}"
    assert config_of("container", config) == (
        '{image: "i", run: "x", volumes: [{source: "a", target: "b"}], registry_auth: {r: {username: "u"}}}'
    )


def test_an_expression_may_stand_for_any_text() -> None:
    assert config_of("container", "{image: 'app:${{ inputs.region }}', command: ['${{ inputs.region }}', b]}") == (
        '{image: text("app:", inputs.region), command: [inputs.region, "b"]}'
    )

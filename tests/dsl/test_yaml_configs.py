"""The configuration of each step type: the least that is valid, what is missing, and the Rust dialect."""

from __future__ import annotations

import pytest

from wfe_dsl import nodes
from wfe_dsl.yaml_front.step_types import STEP_TYPES

from .yaml_support import codes, first_step, load, read_ok, show, wrap

LEAST = {
    "shell": "{run: make}",
    "deno": "{script: x}",
    "python": "{call: 'm:f'}",
    "workflow": "{workflow: child}",
    "container": "{image: i, run: x}",
    "containerd": "{image: i, command: [a, b]}",
    "buildkit": "{dockerfile: Dockerfile, context: .}",
    "kubernetes": "{image: i}",
    "k8s": "{image: i}",
    "git-repo": "{run: 'https://example.com/r.git'}",
}


def step(type: str, config: str) -> str:
    return wrap(f"- {{name: t, type: {type}, config: {config}}}")


def config_of(type: str, config: str, keys: str = "inputs: {x: any}") -> str:
    body = first_step(f"- {{name: t, type: {type}, config: {config}}}", keys).body
    assert isinstance(body, nodes.Task)
    return show(body.config)


@pytest.mark.acceptance("YML-21")
@pytest.mark.parametrize("type", STEP_TYPES)
def test_the_least_valid_config_of_each_type_passes(type: str) -> None:
    body = first_step(f"- {{name: t, type: {type}, config: {LEAST.get(type, '{}')}}}").body
    assert isinstance(body, nodes.Task)
    assert body.type == type
    if not STEP_TYPES[type].has_required:
        read_ok(wrap(f"- {{name: t, type: {type}}}"))


@pytest.mark.acceptance("YML-21")
@pytest.mark.parametrize(
    ("type", "config", "code"),
    [
        ("shell", "{}", "WFE0503"),
        ("shell", "{run: x, file: y}", "WFE0504"),
        ("shell", "{run: [x]}", "WFE0103"),
        ("shell", "{run: }", "WFE0103"),
        ("shell", "{run: x, env: [A=1]}", "WFE0103"),
        ("shell", "{run: x, env: {A: [1]}}", "WFE0103"),
        ("shell", "{run: x, timeout: soon}", "WFE0115"),
        ("shell", "{run: x, shell: []}", "WFE0502"),
        ("shell", "{run: x, image: i}", "WFE0101"),
        ("deno", "{}", "WFE0503"),
        ("deno", "{script: x, file: y}", "WFE0504"),
        ("deno", "{script: x, permissions: {ffi: true}}", "WFE0101"),
        ("deno", "{script: x, permissions: {net: true}}", "WFE0103"),
        ("deno", "{script: x, permissions: {import: true, dynamic_import: true}}", "WFE0504"),
        ("deno", "{script: x, permissions: [net]}", "WFE0103"),
        ("deno", "{script: x, modules: lodash}", "WFE0103"),
        ("deno", "{script: x, memory: lots}", "WFE0506"),
        ("python", "{}", "WFE0502"),
        ("workflow", "{}", "WFE0502"),
        ("workflow", "{workflow: a b}", "WFE0113"),
        ("workflow", "{workflow: a, version: one}", "WFE0103"),
        ("workflow", "{workflow: a, version: 1, workflow_version: 1}", "WFE0504"),
        ("workflow", "{workflow: '${{ inputs.x }}'}", "WFE0031"),
        ("workflow", "{workflow: a, detach: later}", "WFE0103"),
        ("container", "{run: x}", "WFE0502"),
        ("container", "{image: i}", "WFE0503"),
        ("container", "{image: i, run: x, command: [y]}", "WFE0504"),
        ("container", "{image: i, run: x, network: internet}", "WFE0117"),
        ("container", "{image: i, run: x, pull: sometimes}", "WFE0117"),
        ("container", "{image: i, run: x, volumes: [{source: a}]}", "WFE0502"),
        ("container", "{image: i, run: x, cpu: many}", "WFE0103"),
        ("buildkit", "{context: .}", "WFE0502"),
        ("buildkit", "{dockerfile: D}", "WFE0503"),
        ("buildkit", "{dockerfile: D, context: ., push: true}", "WFE0505"),
        ("buildkit", "{dockerfile: D, context: ., output_type: zip}", "WFE0117"),
        ("kubernetes", "{run: x}", "WFE0502"),
        ("k8s", "{run: x}", "WFE0502"),
        ("git-repo", "{}", "WFE0503"),
        ("cargo-build", "{featurs: [a]}", "WFE0101"),
        ("cargo-build", "{release: maybe}", "WFE0103"),
    ],
)
def test_a_mistake_in_a_config_is_one_error(type: str, config: str, code: str) -> None:
    assert [found for found, _ in codes(step(type, config))] == [code]


def test_native_code_is_refused_by_name() -> None:
    _, found = load(step("deno", "{script: x, permissions: {ffi: true}}"))
    assert (found[0].help, found[0].span.column) == ("native code can't be permitted", 63)


@pytest.mark.parametrize("memory", ["256MiB", "1GiB", "512m", "2g", "64k", "1048576", "1.5GiB"])
def test_sizes_of_memory_are_kept_as_written(memory: str) -> None:
    assert config_of("deno", f"{{script: x, memory: {memory}}}") == f'{{script: "x", memory: "{memory}"}}'


def test_older_spellings_get_their_newer_name() -> None:
    assert config_of("workflow", "{workflow: a, workflow_version: 2}") == '{workflow: "a", version: 2}'
    assert config_of("deno", "{script: x, permissions: {dynamic_import: true, run: [git]}}") == (
        '{script: "x", permissions: {import: true, run: ["git"]}}'
    )
    assert config_of("git-repo", "{script: 'https://example.com/r.git'}") == '{run: "https://example.com/r.git"}'


def test_a_sub_workflows_inputs_may_stand_on_the_step_or_in_its_config_but_not_in_both() -> None:
    one = first_step("- {name: t, type: workflow, config: {workflow: a, inputs: {p: inputs.x}}}", "inputs: {x: any}")
    other = first_step("- {name: t, type: workflow, inputs: {p: inputs.x}, config: {workflow: a}}", "inputs: {x: any}")
    assert one.inputs is not None
    assert other.inputs is not None
    assert [(name, show(value)) for name, _, value in one.inputs] == [("p", "inputs.x")]
    assert [(name, show(value)) for name, _, value in other.inputs] == [("p", "inputs.x")]
    assert isinstance(one.body, nodes.Task)
    assert show(one.body.config) == '{workflow: "a"}'
    both = "- {name: t, type: workflow, inputs: {p: 1}, config: {workflow: a, inputs: {p: 2}}}"
    assert [code for code, _ in codes(wrap(both))] == ["WFE0504"]


def test_an_expression_may_stand_for_any_text_map_or_list() -> None:
    assert config_of("container", "{image: 'app:${{ inputs.x }}', command: ['${{ inputs.x }}', b]}") == (
        '{image: text("app:", inputs.x), command: [inputs.x, "b"]}'
    )
    assert config_of("shell", "{run: x, env: '${{ inputs.x }}'}") == '{run: "x", env: inputs.x}'


RUST_FILES = {
    "least": """
workflow:
  id: first
  version: 1
  name: First
  description: The first
  error_behavior: {type: retry, interval: 10s, max_retries: 2}
  inputs: {region: string, count: number}
  outputs: {image: string}
  steps:
    - name: build
      type: shell
      config: {run: make, shell: bash, env: {A: b}, timeout: 5m, working_dir: /src, inputs: {source: /src}}
      inputs: [{name: region}, {name: n, path: inputs.count}, {name: deep, json_path: $.build.n}]
      outputs: [{name: image}, {name: digest, path: image.digest}]
      when: {all: [{field: .inputs.region, equals: eu}, {not: {field: inputs.count, gt: 5}}]}
      error_behavior: {type: suspend}
      on_success: {name: tell, type: shell, config: {file: tell.sh}}
      on_failure: {name: cry, type: shell, config: {run: echo no}}
      ensure: {name: clean, type: shell, config: {run: rm -rf out}}
""",
    "types": """
definitions:
  toolchain: &toolchain {toolchain: stable, timeout: 10m}
workflows:
  - id: all
    version: 2
    steps:
      - name: side-by-side
        parallel:
          - {name: clone, type: git-repo, config: {run: 'https://example.com/r.git', branch: main, depth: 1}}
          - {name: rust, type: rust-install, config: {<<: *toolchain, components: [clippy], profile: minimal}}
          - {name: target, type: rustup-target, config: {targets: [x86_64-unknown-linux-musl]}}
      - {name: check, type: cargo-clippy, config: {package: p, features: [a], all_features: false, extra_args: [-q]}}
      - {name: cover, type: cargo-llvm-cov, config: {output_dir: cov, env: {RUSTFLAGS: -Cx}}}
      - name: script
        type: deno
        config:
          script: |
            const n = inputs().n;
            output("m", `${n}`);
          permissions: {net: [example.com], read: [.], write: [out], env: [HOME], run: true, dynamic_import: false}
          modules: ["npm:lodash@4"]
      - name: image
        type: buildkit
        config: {dockerfile: D, input: src, tags: [a], push: true, build_args: {V: 1}, output_type: oci, cache_to: [x]}
      - name: inside
        type: containerd
        config:
          image: alpine
          run: make
          volumes: [{source: /a, target: /b, readonly: true}]
          user: "65534:65534"
          network: none
          pull: if-not-present
          containerd_addr: unix:///run/c.sock
          tls: {ca: a, cert: b, key: c}
          registry_auth: {registry.example.com: {username: u, password: p}}
          memory: 512m
          cpu: "0.5"
      - {name: pod, type: k8s, config: {image: i, command: [a], namespace: n, pull_policy: Always, cpu: 500m}}
      - {name: child, type: workflow, config: {workflow: other, workflow_version: 3}, outputs: [{name: r}]}
""",
}


@pytest.mark.acceptance("YML-22")
@pytest.mark.parametrize("name", RUST_FILES)
def test_files_of_the_rust_dialect_load_unchanged(name: str) -> None:
    assert read_ok(RUST_FILES[name]).workflows


def test_volumes_permissions_and_credentials_keep_their_shape() -> None:
    registry = "registry_auth: {r: {username: u}}"
    shown = config_of("container", f"{{image: i, run: x, volumes: [{{source: a, target: b}}], {registry}}}")
    assert '[{source: "a", target: "b"}]' in shown
    assert '{r: {username: "u"}}' in shown

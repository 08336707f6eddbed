"""The step types that the compiler knows, and the keys of their ``config``: one table.

A row says what a key holds; rules say which keys go together. A type for which a host has no executor is
here all the same: its files are checked, and the run is refused by name where it would start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

__all__ = ["MAP", "MEMORY", "STEP_TYPES", "Key", "StepType"]


_EXAMPLES: Final = {"run": "make", "script": "output('answer', 42)", "command": "[make, all]"}


class Key(msgspec.Struct, frozen=True):
    """What a key of a ``config`` holds.

    ``kind``: ``text``; ``script`` (another language: only variables are put in); ``run`` (a shell script);
    ``command`` (a text or a list); ``texts`` (a list); ``texts_or_all`` (a list or ``true``); ``map`` (names to
    texts); ``flag``; ``integer``; ``number``; ``memory``; ``choice`` (one of ``choices``); ``name`` and
    ``version`` (of a workflow, known now); ``timeout``; ``expressions``; ``table`` (its own ``keys``); ``tables``
    (a list of such); ``named_tables`` (names to such). ``example`` is a value, where a help shows one.
    """

    kind: str
    required: bool = False
    choices: tuple[str, ...] = ()
    keys: Mapping[str, Key] = {}
    example: str = ""

    def shown(self, name: str) -> str:
        """Return how the key ``name`` is written, for a help."""
        return f"as in `{name}: {self.example or _EXAMPLES.get(self.kind, '…')}`"


class StepType(msgspec.Struct, frozen=True):
    """``one_of``: groups of which exactly one key has to be there. ``needs``: a key, and those it can't do
    without. ``unless``: a key that has to be there, but for another one. ``spellings``: older names of keys.
    ``unkept``: keys that are checked and that nothing looks at where such a step runs, and what to do about that."""

    keys: Mapping[str, Key]
    one_of: tuple[tuple[str, ...], ...] = ()
    needs: tuple[tuple[str, str], ...] = ()
    unless: tuple[tuple[str, str], ...] = ()
    spellings: Mapping[str, str] = {}
    unkept: Mapping[str, str] = {}

    @property
    def has_required(self) -> bool:
        """Whether a step of this type can't do without a ``config``."""
        return bool(self.one_of or self.unless) or any(key.required for key in self.keys.values())


TEXT: Final = Key("text")
TEXTS: Final = Key("texts")
MAP: Final = Key("map")
FLAG: Final = Key("flag")
TIMEOUT: Final = Key("timeout")
MEMORY: Final = Key("memory")
RUN: Final = Key("run")
COMMAND: Final = Key("command")
IMAGE: Final = Key("text", required=True, example="debian:12")
NETWORK: Final = Key("choice", choices=("none", "host", "bridge"))
PULL: Final = Key("choice", choices=("always", "if-not-present", "never"))
VOLUMES: Final = Key(
    "tables",
    keys={
        "source": Key("text", required=True, example="./data"),
        "target": Key("text", required=True, example="/data"),
        "readonly": FLAG,
    },
)
TLS: Final = Key("table", keys={"ca": TEXT, "cert": TEXT, "key": TEXT})
REGISTRY_AUTH: Final = Key("named_tables", keys={"username": TEXT, "password": TEXT})

SANDBOX: Final = Key("table", keys={"net": FLAG, "write": TEXTS, "memory": MEMORY, "pids": Key("integer")})

# `dynamic_import` is the older spelling of `import`.
PERMISSIONS: Final = Key(
    "table",
    keys={
        "net": TEXTS,
        "read": TEXTS,
        "write": TEXTS,
        "env": TEXTS,
        "run": Key("texts_or_all"),
        "import": Key("texts_or_all"),
        "dynamic_import": Key("texts_or_all"),
    },
)

CONTAINER: Final[Mapping[str, Key]] = {
    "image": IMAGE,
    "run": RUN,
    "command": COMMAND,
    "env": MAP,
    "volumes": VOLUMES,
    "working_dir": TEXT,
    "user": TEXT,
    "network": NETWORK,
    "memory": MEMORY,
    "cpu": Key("number"),
    "pull": PULL,
    "cli": TEXT,
    "inputs": MAP,
    "registry_auth": REGISTRY_AUTH,
    "timeout": TIMEOUT,
}

CARGO: Final = StepType(
    keys={
        "package": TEXT,
        "features": TEXTS,
        "all_features": FLAG,
        "no_default_features": FLAG,
        "release": FLAG,
        "target": TEXT,
        "profile": TEXT,
        "toolchain": TEXT,
        "extra_args": TEXTS,
        "env": MAP,
        "working_dir": TEXT,
        "output_dir": TEXT,
        "timeout": TIMEOUT,
    }
)
CARGO_VERBS: Final = (
    "build", "test", "check", "clippy", "fmt", "doc", "publish", "audit", "deny", "nextest", "llvm-cov", "doc-mdx",
)  # fmt: skip

RUSTUP: Final = StepType(
    keys={
        "toolchain": TEXT,
        "components": TEXTS,
        "targets": TEXTS,
        "profile": TEXT,
        "default_toolchain": TEXT,
        "extra_args": TEXTS,
        "timeout": TIMEOUT,
    }
)

KUBERNETES: Final = StepType(
    keys={
        "image": IMAGE,
        "command": COMMAND,
        "run": RUN,
        "shell": COMMAND,
        "env": MAP,
        "working_dir": TEXT,
        "memory": MEMORY,
        "cpu": Key("number"),
        "timeout": TIMEOUT,
        "pull_policy": TEXT,
        "namespace": TEXT,
        "kubeconfig": TEXT,
    }
)

STEP_TYPES: Final[dict[str, StepType]] = {
    "shell": StepType(
        keys={
            "run": RUN,
            "file": TEXT,
            "shell": COMMAND,
            "env": MAP,
            "working_dir": TEXT,
            "inputs": MAP,
            "sandbox": SANDBOX,
            "timeout": TIMEOUT,
        },
        one_of=(("run", "file"),),
        unkept={"inputs": "hand a path over as an output of the step that made it, and read it from the environment"},
    ),
    "deno": StepType(
        keys={
            "script": Key("script"),
            "file": TEXT,
            "permissions": PERMISSIONS,
            "modules": TEXTS,
            "env": MAP,
            "memory": MEMORY,
            "timeout": TIMEOUT,
        },
        one_of=(("script", "file"),),
    ),
    "python": StepType(
        keys={
            "call": Key("text", required=True, example="package.module:function"),
            "isolate": FLAG,
            "timeout": TIMEOUT,
        },
    ),
    "workflow": StepType(
        keys={
            "workflow": Key("name", required=True, example="deploy"),
            "version": Key("version"),
            "workflow_version": Key("version"),
            "inputs": Key("expressions"),
            "detach": FLAG,
            "timeout": TIMEOUT,
        },
        spellings={"workflow_version": "version"},
    ),
    "activity": StepType(
        keys={"activity": Key("name", required=True, example="charge-card"), "timeout": TIMEOUT},
    ),
    "container": StepType(keys=CONTAINER, one_of=(("run", "command"),)),
    "containerd": StepType(
        keys={**CONTAINER, "containerd_addr": TEXT, "tls": TLS},
        one_of=(("run", "command"),),
    ),
    "buildkit": StepType(
        keys={
            "dockerfile": Key("text", required=True, example="Dockerfile"),
            "context": Key("text", example="."),
            "target": TEXT,
            "tags": Key("texts", example="[registry.example.com/app:1]"),
            "build_args": MAP,
            "cache_from": TEXTS,
            "cache_to": TEXTS,
            "push": FLAG,
            "output_type": Key("choice", choices=("image", "docker", "oci", "local", "tar")),
            "output_dest": TEXT,
            "buildkit_addr": TEXT,
            "tls": TLS,
            "registry_auth": REGISTRY_AUTH,
            "inputs": MAP,
            "input": TEXT,
            "timeout": TIMEOUT,
        },
        needs=(("push", "tags"),),
        unless=(("context", "input"),),
    ),
    "kubernetes": KUBERNETES,
    "k8s": KUBERNETES,
    "git-repo": StepType(
        keys={
            "run": Key("text", example="https://example.com/app.git"),
            "script": TEXT,
            "branch": TEXT,
            "commit": TEXT,
            "depth": Key("integer"),
            "working_dir": TEXT,
            "input": TEXT,
            "timeout": TIMEOUT,
        },
        one_of=(("run", "script"),),
        spellings={"script": "run"},
    ),
    **{f"cargo-{verb}": CARGO for verb in CARGO_VERBS},
    "rust-install": RUSTUP,
    "rustup-toolchain": RUSTUP,
    "rustup-component": RUSTUP,
    "rustup-target": RUSTUP,
}

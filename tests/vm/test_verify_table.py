"""The verifier refuses tables of a program that are not as they have to be: constants, types, sizes, surroundings."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.vm.faulty import emit, in_body
from wfe_vm.isa import ISA_VERSION
from wfe_vm.program import FORMAT_VERSION, Concurrency, Parameter, Readiness, Secret, SecretUse, Service
from wfe_vm.verify import verify

TABLES: dict[str, tuple[str, dict[str, Any]]] = {
    "a format to come": ("format", {"format": FORMAT_VERSION + 1}),
    "an instruction set to come": ("isa", {"isa": ISA_VERSION + 1}),
    "no scope": ("scope-sizes", {"scope_sizes": ()}),
    "no room for the reserved slots": ("scope-sizes", {"scope_sizes": (2,)}),
    "a scope without measure": ("scope-sizes", {"scope_sizes": (2**40,)}),
    "a scope that nothing opens": ("scope-sizes", {"scope_sizes": (9, 1)}),
    "a stack without measure": ("stack-size", {"max_stack": 2**40}),
    "locals without measure": ("local-count", {"locals": 2**40}),
    "no steps": ("steps-empty", {"steps": ()}),
    "a constant that is bytes": ("constant-value", {"constants": (b"x", None)}),
    "a constant beyond 64 bits": ("constant-value", {"constants": (2**64 - 1, None)}),
    "a constant that is no number": ("constant-value", {"constants": (float("nan"), None)}),
    "a constant with a number for a key": ("constant-value", {"constants": ({1: 2}, None)}),
    "an input of no type": ("type-term", {"inputs": (Parameter("a", "lisp<"),)}),
    "an output of no type": ("type-term", {"outputs": (Parameter("a", ""),)}),
    "two inputs of one name": ("parameter-name", {"inputs": (Parameter("a", "any"), Parameter("a", "any"))}),
    "a default that is bytes": ("parameter-value", {"inputs": (Parameter("a", "any", True, b"x"),)}),
    "a group of which nothing tells": ("concurrency", {"concurrency": Concurrency()}),
    "room for no run": ("concurrency", {"concurrency": Concurrency(0), "preparation": in_body(emit())}),
    "an unknown answer to a full group": (
        "concurrency",
        {"concurrency": Concurrency(1, "wait"), "preparation": in_body(emit())},
    ),
    "two services of one name": ("service", {"services": (Service("a", "x"), Service("a", "y"))}),
    "a service on a port that is none": ("service", {"services": (Service("a", "x", (70_000,)),)}),
    "a service on an unknown network": ("service", {"services": (Service("a", "x", network="none"),)}),
    "a service that is asked in no way": ("service", {"services": (Service("a", "x", readiness=Readiness()),)}),
    "a service that is asked in two ways": (
        "service",
        {"services": (Service("a", "x", readiness=Readiness(("x",), 80)),)},
    ),
    "a service that is waited for without measure": (
        "service",
        {"services": (Service("a", "x", readiness=Readiness(("x",), timeout_ms=2**60)),)},
    ),
    "two secrets of one name": ("secret", {"secrets": (Secret("a", "A"), Secret("a", "B"))}),
    "a secret from nowhere": ("secret", {"secrets": (Secret("a"),)}),
    "a secret in no task": (
        "secret-use",
        {"secrets": (Secret("a", "A"),), "secret_uses": (SecretUse(0, ("env",), ("a",)),)},
    ),
    "a secret that is not declared": ("secret-use", {"secret_uses": (SecretUse(1, ("env",), ("a",)),)}),
    "services in a reserved slot": ("services-slot", {"services_slot": 1}),
    "services outside of the run's slots": ("services-slot", {"services_slot": 99}),
    "a preparation that works": ("preparation", {"preparation": in_body(lambda assembler: assembler.task("work"))}),
    "a preparation of a preparation": (
        "preparation",
        {"preparation": in_body(emit(), preparation=in_body(emit()))},
    ),
    "a faulty preparation": ("stack-size", {"preparation": in_body(emit(), max_stack=2**40)}),
}


@pytest.mark.acceptance("PRG-05")
@pytest.mark.parametrize("fault", TABLES)
def test_a_faulty_table_is_refused_with_its_own_code(fault: str) -> None:
    code, fields = TABLES[fault]
    program = in_body(lambda assembler: assembler.task("work"))
    assert code in {problem.code for problem in verify(msgspec.structs.replace(program, **fields))}

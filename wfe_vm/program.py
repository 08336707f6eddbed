"""The program: what a workflow is compiled to, as immutable data.

A program's identity is the sha256 of its canonical bytes. They hold all that the run depends on and
nothing else: where the text stood in which file is in the ``SourceMap``, outside the hash.

Rules:

1. Structs here are arrays on the wire: fields are only ever added at the end, with a default.
2. ``encode_program`` sorts the keys of every map, so equal programs are equal bytes.
3. They hold no cycles, and a program has thousands of them: the garbage collector need not look (``gc=False``).
4. ``decode_program`` gives back a program only from canonical bytes; whether it is safe to run is
   for ``wfe_vm.verify`` to say. ``open_program`` is for bytes that have passed both.
"""

from __future__ import annotations

import hashlib
from array import array
from contextlib import suppress
from sys import byteorder
from typing import Any, Final, cast

import msgspec

from .errors import ProgramError
from .isa import ISA_VERSION
from .undecoded import UndecodedRows, leaving

__all__ = [
    "ACTIVITY",
    "FORMAT_VERSION",
    "Child",
    "Collect",
    "Concurrency",
    "Output",
    "Parameter",
    "Program",
    "Readiness",
    "Retry",
    "Schedule",
    "Secret",
    "SecretUse",
    "Service",
    "SharedVolume",
    "Signal",
    "SourceMap",
    "Step",
    "decode_program",
    "encode_program",
    "hash_of",
    "open_program",
    "pack_code",
    "unpack_code",
]

FORMAT_VERSION: Final = 1
"""Of the encoding below; raised when an old host could not read a new program."""

NO_PC: Final = -1
"""Where a step has no such code."""

ACTIVITY: Final = "activity"
"""The type of a step that workers outside do: no host that advances its run does any of it."""


class Parameter(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A declared input or output of a workflow. ``type`` is the canonical text of a type term."""

    name: str
    type: str
    optional: bool = False  # may be left out: it has a default or its type takes null
    default: Any = None
    enum: tuple[Any, ...] = ()
    description: str = ""


class Output(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An output that a step declares: ``slot`` holds its flat value (``outputs.name``) at the step's depth."""

    name: str
    type: str
    slot: int
    path: tuple[str, ...] = ()  # where in the task's result it lies; empty: under its own name


class Retry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """When and how often a step is tried again. Times are milliseconds."""

    attempts: int  # in total; 0: without end
    interval_ms: int
    backoff: float = 1.0
    max_interval_ms: int = 0  # 0: no bound
    jitter: float = 0.0  # fraction of the delay by which it may shrink or grow
    outcomes: tuple[str, ...] = ("failure", "error", "timeout")
    exit_codes: tuple[int, ...] = ()  # besides the outcomes
    max_elapsed_ms: int = 0  # 0: no bound


class Child(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The workflow that a step starts. ``program`` is pinned where the files hold the child, else empty.

    ``implicit_inputs``: none were written, so of the map that is passed the child takes what it declares.
    """

    workflow: str
    version: int = 0  # 0: the highest registered when the child starts
    program: str = ""
    detach: bool = False
    implicit_inputs: bool = False


class Collect(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The list that a for_each leaves: ``vars.name``, in a slot at the loop's own depth."""

    name: str
    slot: int


class Signal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a wait, approve or publish is about. Its ``event`` has a name, an approval ``options``.

    ``reject`` are those of the options that refuse. ``on_timeout`` is where the steps for the case begin
    that the time is over; without them that is an error.
    """

    event: str = ""
    options: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()
    timeout_ms: int = 0  # 0: no limit
    on_timeout: int = NO_PC


class Step(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row of the step table: all that the machine and the engine know of one named step.

    ``depth`` counts the for_each iterations around the step; the run's own scope is depth 0. Slots
    are of the scope at that depth. ``path`` is the step's path from the run, with ``[*]`` after
    every loop whose pass number belongs there. Milliseconds of 0 mean no limit.
    """

    name: str
    kind: str
    path: str
    parent: int = -1
    depth: int = 0
    slot: int = 0  # {"status", "output"[, "stdout"][, "error"]} of the last attempt
    entry: int = NO_PC
    exit: int = NO_PC
    on_success: int = NO_PC
    on_failure: int = NO_PC
    on_error: int = NO_PC
    on_abort: int = NO_PC
    ensure: int = NO_PC
    hook_slot: int = NO_PC  # {"outcome", "error", "attempt"} of what the hooks serve; NO_PC: no hook asks
    outputs: tuple[Output, ...] = ()
    retry: Retry | None = None
    exhausted: str = "fail"  # fail, suspend, terminate or compensate, once retries are used up
    timeout_ms: int = 0  # of an attempt
    total_timeout_ms: int = 0  # of all attempts and delays
    continue_on_failure: bool = False
    on_crash: str = "rerun"  # or fail
    type: str = ""  # of a task: which executor runs it
    keep_stdout: bool = False  # an expression reads the step's stdout
    child: Child | None = None
    branches: tuple[int, ...] = ()  # pc of each branch; of a for_each: of its body
    limit: int = 0  # branches at once; 0: all
    fail_fast: str = "never"  # never, cancel or stop
    item_slot: int = NO_PC  # in the iteration's scope, at depth + 1
    index_slot: int = NO_PC
    collect: Collect | None = None
    max_passes: int = 0  # of a while or until; 0: no bound
    compensation: int = NO_PC  # the code that undoes the step
    compensate_on_failure: bool = False
    frozen: tuple[tuple[int, int], ...] = ()  # (depth, slot) of what the compensation reads, kept as of the success
    undoable: bool = False  # of the run: a failure or a cancel may undo it, and not only its sagas
    signal: Signal | None = None  # of a wait, approve or publish


class Concurrency(msgspec.Struct, frozen=True, array_like=True):
    """How many runs of one group there may be at once; the preparation's output ``group`` is the group."""

    limit: int = 1
    on_full: str = "queue"  # or replace, cancel_running or reject


class Schedule(msgspec.Struct, frozen=True, array_like=True):
    """When a run is started by itself. ``missed`` is what becomes of times nobody was there for: skip, once or all."""

    cron: str
    timezone: str = "UTC"
    missed: str = "once"


class Readiness(msgspec.Struct, frozen=True, array_like=True):
    """How a service tells that it is there: by a command that succeeds, an open port or a good answer."""

    command: tuple[str, ...] = ()
    tcp_port: int = 0  # 0: not asked for
    http_port: int = 0
    http_path: str = "/"
    interval_ms: int = 5000
    timeout_ms: int = 60_000
    retries: int = 12


class Service(msgspec.Struct, frozen=True, array_like=True):
    """A container beside the run's steps. Its environment is in the preparation's output ``services``, by name.

    ``readiness`` None: TCP on the first port, or nothing where it has none.
    """

    name: str
    image: str
    ports: tuple[int, ...] = ()
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    memory: str = ""
    cpu: str = ""
    network: str = "bridge"  # or host
    readiness: Readiness | None = None


class SharedVolume(msgspec.Struct, frozen=True, array_like=True):
    """A folder that all containers of a run share."""

    mount_path: str
    size: str = ""


class Secret(msgspec.Struct, frozen=True, array_like=True):
    """Where a value comes from that no program and no state holds: a variable, a file or what a command prints."""

    name: str
    env: str = ""
    file: str = ""
    command: tuple[str, ...] = ()


class SecretUse(msgspec.Struct, frozen=True, array_like=True):
    """Where a task's configuration has a secret: at ``path`` in it stands a list, the parts of a text.

    ``parts`` names the secret of each part; empty: the part is as it is in the list. Nothing in a run's data
    can take the place of such a use: what stands where is written here alone.
    """

    step: int
    path: tuple[str | int, ...]
    parts: tuple[str, ...]


class Program(msgspec.Struct, frozen=True, array_like=True):
    """A compiled workflow. Step 0 is the run itself; the run starts at pc 0.

    ``scope_sizes[d]`` is the number of slots of every scope at depth d. At depth 0, slot 0 holds the
    inputs, slot 1 ``{"id", "name", "workflow"}`` of the run, slot 2 the answers to ``host_names``.

    ``preparation`` is what has to be known before the run's first step: a program of its own that takes
    the same inputs, does no work and ends in its first advance. Of its outputs ``group`` is the text of
    the concurrency group, ``services`` has each service's environment by its name.
    """

    format: int
    isa: int
    workflow: str
    version: int
    code: bytes
    constants: tuple[Any, ...]
    steps: tuple[Step, ...]
    scope_sizes: tuple[int, ...]
    max_stack: int
    locals: int
    inputs: tuple[Parameter, ...] = ()
    outputs: tuple[Parameter, ...] = ()
    open_inputs: bool = False  # declares none, so takes any object
    host_names: tuple[str, ...] = ()  # what the program asks of host.has()
    requires: tuple[str, ...] = ()
    durability: str = ""
    name: str = ""
    description: str = ""
    concurrency: Concurrency | None = None
    services: tuple[Service, ...] = ()  # by name
    shared_volume: SharedVolume | None = None
    services_slot: int = NO_PC  # at depth 0: {service: {"host", "ports"}}, once the services are ready
    preparation: Program | None = None
    schedule: tuple[Schedule, ...] = ()
    secrets: tuple[Secret, ...] = ()  # by name
    secret_uses: tuple[SecretUse, ...] = ()  # by step, then by path


INPUTS_SLOT: Final = 0
RUN_SLOT: Final = 1
HOST_SLOT: Final = 2
RESERVED_SLOTS: Final = 3


class SourceMap(msgspec.Struct, frozen=True, array_like=True):
    """Where a program's parts stood. Positions are ``(file index, line, column, end line, end column)``, 1-based.

    ``code`` pairs a pc with the position that holds from there to the next entry; ``steps`` has a
    position for each row of the step table. File names are as the user gave them. ``names`` says what
    expressions call the slots that no table names: ``(the loop whose iteration holds it or 0, slot, name)``.
    ``scripts`` says where scripts stand whose errors tell a line: ``(step, file index, line, column, column of all
    lines but the first)``.
    """

    files: tuple[str, ...]
    steps: tuple[tuple[int, int, int, int, int], ...]
    code: tuple[tuple[int, tuple[int, int, int, int, int]], ...] = ()
    names: tuple[tuple[int, int, str], ...] = ()
    scripts: tuple[tuple[int, int, int, int, int], ...] = ()

    def script_position(self, step: int, line: int, column: int) -> tuple[int, int, int] | None:
        """Return file index, line and column of a place in a step's script, or None where that is not known."""
        for owner, file, first, begin, others in self.scripts:
            if owner == step:
                return file, first + line - 1, column + (begin if line == 1 else others) - 1
        return None

    def position_at(self, pc: int) -> tuple[int, int, int, int, int] | None:
        """Return the position that the instruction at ``pc`` came from, or None where none is known."""
        found = None
        for start, position in self.code:
            if start > pc:
                break
            found = position
        return found


class _Head(msgspec.Struct, array_like=True):
    """The beginning of every program, of whatever release."""

    format: int
    isa: int


_encoder = msgspec.msgpack.Encoder(order="deterministic", enc_hook=tuple)
"""What it does not know by itself are the undecoded rows of a program."""
_decoder = msgspec.msgpack.Decoder(Program)
_step_decoder = msgspec.msgpack.Decoder(Step)
_opening_decoder = msgspec.msgpack.Decoder(leaving(Program, steps=tuple[msgspec.Raw, ...]))
_any_decoder = msgspec.msgpack.Decoder(Any)
_head_decoder = msgspec.msgpack.Decoder(_Head)
_NO_PROGRAM: Final = (msgspec.DecodeError, UnicodeError, RecursionError, TypeError, ValueError, OverflowError)
"""What decoding ends in. The last three: a map with keys that are no texts, or an odd extension value."""


def pack_code(words: list[int]) -> bytes:
    """Return words as the bytes of ``Program.code``: 32 bits each, little end first."""
    packed = array("i", words)
    if byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack_code(code: bytes) -> array[int]:
    """Return the words of ``Program.code``.

    Raises ProgramError (``code-length``) unless the bytes are whole words.
    """
    if len(code) % 4:
        raise ProgramError("code-length", f"the code is {len(code)} bytes long, which is no number of 32-bit words")
    words = array("i")
    words.frombytes(code)
    if byteorder == "big":
        words.byteswap()
    return words


def encode_program(program: Program) -> bytes:
    """Return the program's canonical bytes: equal programs give equal bytes on every host."""
    return _encoder.encode(program)


def decode_program(data: bytes) -> Program:
    """Return the program that canonical bytes hold.

    One of an older release lacks what has been added at the end of its structures since: that has its defaults.

    Raises ProgramError: ``encoding`` for bytes that are no program or not canonical, ``format`` or
    ``isa`` for a program of a newer release, naming both versions.
    """
    try:
        program = _decoder.decode(data)
        _check_versions(program.format, program.isa)
        canonical = encode_program(program)
    except _NO_PROGRAM as error:
        with suppress(*_NO_PROGRAM):  # one of a newer release may be of another form, but has this beginning
            head = _head_decoder.decode(data)
            _check_versions(head.format, head.isa)
        raise ProgramError("encoding", f"these bytes are no program: {error}") from error
    if canonical != data and not _is_of_older_release(data, canonical):
        raise ProgramError("encoding", "these bytes are no canonical encoding of a program")
    return program


def open_program(data: bytes) -> Program:
    """Return the program of bytes that ``decode_program`` has taken and the verifier accepted before.

    The rows of its steps are decoded when they are asked for. Whoever calls this holds the bytes against their hash.
    Raises ProgramError with the codes of ``decode_program`` for other bytes, as far as it meets what is wrong.
    """
    try:
        opened = _opening_decoder.decode(data)
        _check_versions(opened.format, opened.isa)
    except _NO_PROGRAM as error:
        raise ProgramError("encoding", f"these bytes are no program: {error}") from error
    steps = UndecodedRows(opened.steps, _step_decoder.decode)
    fields = {name: getattr(opened, name) for name in Program.__struct_fields__}
    return Program(**{**fields, "steps": cast(tuple[Step, ...], steps)})


def _is_of_older_release(data: bytes, canonical: bytes) -> bool:
    """Say whether all that keeps bytes from being canonical is that fields have been added at the end since."""
    try:
        old = _any_decoder.decode(data)
        return _encoder.encode(old) == data and _begins(old, _any_decoder.decode(canonical))
    except (msgspec.DecodeError, TypeError, ValueError, RecursionError):
        return False


def _begins(old: Any, new: Any) -> bool:
    if isinstance(old, list) and isinstance(new, list):
        return len(old) <= len(new) and all(map(_begins, old, new))
    return type(old) is type(new) and bool(old == new)


def hash_of(data: bytes) -> str:
    """Return the identity of a program: the sha256 of its canonical bytes, as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def _check_versions(format_version: int, isa: int) -> None:
    if format_version > FORMAT_VERSION:
        raise ProgramError(
            "format", f"the program has format {format_version}, this host reads up to {FORMAT_VERSION}: upgrade wfe"
        )
    if isa > ISA_VERSION:
        raise ProgramError("isa", f"the program needs instruction set {isa}, this host has {ISA_VERSION}: upgrade wfe")

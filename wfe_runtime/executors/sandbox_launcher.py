"""The first program of a sandboxed step: takes rights away from itself, and becomes the step's own program.

Run as a file, by an interpreter that loads nothing else: ``python -I -S sandbox_launcher.py SPEC PROGRAM …``. SPEC is
JSON: ``net`` (false: no network), ``write`` (what may be written; null: all), ``groups`` (files that a process writes
itself into to be counted), ``status`` (where to say why it could not be done). Without PROGRAM it
only tries.

It imports nothing of this package, and nothing that it does not need: every step pays for it.
"""

import ctypes
import os
import stat
import struct
import sys
from typing import Any

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
RULE_PATH_BENEATH = 1
ABI_QUESTION = 1
NO_NEW_PRIVS = 38
NEW_USER, NEW_NET = 0x10000000, 0x40000000
LEAST_ABI = 3
"""Of Landlock: before it, what can't be written could still be emptied."""

WRITE_FILE, TRUNCATE = 1 << 1, 1 << 14
FOLDER_RIGHTS = sum(1 << bit for bit in (1, *range(4, 13), 13, 14))
"""Writing, emptying, making, removing and moving: every right that changes something."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/tty")
FAILED = 125


def main() -> None:
    """Do what SPEC asks, and become PROGRAM. Exits with 125 and a reason where that fails."""
    import json

    spec: dict[str, Any] = json.loads(sys.argv[1])
    try:
        restrict(spec)
    except OSError as error:
        with open(spec["status"], "w", encoding="utf-8") as file:
            file.write(f"{error.filename or 'it'}: {error.strerror}")
        sys.exit(FAILED)
    command = [os.fsencode(word) for word in sys.argv[2:]]
    if not command:
        return
    environment = own_environment()
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        with open(spec["status"], "w", encoding="utf-8") as file:
            file.write(f"the program {sys.argv[2]} can't be started: {error.strerror}")
        sys.exit(FAILED)


def restrict(spec: dict[str, Any]) -> None:
    """Take away from this process what SPEC says. Raises OSError whose file name says what failed."""
    for group in spec["groups"]:
        with open(group, "w") as file:
            file.write("0")
    libc = ctypes.CDLL(None, use_errno=True)
    if spec["net"] is False:
        leave_network(libc)
    if spec["write"] is not None:
        # Before the rights are gone: where to say what failed may not be written afterwards.
        keep_to(libc, [*spec["write"], *DEVICES])


def leave_network(libc: Any) -> None:
    """Have a network of our own, in which there is nothing; by a user namespace where we may not otherwise."""
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(NEW_NET) == 0:
        return
    if libc.unshare(NEW_USER | NEW_NET) != 0:
        raise failure("a network of its own")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def keep_to(libc: Any, paths: list[str]) -> None:
    """Let this process and all that it starts change nothing but what is beneath these paths."""
    abi = landlock_abi(libc)
    if abi < LEAST_ABI:
        raise OSError(95, "this kernel has no Landlock, or one that is too old", "Landlock")
    rights = FOLDER_RIGHTS
    ruleset = libc.syscall(CREATE_RULESET, struct.pack("=Q", rights), ctypes.c_size_t(8), 0)
    if ruleset < 0:
        raise failure("Landlock")
    for path in paths:
        try:
            handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            if path in DEVICES:
                continue
            raise
        mine = rights if stat.S_ISDIR(os.fstat(handle).st_mode) else WRITE_FILE | TRUNCATE
        if libc.syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, struct.pack("=Qi", mine, handle), 0) != 0:
            raise failure(path)
        os.close(handle)
    if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or libc.syscall(RESTRICT_SELF, ruleset, 0) != 0:
        raise failure("Landlock")
    os.close(ruleset)


def landlock_abi(libc: Any) -> int:
    """Return which Landlock the kernel has; below 1: none."""
    return int(libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ABI_QUESTION))


def own_environment() -> dict[bytes, bytes]:
    """Return the environment that we were started with: an interpreter may have added to its own."""
    with open("/proc/self/environ", "rb") as file:
        found = (entry.partition(b"=") for entry in file.read().split(b"\0") if entry)
        return {name: value for name, _, value in found}


def failure(what: str) -> OSError:
    """Return why the last call failed."""
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), what)


if __name__ == "__main__":
    main()

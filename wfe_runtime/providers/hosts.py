"""Who this process is as a host of runs, and whether another process of this machine is dead.

This file owns the identity of hosts; it knows nothing of stores. The rules:

* A machine is one boot of one kernel *and* one space of process ids: two containers on one kernel see
  different processes under one pid, so neither may judge the other's.
* A process is known by pid and start time, since pids come again. In doubt it is alive: a run that is
  taken from a living host is worse than one that waits for its lease.
"""

from __future__ import annotations

import functools
import os
import secrets
import socket

from wfe_runtime.providers.rows import Host

__all__ = ["is_gone", "this_host", "this_machine"]


def this_host() -> Host:
    """Return a new identity of this process, unlike any other one, also of the same process."""
    pid = os.getpid()
    return Host(
        id=f"{socket.gethostname()}-{pid}-{secrets.token_hex(4)}",
        machine=this_machine(),
        pid=pid,
        started=_started(pid) or 0,
    )


def is_gone(host: Host) -> bool:
    """Tell whether a host was a process of this machine that has certainly ended."""
    if host.machine != this_machine() or host.pid <= 0:
        return False
    try:
        os.kill(host.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it is there, but belongs to someone else
    started = _started(host.pid)
    return started is not None and host.started > 0 and started != host.started


@functools.cache
def this_machine() -> str:
    """Return what names this boot of this machine and this space of process ids."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{socket.gethostname()}/{os.getuid()}"


def _started(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot; -1 if it has ended, None if nobody says."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name may hold blanks and parentheses; the fields after it may not.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    # A zombie has ended; only its parent has not asked how.
    return -1 if fields[0] in (b"Z", b"X") else int(fields[19])

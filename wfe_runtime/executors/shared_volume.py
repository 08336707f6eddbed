"""The volume that the container steps of a run share: making it, opening it to every user, removing it.

Owns its name, its labels and its limit of size. When a step needs it is the executor's to say, when its run needs it
no more is ``shared_volumes``'s.

Rules:

1. The name follows from the run alone: who goes on with a run after a crash finds what its steps have put there.
2. It belongs to its run, not to a process: one is left behind only when its maker is gone and its run has ended.
3. A new volume is root's, and steps are nobody: an empty folder that all may write is copied over it, since no
   program for that can be expected of an image.
4. A size that the engine can't keep is told in the log of the step that made the volume, and the run goes on: few
   engines can, and a file that asks for one should not depend on it.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Awaitable, Callable
from typing import Any, Final

from wfe_vm.program import SharedVolume

from .container_cli import OWNER_LABEL, RUN_LABEL, ContainerCli, is_abandoned
from .container_options import memory_bytes, mount_option
from .scratch import Scratch

__all__ = ["VolumeMaker", "reap_volumes", "remove_volume", "volume_name", "volume_option"]

_MOST_OPENED: Final = 1000


def volume_name(run: str) -> str:
    """Return the name of a run's volume."""
    return f"wfe-{run}-shared"


def volume_option(run: str, volume: SharedVolume) -> str:
    """Return the option that shows the volume of a run in a container."""
    return mount_option(volume_name(run), volume.mount_path, False, "volume")


class VolumeMaker:
    """Makes the volumes of runs as their steps need them. Belongs to one executor."""

    def __init__(self, files: Scratch) -> None:
        """``files`` is where the empty folder is made."""
        self._files = files
        self._opened: set[tuple[str, str, str]] = set()  # engine, name, and when it was made

    async def make(self, cli: ContainerCli, run: str, volume: SharedVolume) -> tuple[str, str]:
        """Make the volume if it isn't there. Returns when it was made, and what is to be told, if anything.

        Raises TaskProblem (``executor``) where the engine makes none.
        """
        told, name = "", volume_name(run)
        found = await _inspect(cli, name)
        if found is None:
            told = await _create(cli, run, name, volume.size)
            found = await _inspect(cli, name) or {}
        return str(found.get("CreatedAt", "")), told

    async def open(self, cli: ContainerCli, run: str, volume: SharedVolume, made: str, container: str) -> str:
        """Let every user write in the volume. ``container`` is one that shows it and was not started yet.

        Returns what is to be told where that is not possible; an empty text else.
        """
        key = (cli.program, run, made)
        if key in self._opened or cli.name == "podman":  # which gives it to the first user by itself
            return ""
        place = posixpath.normpath(volume.mount_path)
        label = self._files.new_name("shared")
        folder = os.path.join(self._files.path_of(label), posixpath.basename(place))
        try:
            os.makedirs(folder)
            os.chmod(folder, 0o777)
            done = await cli.call(("cp", folder, f"{container}:{posixpath.dirname(place)}"))
        finally:
            self._files.remove([label])
        if done.code != 0:
            return f"the shared volume can be written by its owner only: {done.reason}"
        if len(self._opened) >= _MOST_OPENED:
            self._opened.clear()  # to open one again does no harm
        self._opened.add(key)
        return ""


async def remove_volume(cli: ContainerCli, run: str) -> str:
    """Remove the volume of a run that has ended, if there is one.

    Returns why it is still there; an empty text if it is gone.
    """
    name = volume_name(run)
    if not await _exists(cli, name):
        return ""
    # A step that was killed with its run may not be gone yet, and would hold it.
    held = await cli.call(("ps", "--all", "--quiet", "--no-trunc", f"--filter=volume={name}"))
    await cli.remove(*held.stdout.decode("ascii", "replace").split())
    done = await cli.call(("volume", "rm", "--force", name))
    return "" if done.code == 0 or not await _exists(cli, name) else done.reason


async def reap_volumes(cli: ContainerCli, has_ended: Callable[[str], Awaitable[bool]]) -> None:
    """Remove the volumes whose maker, a process of this machine, is gone and whose run has ended."""
    listed = await cli.call(("volume", "ls", "--quiet", f"--filter=label={OWNER_LABEL}"))
    for name in listed.stdout.decode("utf-8", "replace").split() if listed.code == 0 else ():
        labels = (await _inspect(cli, name) or {}).get("Labels") or {}
        run = labels.get(RUN_LABEL, "")
        if name == volume_name(run) and is_abandoned(labels.get(OWNER_LABEL, "")) and await has_ended(run):
            await remove_volume(cli, run)


async def _create(cli: ContainerCli, run: str, name: str, size: str) -> str:
    create = ("volume", "create", *cli.labels(run, ""))
    told = ""
    if size:
        limited = await cli.call((*create, f"--opt=size={memory_bytes(size)}", name))
        if limited.code == 0:
            return ""
        told = f"the engine can't limit the shared volume to its `size` of {size}: {limited.reason}"
    made = await cli.call((*create, name))
    # Another step of the run may have been faster.
    if made.code != 0 and not await _exists(cli, name):
        raise await cli.refusal("the shared volume of the run can't be made", made)
    return told


async def _exists(cli: ContainerCli, name: str) -> bool:
    return await _inspect(cli, name) is not None


async def _inspect(cli: ContainerCli, name: str) -> dict[str, Any] | None:
    return await cli.described("volume", "inspect", name)

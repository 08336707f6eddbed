"""What the keys of a container step are as options of a container engine's command.

Owns their meaning and their defaults. Docker, podman and nerdctl take all of these options alike.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from typing import Any, Final

from wfe_vm.values import describe

from .options import map_of, text_of
from .problems import TaskProblem

__all__ = [
    "DEFAULT_USER",
    "check_image",
    "command_words",
    "cpu_option",
    "login_file",
    "memory_bytes",
    "memory_options",
    "mount_option",
    "volume_options",
]

DEFAULT_USER: Final = "65534:65534"
"""Nobody."""

_UNITS: Final = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_MEMORY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s?([KMGTkmgt]?)(i?)B?", re.ASCII)


def check_image(image: str) -> str:
    """Return the name of an image. Raises TaskProblem where it can be none, and could be taken for an option."""
    if not image or image.startswith("-") or any(letter.isspace() or letter == "\0" for letter in image):
        raise TaskProblem("type", f"{describe(image)} is no name of an image", field="image")
    return image


def memory_bytes(text: str) -> int:
    """Return a size as bytes: ``256MiB``, ``256MB`` and ``256m`` are the same, digits alone are bytes.

    Raises TaskProblem (``type``).
    """
    found = _MEMORY.fullmatch(text)
    if found is None:
        raise TaskProblem("type", f"`memory` is a size like 256MiB, not {describe(text)}", field="memory")
    return int(float(found[1]) * 1024 ** _UNITS[found[2].lower()])


def memory_options(value: Any) -> list[str]:
    """Return the options of ``memory``. Swapping doesn't add to it."""
    if value is None or value == "":
        return []
    size = memory_bytes(str(value))
    return [f"--memory={size}", f"--memory-swap={size}"]


def cpu_option(value: Any) -> list[str]:
    """Return the option of ``cpu``: ``0.5`` and ``500m`` are half a processor."""
    if value is None or value == "":
        return []
    text = str(value)
    try:
        count = float(text[:-1]) / 1000 if text.endswith("m") else float(text)
    except ValueError:
        raise TaskProblem("type", f"`cpu` is a number like 0.5 or 500m, not {describe(value)}", field="cpu") from None
    return [f"--cpus={count:g}"]


def mount_option(source: str, target: str, readonly: bool, kind: str = "bind") -> str:
    """Return the option that shows a file or folder of the host, or a ``volume``, in a container.

    Any letter may be in the names.
    """
    if not target.startswith("/"):
        raise TaskProblem("type", f"{target} is no place in a container: it has to begin with /", field="target")
    fields = [f"type={kind}", f"source={source}", f"target={target}", *(["readonly"] if readonly else [])]
    # The list is read as a line of a table: a field with a comma or a quote is quoted.
    quoted = ('"' + field.replace('"', '""') + '"' if re.search('[,"\n]', field) else field for field in fields)
    return f"--mount={','.join(quoted)}"


def volume_options(config: Mapping[str, Any], folder: str) -> list[str]:
    """Return the options of ``volumes`` and ``inputs``. A relative source lies in ``folder``.

    Raises TaskProblem (``executor``) for a source that isn't there.
    """
    volumes = config.get("volumes") or []
    if type(volumes) is not list:
        raise TaskProblem("type", f"`volumes` is a list, not {describe(volumes)}", field="volumes")
    options: list[str] = []
    for volume in volumes:
        if type(volume) is not dict:
            raise TaskProblem("type", f"an item of `volumes` is a map, not {describe(volume)}", field="volumes")
        readonly = volume.get("readonly")
        source = _present(text_of(volume, "source"), folder)
        options.append(mount_option(source, text_of(volume, "target"), str(readonly).lower() == "true"))
    for source, target in map_of(config, "inputs").items():
        # What earlier steps made is there to be read.
        options.append(mount_option(_present(source, folder), str(target), True))
    return options


def command_words(command: Any) -> list[str]:
    """Return the words of ``command``: those of a list, or of a text as a shell would split it."""
    if type(command) is str:
        try:
            return shlex.split(command)
        except ValueError as error:
            raise TaskProblem("type", f"`command` can't be split into words: {error}", field="command") from None
    if type(command) is not list or not all(type(word) is str for word in command):
        raise TaskProblem("type", f"`command` is a text or a list of texts, not {describe(command)}", field="command")
    return command


def login_file(registry_auth: Mapping[str, Any], known: bytes) -> bytes:
    """Return a client's configuration that logs in to registries; ``known`` is what the user's own one holds."""
    import base64

    try:
        content = json.loads(known) if known else {}
    except ValueError:
        content = {}
    content = content if isinstance(content, dict) else {}
    auths = content.setdefault("auths", {})
    helpers = content.get("credHelpers", {})
    for host, login in registry_auth.items():
        if type(login) is not dict:
            raise TaskProblem("type", f"`registry_auth` of {host} has `username` and `password`", field="registry_auth")
        pair = f"{text_of(login, 'username', '')}:{text_of(login, 'password', '')}"
        key = "https://index.docker.io/v1/" if host in ("docker.io", "index.docker.io") else host
        auths[key] = {"auth": base64.b64encode(pair.encode()).decode()}
        helpers.pop(key, None)
    content.pop("credsStore", None)  # it would be asked in place of what stands here
    return json.dumps(content).encode()


def _present(source: str, folder: str) -> str:
    path = os.path.normpath(os.path.join(folder, source))
    if not os.path.exists(path):
        raise TaskProblem("executor", f"the volume's source {path} does not exist", file=path)
    return path

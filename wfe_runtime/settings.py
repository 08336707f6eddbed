"""The settings: one table, from which come the look-up, ``wfec config`` and the reference page.

Owns where a setting's value comes from: the flag of a command, else the environment (``WFE_<NAME>``),
else ``wfe.toml`` in the current folder, else ``[tool.wfe]`` of ``pyproject.toml`` there, else the default.
Knows nothing of what a setting does.

Rules:

1. Every row takes effect somewhere; a limit that can't be set is in ``wfe_vm.limits``.
2. A file that can't be read as it stands is an error that names the file: nothing in it is passed over.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from .errors import WfeError

__all__ = ["SETTINGS", "Setting", "SettingValue", "Settings", "SettingsError", "load_settings", "parse_durability"]

DURABILITY: Final = re.compile(r"sync|relaxed|group\([0-9]+(?:\.[0-9]+)?(?:ms|s)\)", re.ASCII)
TRUE: Final = ("1", "true", "yes", "on")
FALSE: Final = ("0", "false", "no", "off", "")


class SettingsError(WfeError):
    """A setting that can't be used as it is written. The message says where it stands."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__("settings", message, hint)


class Setting(msgspec.Struct, frozen=True):
    """A row of the table. ``kind`` is text, integer, bool or durability; ``least`` bounds an integer."""

    name: str
    kind: str
    default: Any
    doc: str
    least: int = 0

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"WFE_{self.name.upper()}"


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting(
        "store",
        "text",
        "sqlite:///.wfe/wfe.db",
        "where runs are kept: sqlite:///runs.db, or memory: for runs that end with the command",
    ),
    Setting(
        "durability",
        "durability",
        "",
        "what a commit waits for where the workflow doesn't say: sync, group(20ms) or relaxed; empty: sync",
    ),
    Setting(
        "host_steps", "integer", 0, "how many steps run at once on this host; 0: 16 a core, or as open files allow"
    ),
    Setting(
        "cache",
        "text",
        "",
        "the folder that keeps compiled files; empty: wfe in the user's cache folder; off: keep none",
    ),
    Setting("plain", "bool", False, "print lines instead of the live view, also on a terminal"),
)
BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


class SettingValue(msgspec.Struct, frozen=True):
    """A setting as it stands. ``origin`` is ``flag``, the variable's name, the file's name or ``default``."""

    setting: Setting
    value: Any
    origin: str


class Settings:
    """The settings of a command."""

    def __init__(self, values: Mapping[str, SettingValue]) -> None:
        self._values = dict(values)

    def __iter__(self) -> Any:
        return iter(self._values.values())

    def get(self, name: str) -> SettingValue:
        """Return a setting with its origin."""
        return self._values[name]

    @property
    def store(self) -> str:
        return str(self._values["store"].value)

    @property
    def durability(self) -> str:
        return str(self._values["durability"].value)

    @property
    def host_steps(self) -> int:
        return int(self._values["host_steps"].value)

    @property
    def cache(self) -> str:
        return str(self._values["cache"].value)

    @property
    def plain(self) -> bool:
        return bool(self._values["plain"].value)


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: str = ".",
) -> Settings:
    """Return every setting with where its value comes from.

    ``flags`` are those of the command line; None means not given. ``folder`` is where the files are
    looked for. Raises SettingsError for an unknown key in a file and for a value that is none.
    """
    given = flags or {}
    variables = os.environ if environment is None else environment
    files = [
        ("wfe.toml", _read_file(os.path.join(folder, "wfe.toml"), ())),
        ("pyproject.toml", _read_file(os.path.join(folder, "pyproject.toml"), ("tool", "wfe"))),
    ]
    for file, content in files:
        for key in content:
            if key not in BY_NAME:
                near = difflib.get_close_matches(key, BY_NAME, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(BY_NAME)}"
                raise SettingsError(f"{file}: there is no setting {key!r}", hint)
    values = {}
    for setting in SETTINGS:
        name = setting.name
        if given.get(name) is not None:
            values[name] = SettingValue(setting, _checked(setting, given[name], _flag(name)), "flag")
        elif setting.variable in variables:
            text = variables[setting.variable]
            values[name] = SettingValue(setting, _from_text(setting, text), setting.variable)
        else:
            for file, content in files:
                if name in content:
                    values[name] = SettingValue(setting, _checked(setting, content[name], f"{file}: {name}"), file)
                    break
            else:
                values[name] = SettingValue(setting, setting.default, "default")
    return Settings(values)


def parse_durability(text: str) -> str:
    """Return a durability as it is written. Raises SettingsError for a text that is none."""
    if DURABILITY.fullmatch(text) is None:
        raise SettingsError(f"{text!r} is no durability", "it is sync, group(20ms) or relaxed")
    return text


def _read_file(path: str, table: tuple[str, ...]) -> dict[str, Any]:
    name = os.path.basename(path)
    try:
        with open(path, "rb") as file:
            content: Any = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name} is not TOML: {error}", f"correct {path}") from error
    except OSError as error:
        raise SettingsError(f"{name} can't be read: {error.strerror}", f"see to {path}") from error
    for part in table:
        content = content.get(part, {})
        if not isinstance(content, dict):
            raise SettingsError(f"{name}: [{'.'.join(table)}] has to be a table")
    return dict(content)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _from_text(setting: Setting, text: str) -> Any:
    if setting.kind == "integer":
        if not text.isascii() or not text.isdecimal() or len(text) > 9:
            raise SettingsError(f"{setting.variable}={text!r} is no whole number")
        return _checked(setting, int(text), setting.variable)
    if setting.kind == "bool":
        if text.lower() in TRUE:
            return True
        if text.lower() in FALSE:
            return False
        raise SettingsError(f"{setting.variable}={text!r} is neither true nor false")
    return _checked(setting, text, setting.variable)


def _checked(setting: Setting, value: Any, where: str) -> Any:
    """Return a value if it is one of the setting's kind. Raises SettingsError."""
    if setting.kind == "integer":
        if isinstance(value, bool) or not isinstance(value, int):
            raise SettingsError(f"{where}: {value!r} is no whole number")
        if value < setting.least:
            raise SettingsError(f"{where}: {value} is less than {setting.least}")
    elif setting.kind == "bool":
        if not isinstance(value, bool):
            raise SettingsError(f"{where}: {value!r} is neither true nor false")
    elif not isinstance(value, str):
        raise SettingsError(f"{where}: {value!r} is no text")
    elif setting.kind == "durability" and value and DURABILITY.fullmatch(value) is None:
        raise SettingsError(f"{where}: {value!r} is no durability", "it is sync, group(20ms) or relaxed")
    elif setting.name == "store" and not value.strip():
        raise SettingsError(f"{where}: the URL of the store is empty", "sqlite:///runs.db is a file in this folder")
    return value

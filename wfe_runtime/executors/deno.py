"""The executor of deno steps: a script in JavaScript or TypeScript, and what comes of it.

Owns what the keys of a deno step mean and how a script's end becomes an outcome. What it may do is
``deno_permissions``'s, which process runs it ``deno_pool``'s, how that is talked to and limited ``deno_process``'s.

``config`` has, evaluated: ``script`` or ``file``, ``permissions``, ``modules``, ``env``, ``memory``, and from the
compiler ``file_text`` (a ``file`` that was there to embed) and ``file_modules`` (the local modules that it imports,
by their paths from ``file_name``). Run-time values reach a script by ``inputs()`` alone, never in its text.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from wfe_vm.outcome import Failure
from wfe_vm.values import check_plain, describe, print_json

from .contract import StepContext, StepResult
from .deno_home import find_deno
from .deno_permissions import grants_of
from .deno_pool import AHEAD, DenoPool, Key
from .deno_process import Answer, DenoProcess
from .options import text_of
from .outputs import Tail
from .problems import TaskProblem
from .shell import STDOUT_BYTES

__all__ = ["DenoExecutor"]

_MEDIA: Final = {
    ".js": "application/javascript", ".mjs": "application/javascript", ".jsx": "text/jsx", ".tsx": "text/tsx",
}  # fmt: skip
_TYPESCRIPT: Final = "application/typescript"
_PASS: Final = re.compile(r"\[\d+\]")
_ADVICE: Final = re.compile(r"Requires (\w+) access( to [^\n]*?)?, run again with the --allow-(\w+) flag")
_OUT_OF_MEMORY: Final = re.compile(r"out of memory|memory allocation of|Allocation failed|OOM|bad_alloc", re.IGNORECASE)
_NOT_LISTED: Final = re.compile(
    r"Failed loading \S+ for package \"(?P<npm>[^\"]+)\"\s+0: npm package not found in cache: [^\n]*--cached-only[^\n]*"
    r"|(?P<any_npm>npm specifiers were requested; but --no-npm is specified)\.?"
    r"|(?:JSR package manifest for '(?P<jsr>[^']+)' failed to load\. )?"
    r"(?:A remote specifier was requested|Specifier not found in cache): \"(?P<url>[^\"]+)\", "
    r"(?:but )?--(?:no-remote|cached-only) is specified\.?"
)
_NO_FOLDER: Final = "invalid URL: relative URL with a cannot-be-a-base base"
_LAST_WORDS: Final = re.compile(r"\s*<--- Last few GCs --->.*", re.DOTALL)
"""What V8 prints of itself when it runs out of memory: the log keeps it, and nobody can mend a script by it."""
_BLOB: Final = re.compile(r"blob:null/[0-9a-f-]{36}")
_NEVER: Final = "Top-level await promise never resolved"
_STACK_BYTES: Final = 4 * 1024


class DenoExecutor:
    """Runs steps of type ``deno``. ``home`` is where private folders are made, ``ahead`` how many processes wait."""

    types: tuple[str, ...] = ("deno",)

    def __init__(self, *, home: str | None = None, ahead: int = AHEAD) -> None:
        self._home = home
        self._ahead = ahead
        self._pool: DenoPool | None = None

    def missing(self, config: dict[str, Any]) -> str | None:
        """Say that Deno is missing here, if it is."""
        if not hasattr(os, "pidfd_open"):
            return "deno steps need Linux 5.3 or newer"
        return None if find_deno() else "Deno, which deno steps need: install wfe[deno], or put `deno` on PATH"

    async def run(self, context: StepContext) -> StepResult:
        """Run the script. Success when it has ended, failure if it threw or left, error if it could not be run.

        A cancel kills its process at once.
        """
        try:
            return await self._run(context)
        except TaskProblem as problem:
            return StepResult("error", error=problem.to_failure(context, problem.details.pop("stderr", None)))

    async def close(self) -> None:
        """End all processes. Repeatable."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def _run(self, context: StepContext) -> StepResult:
        started = time.monotonic()
        name, script = _script_of(context)
        grants = grants_of(context.config, context.folder, context.services)
        modules = _modules(context.config)
        code = tuple(sorted({name: script, **modules}.items())) if modules else ()
        key = Key(context.run, _PASS.sub("", context.step), script, context.folder, grants, code)
        if self._pool is None:
            self._pool = DenoPool(self._home, self._ahead)
        process, home = await self._pool.take(key)
        reusable = False
        try:
            request = {
                "inputs": print_json({**context.data, **(context.inputs or {})}),
                "script": script,
                "media": _MEDIA.get(os.path.splitext(name)[1], _TYPESCRIPT),
                "title": name,
                "folder": context.folder,
                "file": quote(name) if code else None,
                "folder_url": f"file://{quote(home)}/code/",
            }
            stdout = Tail(STDOUT_BYTES) if context.keep_stdout else None
            # Before the tail is cut: of half a secret nobody could tell that it is one.
            mask = None if context.masker is None else context.masker.stream()

            def take(stream: str, data: bytes) -> bool:
                context.log.write(stream, data)
                if stdout is not None and stream == "stdout":
                    stdout.feed(data if mask is None else mask.feed(data))
                return context.log.full

            answer = await process.call(request, take, context.log.drain, context.timeout_ms)
            if answer is None:
                await process.finish()
            result = _result_of(context, process, answer, name, started)
            reusable = result.outcome == "success"
        finally:
            await self._pool.give_back(process, reusable)
        if stdout is not None and mask is not None:
            stdout.feed(mask.finish())
        text = None if stdout is None else stdout.text()
        return StepResult(result.outcome, result.outputs, result.error, text)


def _script_of(context: StepContext) -> tuple[str, str]:
    """Return a script's name, by which its errors call it, and its text."""
    config = context.config
    if config.get("script") is not None:
        return "script.ts", text_of(config, "script")
    file = text_of(config, "file")
    if config.get("file_text") is not None:
        name = text_of(config, "file_name") if config.get("file_name") is not None else os.path.basename(file)
        return name, text_of(config, "file_text")
    path = os.path.join(context.folder, file)
    try:
        with open(path, encoding="utf-8") as stream:
            return os.path.basename(file), stream.read()
    except FileNotFoundError:
        raise TaskProblem("executor", f"the script {path} does not exist", file=path) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise TaskProblem("executor", f"the script {path} can't be read: {reason}", file=path) from None


def _result_of(
    context: StepContext, process: DenoProcess, answer: Answer | None, name: str, started: float
) -> StepResult:
    if answer is not None and answer.error is None:
        outputs = answer.outputs or {}
        problem = check_plain(outputs)
        if problem is not None:
            raise TaskProblem("type", f"the script's outputs can't be kept: {problem}")
        return StepResult("success", outputs)
    if answer is not None:
        kind, message, details = "throw", *_told(answer.error or {}, (name, *_modules(context.config)))
    else:
        kind, message, details = _end_of(process, name)
    details["duration_ms"] = round((time.monotonic() - started) * 1000)
    failure = Failure(
        kind=kind,
        message=message,
        step=context.step,
        attempt=context.attempt,
        exit_code=process.exit_code,
        stderr=_LAST_WORDS.sub("", _BLOB.sub(name, process.stderr.text())) or None,
        details=details,
    )
    return StepResult("error" if kind == "limit" else "failure", error=failure)


def _told(error: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Return what to say of a throw: its message with the line of the script, and details."""
    # In a warm process V8 calls a text that it knows by the name it had at first.
    message = _in_our_words(_BLOB.sub(names[0], error.get("message", "")))
    stack = _BLOB.sub(names[0], error.get("stack", ""))
    details: dict[str, Any] = {}
    if error.get("name"):
        details["exception"] = error["name"]
    if stack:
        details["stack"] = stack[:_STACK_BYTES]
    place = _place(stack, names) or _place(message, names)
    if place is not None:
        details |= {"file": place[0], "line": place[1], "column": place[2]}
        shown = f"{place[0]}:{place[1]}:{place[2]}"
        if shown not in message:
            message = f"{message} (at {shown})"
    if message.startswith("SyntaxError:"):
        return message, details
    return f"{error.get('name') or 'thrown'}: {message}", details


def _in_our_words(message: str) -> str:
    """Return a message with the keys of a step in the place of the flags of a command that nobody has given."""
    message = _NOT_LISTED.sub(_not_listed, _ADVICE.sub(_permission, message))
    return message.replace(
        _NO_FOLDER,
        "a script in the workflow's own file has no folder to import from; "
        "put it into a file of its own, which `file` names",
    )


def _not_listed(match: re.Match[str]) -> str:
    if match["any_npm"]:
        target = "modules of npm"
    elif match["npm"]:
        target = f'"npm:{match["npm"]}"'
    else:
        target = f'"jsr:{match["jsr"]}"' if match["jsr"] else f'"{match["url"]}"'
    return f"import access to {target} is not permitted; `modules: […]` lists what a script may import"


def _permission(match: re.Match[str]) -> str:
    kind, target, flag = match.group(1), match.group(2) or "", match.group(3)
    cure = (
        f"; `permissions: {{{flag}: […]}}` grants it"
        if flag in ("net", "read", "write", "env", "run", "import")
        else ""
    )
    return f"{kind} access{target} is not permitted{cure}"


def _place(text: str, names: tuple[str, ...]) -> tuple[str, int, int] | None:
    """Return file, line and column of the first place in one of these files that a text tells."""
    match = re.search(rf"({'|'.join(map(re.escape, names))}):(\d+):(\d+)", text)
    return None if match is None else (match.group(1), int(match.group(2)), int(match.group(3)))


def _end_of(process: DenoProcess, name: str) -> tuple[str, str, dict[str, Any]]:
    """Return what it means that a process ended in the middle of a script."""
    printed = _BLOB.sub(name, process.stderr.text())
    place = _place(printed, (name,))
    details: dict[str, Any] = {} if place is None else {"file": name, "line": place[1], "column": place[2]}
    shown = "" if place is None else f" (at {name}:{place[1]}:{place[2]})"
    if (process.signal is not None or process.exit_code in (133, 134)) and _OUT_OF_MEMORY.search(printed):
        limit = process.grants.memory
        return "limit", f"the script took more than its {limit >> 20} MiB of memory", {"limit": limit}
    if process.signal is not None:
        return "signal", f"the script's process was ended by signal {process.signal}{shown}", details
    if process.exit_code is None:
        return "lost", "another part of this program has taken the exit status of Deno, so it is not known", details
    if process.exit_code == 1 and _NEVER in printed:
        return "throw", f"the script waits for something that will never come{shown}", details
    cure = "; a script ends by reaching its end" if process.exit_code == 0 else ""
    return "exit", f"the script ended its process with code {process.exit_code}{shown}{cure}", details


def _modules(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the modules beside a script. Their paths are made into files, so none may lead anywhere else."""
    modules = config.get("file_modules") or {}
    if type(modules) is not dict or any(type(text) is not str for text in modules.values()):
        raise TaskProblem("type", "`file_modules` of a deno step is a map of texts", field="file_modules")
    for name in (*modules, config.get("file_name") or ""):
        if os.path.isabs(name) or ".." in name.split("/") or "\0" in name:
            raise TaskProblem("type", f"a module of a script can't be called {describe(name)}", field="file_modules")
    return modules

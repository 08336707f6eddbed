"""Workflows out of a file of Python: runs it, and collects those that it makes.

Running a file runs all that stands in it. What it raises is a diagnostic at the line of the file that raised it, or
led to it; the mistakes of its workflows are diagnostics as ever. What it prints goes to standard error, as standard
output belongs to whoever asked for the workflows.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
import traceback
from collections.abc import Collection
from types import CodeType, ModuleType, TracebackType

from .. import nodes
from ..diagnostics.model import Diagnostics
from ..source import SourceFile, Span
from ..variables import Variables
from .documents import BuildError, document
from .workflow import Workflow, collected

__all__ = ["load_python"]


def load_python(
    path: str,
    diagnostics: Diagnostics,
    variables: Variables | None = None,
    step_types: Collection[str] = (),
) -> nodes.Document | None:
    """Run a file and return the tree of the workflows that it makes, in the order made.

    Those in a global list ``included`` count as included, as do workflows of other modules that steps start. None
    where the file can't be run, or makes none. The file is the module named as it is, so that its functions can be
    imported by their name; its folder comes first where modules are looked for meanwhile.
    """
    name = os.path.splitext(os.path.basename(path))[0]
    linecache.checkcache(path)
    try:
        with open(path, "rb") as file:
            source = file.read()
        code = compile(source, path, "exec")
    except OSError as error:
        reason = error.strerror or str(error)
        span = _span(path, 1)
        message = f"the file `{path}` can't be read: {reason}"
        diagnostics.add("WFE0001", message, span, "look at its name, and whether you may read it")
        return None
    except (SyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        message = f"this is not Python: {error.msg if isinstance(error, SyntaxError) else error}"
        diagnostics.add("WFE0658", message, _span(path, line or 1), "let Python run the file to see what it says")
        return None
    module = ModuleType(name)
    module.__file__ = path
    with collected() as made:
        if not _run(module, code, path, diagnostics):
            return None
    held = [value for value in module.__dict__.values() if isinstance(value, Workflow)]
    listed = module.__dict__.get("included", ())
    included = [one for one in listed if isinstance(one, Workflow)] if isinstance(listed, list | tuple) else []
    here = [workflow for workflow, names in made if names is module.__dict__]
    own = [workflow for workflow in dict.fromkeys(here or held) if workflow not in included]
    if not own:
        help = 'make one, as in `wf = Workflow("deploy", 1)`, where the file runs and not only inside a function'
        diagnostics.add("WFE0659", "the file makes no workflow", _span(path, 1), help)
        return None
    return document(*own, including=included, variables=variables, step_types=step_types, diagnostics=diagnostics)


def _run(module: ModuleType, code: CodeType, path: str, diagnostics: Diagnostics) -> bool:
    """Run a file as a module; False, and a diagnostic, where it raises."""
    folder = os.path.dirname(os.path.abspath(path))
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    sys.path.insert(0, folder)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            exec(code, module.__dict__)
    except BuildError as error:
        diagnostics.found.extend(error.diagnostics)
        return False
    except (Exception, SystemExit) as error:
        said = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
        message = f"running the file stops with {said}"
        help = 'mend what it does; what shall run only as a program goes under `if __name__ == "__main__":`'
        diagnostics.add("WFE0658", message, _span(path, _line_in(path, error.__traceback__)), help)
        return False
    finally:
        sys.path.remove(folder)
        if before is None:
            del sys.modules[module.__name__]
        else:
            sys.modules[module.__name__] = before
    return True


def _line_in(path: str, trace: TracebackType | None) -> int:
    """Return the last line of the file that the error went through."""
    lines = [line for frame, line in traceback.walk_tb(trace) if frame.f_code.co_filename == path]
    return lines[-1] if lines else 1


def _span(path: str, line: int) -> Span:
    rows = [row.rstrip("\r\n") for row in linecache.getlines(path)]
    source = SourceFile(path, os.path.abspath(path), "\n".join(rows), tuple(rows) or ("",))
    row = rows[line - 1] if line <= len(rows) else ""
    indent = len(row) - len(row.lstrip())
    return Span(source, line, indent + 1, line, max(len(row), indent + 1) + 1)

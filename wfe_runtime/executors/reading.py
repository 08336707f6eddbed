"""What an attempt prints, taken to all who want it: the log, the outputs, the tails that are kept.

Executors that run programs share it, so that outputs, limits and masking are the same in all of them. Where the
bytes come from is the executor's.
"""

from __future__ import annotations

from typing import Any, Final

from .contract import StepContext
from .outputs import FILE_BYTES, MarkerScanner, Tail, parse_json_file, parse_text_file, read_outputs
from .scratch import Scratch

__all__ = ["STDERR_BYTES", "STDOUT_BYTES", "OutputReader"]

STDOUT_BYTES: Final = 64 * 1024
"""What expressions may read of a step's standard output: its last part."""

STDERR_BYTES: Final = 4 * 1024
"""What a failure tells of standard error: its last part. The log has all of it."""


class OutputReader:
    """Takes what a process prints to everyone who wants it."""

    def __init__(self, context: StepContext) -> None:
        self.markers = MarkerScanner()
        self.stdout = Tail(STDOUT_BYTES) if context.keep_stdout else None
        self.stderr = Tail(STDERR_BYTES)
        self._context = context
        self._log = context.log
        masker = context.masker
        self._masks = {} if masker is None else {stream: masker.stream() for stream in ("stdout", "stderr")}

    def take(self, stream: str, data: bytes) -> bool:
        """Take a piece; returns whether the log wants no more for now."""
        if self._masks:
            data = self._masks[stream].feed(data)
        return self._pass_on(stream, data)

    def finish(self) -> None:
        """Take what was held back: no more will come."""
        for stream, mask in self._masks.items():
            self._pass_on(stream, mask.finish())

    def outputs(self, scratch: Scratch, output_file: str, json_file: str) -> dict[str, Any]:
        """Return the outputs of the attempt, as printed and as written to the files of these names.

        Raises TaskProblem for what can't be read.
        """
        texts = self.markers.finish()
        content = scratch.read(output_file, FILE_BYTES, "$WFE_OUTPUT")
        if content:
            texts = texts | parse_text_file(content)
        content = scratch.read(json_file, FILE_BYTES, "$WFE_OUTPUT_JSON")
        values = parse_json_file(content) if content else {}
        if not texts and not values:
            return {}
        return read_outputs(texts, values, self._context.outputs)

    def _pass_on(self, stream: str, data: bytes) -> bool:
        if data:
            self._log.write(stream, data)
            if stream == "stdout":
                self.markers.feed(data)
                if self.stdout is not None:
                    self.stdout.feed(data)
            else:
                self.stderr.feed(data)
        return self._log.full

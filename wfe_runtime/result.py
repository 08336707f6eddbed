"""How a run ended, as it is stored beside the run and given to whoever waited for it."""

from __future__ import annotations

from typing import Any

import msgspec

from wfe_vm.errors import StateError
from wfe_vm.events import Event
from wfe_vm.outcome import Failure

from .errors import RunFailed

__all__ = ["RunResult", "Tolerated", "decode_event", "decode_result", "encode_event", "encode_result"]


class Tolerated(msgspec.Struct, frozen=True):
    """A step that failed and was passed over."""

    step: str
    error: Failure | None


class RunResult(msgspec.Struct, frozen=True):
    """The end of a run. ``durability`` is the contract it was given, ``duration_ms`` its time from start to end.

    ``status`` is succeeded, failed, aborted or terminated; ``outputs`` are those of the workflow.
    """

    status: str
    outputs: dict[str, Any]
    error: Failure | None = None
    tolerated: list[Tolerated] = []
    warnings: list[str] = []
    compensated: bool = False
    durability: str = "sync"
    duration_ms: int = 0

    def require(self) -> dict[str, Any]:
        """Return the outputs of a run that succeeded. Raises RunFailed for any other."""
        if self.status != "succeeded":
            raise RunFailed(self)
        return self.outputs


_encoder = msgspec.msgpack.Encoder()
_result_decoder = msgspec.msgpack.Decoder(RunResult)
_event_decoder = msgspec.msgpack.Decoder(Event)


def encode_result(result: RunResult) -> bytes:
    return _encoder.encode(result)


def decode_result(data: bytes) -> RunResult:
    """Return how a run ended, as a store kept it. Raises StateError for what is damaged."""
    try:
        return _result_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise StateError("result", f"the stored result of a run can't be read: {error}") from error


def encode_event(event: Event) -> bytes:
    """Return an event as a run's inbox keeps it."""
    return _encoder.encode(event)


def decode_event(data: bytes) -> Event:
    """Return an event that a store kept. Raises StateError for one that is damaged, or that only a newer WFE knows."""
    try:
        event: Event = _event_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise StateError(
            "event", f"what it was told can't be read ({error}): it is damaged, or a newer wfe has sent it"
        ) from error
    return event

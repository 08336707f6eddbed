"""What every renderer asks of a diagnostic besides its fields: its secondary places, its texts on few lines."""

from __future__ import annotations

from .model import Diagnostic, Label

__all__ = ["all_labels", "on_one_line", "with_help"]


def all_labels(diagnostic: Diagnostic) -> tuple[Label, ...]:
    """Return the labels of a diagnostic, and the aliases through which its place came in."""
    labels = list(diagnostic.labels)
    via = diagnostic.span.via
    while via is not None:
        labels.append(Label(via, "brought in by this alias"))
        via = via.via
    return tuple(labels)


def with_help(diagnostic: Diagnostic) -> str:
    """Return the message with the help below it, for formats that have one text for both."""
    return f"{diagnostic.message}\nhelp: {diagnostic.help}"


def on_one_line(text: str) -> str:
    """Return a text whose line ends and other controls are visible, so that it is one line anywhere."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )

"""What can go wrong on the user's side: one base class, turned into an exit code once, in the CLI."""

from __future__ import annotations


class DedupError(Exception):
    """Say what is wrong with the input or the call, where, and what to do about it.

    Attributes:
        message: What is wrong, without file and remedy.
        file: The file it is wrong in, as the user named it; empty where no file is to blame.
        line: 1-based line, record or row number in `file`; 0 where there is none.
        hint: What to do about it, a sentence; may be empty.

    >>> print(DedupError("no field 'text' (it has: id, body)", file="news.jsonl", line=17,
    ...                  hint="Name the field with --text-field."))
    news.jsonl:17: no field 'text' (it has: id, body). Name the field with --text-field.
    """

    def __init__(self, message: str, *, file: str = "", line: int = 0, hint: str = "") -> None:
        self.message = message
        self.file = file
        self.line = line
        self.hint = hint
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(f"{where}{message}. {hint}" if hint else f"{where}{message}")


class UsageError(DedupError):
    """Two options, or an option and the files, do not go together."""


class InputError(DedupError):
    """A file or a record cannot be read as what it claims to be."""


class OutputError(DedupError):
    """The output cannot be written where it was asked for."""


class StateError(DedupError):
    """Decisions or restore data do not belong to these files, or were changed since they were written."""


class LossError(DedupError):
    """More of the input would go than --max-loss allows; nothing was written."""


class LimitError(DedupError):
    """There is more duplication than a check allows."""


class MemoryLimitError(DedupError):
    """What a run must hold in memory does not fit into --memory-limit."""


class EngineError(DedupError):
    """A part that this call needs is not installed."""

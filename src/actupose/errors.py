"""Errors that a user can cause and mend."""

from typing import ClassVar


class UserError(Exception):
    """Bad input, said in one line that names the file or key and the remedy.

    The command line prints the message without a traceback and exits with ``exit_code``.
    """

    exit_code: ClassVar[int] = 2


class RunsFailedError(UserError):
    """A suite went to its end, and some of its runs failed."""

    exit_code: ClassVar[int] = 3

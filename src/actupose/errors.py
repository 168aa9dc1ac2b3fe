"""Errors that a user can cause and mend."""


class UserError(Exception):
    """Bad input, said in one line that names the file or key and the remedy.

    The command line prints the message without a traceback and exits with code 2.
    """

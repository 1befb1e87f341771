"""Errors that a user can cause and mend."""


class UserError(Exception):
    """Bad input: one line that says what is wrong, where, and what to do.

    The command line prints the message without a traceback and exits with status 2.
    """

"""The one error type that users see."""


class FirebrickError(Exception):
    """Bad input, told in one line: what is wrong, where, and what to do.

    Command lines print the message without a traceback and exit with status 2.
    """

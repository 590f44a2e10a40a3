"""The one exception of this project's own."""


class UserError(Exception):
    """A mistake of the user's: a flag, a file.

    The message is one sentence that names the flag or file and says what to do. The scripts print
    it, without a traceback, and exit with status 2.
    """

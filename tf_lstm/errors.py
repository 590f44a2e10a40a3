"""The exceptions of this project's own."""


class UserError(Exception):
    """A mistake of the user's: a flag, a file.

    The message is one sentence that names the flag or file and says what to do. The scripts print
    it, without a traceback, and exit with status 2.
    """


class Interrupted(Exception):
    """The user, or the machine, asked the program to stop, and everything is saved.

    Args:
        message: one sentence that says how to go on.
        signal: the number of the signal; the scripts exit with 128 plus it, as shells expect.
    """

    def __init__(self, message, signal):
        super().__init__(message)
        self.signal = signal

"""The exceptions that `run_script` turns into one sentence and an exit status."""


class UserError(Exception):
    """A mistake in what the user provided, such as a flag or a file.

    The message is one sentence that names the flag or file and says what to do. `run_script`
    prints it without a traceback and exits with status 2.
    """


class Interrupted(Exception):
    """The program was asked to stop, and everything is saved.

    Args:
        message: one sentence that says how to resume.
        signal: the signal's number; the program exits with 128 plus it, as shells expect.
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal

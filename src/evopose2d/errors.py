"""The errors that a user can mend, each told in one line."""


class EvoPoseError(Exception):
    """Something the user can mend: a file, a key, a value, a missing resource.

    The message is one line that says what is wrong, where, what was received and what is allowed.
    The command line prints it without a traceback and exits with ``exit_status``.
    """

    exit_status = 1


class ConfigError(EvoPoseError):
    """A key or value of ``params.yaml``, or of an override, that cannot be used."""

    exit_status = 2


class DataError(EvoPoseError):
    """A data file (annotation, image, record, detection) that is missing or cannot be used."""


class DownloadError(EvoPoseError):
    """A file that could not be fetched, or is not the file that was expected."""


class WeightsError(EvoPoseError):
    """A weight file that does not fit the network or cannot be read."""


class TrainingError(EvoPoseError):
    """Training that cannot go on, such as a loss that is not a number."""


class SearchError(EvoPoseError):
    """A search that cannot go on, or cannot give yet what it was asked for."""


class Interrupted(EvoPoseError):  # noqa: N818 - the user's wish, not an error
    """Work that the user stopped before its end, and that goes on where it stopped."""

    exit_status = 130


class TimeLimit(Interrupted):
    """Work that has used up the time that it was given, and that goes on where it stopped.

    Its exit status is the system's for "temporary failure, try again", so that a scheduler's script can tell it.
    """

    exit_status = 75

"""What goes wrong with uploads and jobs."""

from __future__ import annotations

from enum import StrEnum


class JobFault(StrEnum):
    """One for each upload that begins (``upload_…``), or for each job that is created."""

    UPLOAD_ERROR = "upload_error"
    """The upload's last answer is 200 with an error in its body, and there is no file."""
    UPLOAD_LOST = "upload_lost"
    """The file is there, but the connection ends before the answer."""
    UPLOAD_BROKEN = "upload_broken"
    """The connection ends half way; the name stays taken by a file that nobody sees."""
    CREATE_LOST = "create_lost"
    """The job is made, but the connection ends before the answer."""
    CREATE_DROPPED = "create_dropped"
    """The connection ends, and no job is made."""
    CREATED_TWICE = "created_twice"
    """Two jobs come of one request."""
    ROW_ERRORS = "row_errors"
    """A fifth of the rows fail with code 13, and are not billed."""
    ALL_ROWS_FAIL = "all_rows_fail"
    """The job succeeds, and all of its rows fail with code 13."""
    MISSING_ROWS = "missing_rows"
    """A tenth of the rows have no line in the results, though they are billed."""
    SHUFFLED_ROWS = "shuffled_rows"
    """The results come in another order."""
    FOREIGN_ROWS = "foreign_rows"
    """Each row comes twice, among rows of nobody's keys, rows without one, and no JSON."""
    FULL_DIMENSIONS = "full_dimensions"
    """Vectors have 3,072 values, of which those asked for are the first."""
    NULL_VALUE = "null_value"
    """The first vector has a value that is null."""
    STUCK = "stuck"
    """Pending until it expires."""
    FAILED = "failed"
    """It ends as failed, without results."""
    RESULTS_GONE = "results_gone"
    """It succeeds, but its results are not to be had: 404."""
    DOWNLOAD_CUT = "download_cut"
    """The connection ends half way through the first download."""


UPLOAD_FAULTS = frozenset(fault for fault in JobFault if fault.startswith("upload_"))
CREATE_FAULTS = frozenset(JobFault) - UPLOAD_FAULTS


class Exchange(StrEnum):
    """A kind of request about files and jobs."""

    START_UPLOAD = "start_upload"
    UPLOAD = "upload"
    CREATE = "create"
    LIST = "list"
    GET = "get"
    DOWNLOAD = "download"
    CANCEL = "cancel"
    DELETE = "delete"
    """Of a job."""
    DELETE_FILE = "delete_file"


HOLDS = frozenset(
    {f"before {exchange}" for exchange in Exchange}
    | {f"after {exchange}" for exchange in set(Exchange) - {Exchange.DOWNLOAD}}
    | {"half of download"}
)
"""Where a request may be held until the client leaves: before anything was done, or when all was
but the answer."""

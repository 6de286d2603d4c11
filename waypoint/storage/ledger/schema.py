"""The ledger's tables. A change is a new migration at the end of ``MIGRATIONS``, never an edit."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from waypoint.errors import LedgerError

MIGRATIONS = (
    """
    CREATE TABLE spaces (
        id INTEGER PRIMARY KEY,
        provider TEXT NOT NULL, model TEXT NOT NULL,
        dimensions INTEGER NOT NULL, task_type TEXT NOT NULL,
        UNIQUE (provider, model, dimensions, task_type)
    ) STRICT;

    -- What was paid for, shared by all collections. A vector is float32, little-endian.
    CREATE TABLE vectors (
        text_key BLOB PRIMARY KEY,
        space_id INTEGER NOT NULL REFERENCES spaces (id),
        vector BLOB NOT NULL,
        paid_at REAL NOT NULL
    ) STRICT;

    CREATE TABLE collections (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        chroma_id TEXT NOT NULL,
        -- Chroma's metadata holds ``generation`` or, if we died while raising it, one less.
        generation INTEGER NOT NULL,
        root TEXT NOT NULL
    ) STRICT;

    CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        collection_id INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
        source TEXT NOT NULL,
        -- 'begun': Chroma may hold any part of any version. 'done': exactly this version.
        state TEXT NOT NULL CHECK (state IN ('begun', 'done')),
        size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
        read_at_ns INTEGER NOT NULL,
        digest TEXT NOT NULL,
        chunk_count INTEGER NOT NULL,
        UNIQUE (collection_id, source)
    ) STRICT;

    CREATE TABLE chunks (
        document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        chunk_id TEXT NOT NULL,
        text_key BLOB NOT NULL,
        PRIMARY KEY (document_id, chunk_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX chunks_by_text ON chunks (text_key);

    -- What cannot be ingested, for as long as it stands. chunk_id is '' for a whole document.
    CREATE TABLE rejects (
        collection_id INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
        source TEXT NOT NULL,
        chunk_id TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (collection_id, source, chunk_id)
    ) STRICT, WITHOUT ROWID;

    -- A run without an end was killed; what it had in flight may have been billed.
    CREATE TABLE runs (
        run_id TEXT PRIMARY KEY,
        started REAL NOT NULL,
        ended REAL,
        -- Everything was dealt with: neither stopped nor failed.
        complete INTEGER NOT NULL DEFAULT 0,
        most_in_flight INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Texts answered on a day of the service's calendar (Pacific time).
    CREATE TABLE usage (
        day TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
        texts INTEGER NOT NULL, tokens INTEGER NOT NULL, cost_usd REAL NOT NULL,
        PRIMARY KEY (day, provider, model)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    -- Texts that the service refuses as such: not sent again, in whatever document they stand.
    CREATE TABLE refused_texts (
        text_key BLOB PRIMARY KEY,
        reason TEXT NOT NULL,
        refused_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- What a run found out about the account, for the next one to begin with. 0: not known.
    CREATE TABLE learned_quotas (
        provider TEXT NOT NULL, model TEXT NOT NULL,
        -- Met: it is the limit; else what went through without a refusal.
        rpm INTEGER NOT NULL, rpm_met INTEGER NOT NULL,
        tpm INTEGER NOT NULL, tpm_met INTEGER NOT NULL,
        -- Tokens as the service counts them, for one that we estimate.
        token_factor REAL NOT NULL,
        learned_at REAL NOT NULL,
        PRIMARY KEY (provider, model)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    -- The way out, where there is one.
    ALTER TABLE rejects ADD COLUMN hint TEXT NOT NULL DEFAULT '';
    """,
    """
    -- The file a document is of, known from when it is done on; before, the document's source.
    ALTER TABLE documents ADD COLUMN file TEXT NOT NULL DEFAULT '';
    -- How many documents that file was when this one was read.
    ALTER TABLE documents ADD COLUMN file_documents INTEGER NOT NULL DEFAULT 1;
    UPDATE documents SET file = source;
    CREATE INDEX documents_by_file ON documents (collection_id, file);
    """,
    """
    -- Set when a process that may have been writing was killed, until the index was seen to work.
    ALTER TABLE collections ADD COLUMN doubted INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- Set while a run fills it, and after one that did not deal with everything: vectors may be
    -- paid for that no chunk is stored of yet.
    ALTER TABLE collections ADD COLUMN unfinished INTEGER NOT NULL DEFAULT 0;
    UPDATE collections SET unfinished = 1
    WHERE (SELECT complete FROM runs ORDER BY started DESC LIMIT 1) = 0;
    """,
    """
    -- Calls answered on a day: what some accounts' limit of a day counts.
    ALTER TABLE usage ADD COLUMN calls INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- What ingestions were told of the folder ``root``, as JSON: see waypoint/sources/origin.py.
    ALTER TABLE collections ADD COLUMN selection TEXT NOT NULL DEFAULT '';
    """,
    """
    -- What a document lost, or what is odd about it: a JSON list of sentences; '' for nothing.
    ALTER TABLE documents ADD COLUMN warnings TEXT NOT NULL DEFAULT '';
    """,
    """
    -- Which reader made a document, with its version; '' for one of before it was noted.
    ALTER TABLE documents ADD COLUMN reader TEXT NOT NULL DEFAULT '';
    """,
    """
    ALTER TABLE vectors RENAME COLUMN paid_at TO committed_at;
    ALTER TABLE collections RENAME COLUMN doubted TO suspect;
    ALTER TABLE collections RENAME COLUMN chroma_id TO store_id;
    -- 0: the store may hold any part of any version. 1: exactly this version.
    ALTER TABLE documents ADD COLUMN complete INTEGER NOT NULL DEFAULT 0;
    UPDATE documents SET complete = state = 'done';
    ALTER TABLE documents DROP COLUMN state;
    """,
    """
    -- Which sidecars its file had when it was read, in which versions, and what they said.
    ALTER TABLE documents ADD COLUMN sidecars TEXT NOT NULL DEFAULT '';
    ALTER TABLE documents ADD COLUMN sidecar_digest TEXT NOT NULL DEFAULT '';
    """,
    """
    -- The version its file was read in, by the word of its source; '' for none that is there. That
    -- of a local file, with the two seconds in which an edit may go unseen.
    ALTER TABLE documents ADD COLUMN version TEXT NOT NULL DEFAULT '';
    UPDATE documents SET version = size || ' ' || mtime_ns || ' ' || ctime_ns
        || CASE WHEN read_at_ns - mtime_ns < 2000000000 THEN ' racy' ELSE '' END;
    ALTER TABLE documents DROP COLUMN size;
    ALTER TABLE documents DROP COLUMN mtime_ns;
    ALTER TABLE documents DROP COLUMN ctime_ns;
    ALTER TABLE documents DROP COLUMN read_at_ns;
    """,
    """
    -- Asynchronous jobs. The id is the display name, and the name of the input file; it is noted
    -- before the service is asked for anything, so that a job whose answer was lost can be found.
    CREATE TABLE batch_jobs (
        id TEXT PRIMARY KEY,
        space_id INTEGER NOT NULL REFERENCES spaces (id),
        -- Of the key that it was asked for with: another one does not see it.
        account TEXT NOT NULL,
        -- A JobStage.
        stage TEXT NOT NULL,
        -- The service's; empty before it is known.
        name TEXT NOT NULL DEFAULT '',
        -- The job that was asked for, where the service made a second one of one request.
        twin_of TEXT NOT NULL DEFAULT '',
        texts INTEGER NOT NULL, tokens INTEGER NOT NULL,
        created REAL NOT NULL,
        submitted REAL NOT NULL DEFAULT 0,
        cancelled REAL NOT NULL DEFAULT 0,
        ended REAL NOT NULL DEFAULT 0,
        outcome TEXT NOT NULL DEFAULT '',
        committed INTEGER NOT NULL DEFAULT 0,
        cost_usd REAL NOT NULL DEFAULT 0,
        -- Given back: to another job, and to calls.
        returned INTEGER NOT NULL DEFAULT 0,
        to_calls INTEGER NOT NULL DEFAULT 0,
        -- May have been billed for nothing.
        lost_texts INTEGER NOT NULL DEFAULT 0,
        lost_usd REAL NOT NULL DEFAULT 0
    ) STRICT;

    -- Texts that wait to be put into a job, and those in one.
    CREATE TABLE batch_texts (
        text_key BLOB PRIMARY KEY,
        space_id INTEGER NOT NULL REFERENCES spaces (id),
        job_id TEXT REFERENCES batch_jobs (id),
        text TEXT NOT NULL,
        tokens INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX batch_texts_by_job ON batch_texts (job_id);

    -- Jobs that brought others' vectors but not this text's. After some, it is sent in a call.
    CREATE TABLE row_failures (
        text_key BLOB PRIMARY KEY,
        jobs INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Of a day's texts those of jobs, which the limit of a day does not count.
    ALTER TABLE usage ADD COLUMN job_texts INTEGER NOT NULL DEFAULT 0;
    """,
    """
    ALTER TABLE learned_quotas RENAME TO estimated_quotas;
    ALTER TABLE estimated_quotas RENAME COLUMN learned_at TO estimated_at;
    """,
)

SCHEMA_VERSION = len(MIGRATIONS)


def is_ledger(connection: sqlite3.Connection) -> bool:
    """Whether a database is empty, newer than this Waypoint, or has what its version should."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    found = _columns(connection)
    if version == 0:
        return not found
    with closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript("".join(MIGRATIONS[:version]))
        return version > SCHEMA_VERSION or _columns(fresh) <= found


def _columns(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """Tables with their columns."""
    return set(
        connection.execute(
            """SELECT s.name, c.name FROM sqlite_master AS s JOIN pragma_table_info(s.name) AS c
            WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite%'"""
        )
    )


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date, each step in a transaction of its own.

    Raises:
        LedgerError: the ledger was written by a newer Waypoint.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger has schema version {version}; this Waypoint knows {SCHEMA_VERSION}",
            hint="upgrade Waypoint, or use another CHROMA_PERSIST_PATH",
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version={number}; COMMIT;")

"""What must hold between records, ledger and folder: questions to the inventory.

Each function enters its findings into the inventory and returns the check's result.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from waypoint.errors import DocumentRejectedError
from waypoint.models import Sidecar, SourceFile
from waypoint.verification.checks import (
    MOST_EXAMPLES,
    CheckResult,
    informed,
    judged,
)
from waypoint.verification.inventory import Inventory
from waypoint.verification.ports import Folder

_READABLE = """NOT EXISTS (
    SELECT 1 FROM unreadable AS u
    WHERE u.folder = '' OR substr({column}, 1, length(u.folder) + 1) = u.folder || '/')"""


def by_findings(inventory: Inventory, name: str, figure: str, wrong: str) -> CheckResult:
    """The result of a check whose findings are in the inventory."""
    found = inventory.found(name)
    return judged(
        name,
        figure,
        found=found,
        wrong=wrong.format(found=f"{found:,}"),
        examples=inventory.examples(name, MOST_EXAMPLES),
    )


def check_sources(inventory: Inventory) -> CheckResult:
    """Every file is a document of the ledger, with chunks if it has any, or is rejected."""
    inventory.write(
        """INSERT INTO findings (check_name, id, source, what)
        SELECT 'sources', '', source, 'not ingested' FROM files AS f
        WHERE NOT rejected AND source NOT IN (SELECT file FROM documents)
            AND source NOT IN (SELECT file FROM rejects) ORDER BY source"""
    )
    inventory.write(
        """INSERT INTO findings (check_name, id, source, what)
        SELECT 'sources', '', source, 'none of its chunks is in the collection'
        FROM documents AS d WHERE complete AND file IN (SELECT source FROM files)
            AND chunk_count > (
                SELECT count(*) FROM rejects AS r WHERE r.source = d.source AND chunk_id != '')
            AND NOT EXISTS (SELECT 1 FROM stored AS s WHERE s.source = d.source) ORDER BY source"""
    )
    files = inventory.value("SELECT count(*) FROM files")
    rejected = inventory.value(
        """SELECT count(*) FROM files WHERE rejected
            OR source IN (SELECT source FROM rejects WHERE chunk_id = '')"""
    )
    records = inventory.value(
        """SELECT count(*) FROM rejects WHERE chunk_id = '' AND source != file
            AND file IN (SELECT source FROM files)"""
    )
    figure = f"{files:,} files, {rejected:,} of them rejected"
    if records:
        figure += f"; {records:,} records of others rejected"
    folders = inventory.value("SELECT count(*) FROM unreadable")
    if folders:
        figure += f"; {folders:,} folders cannot be listed"
    return by_findings(inventory, "sources", figure, "{found} missing")


def check_orphans(inventory: Inventory) -> CheckResult:
    """Every record is of a file that is there, or in a folder that cannot be listed.

    An image that an earlier run read by OCR, and this one would not, is there.
    """
    readable = _READABLE.format(column="s.file")
    inventory.write(
        f"""INSERT INTO findings (check_name, id, source, what)
        SELECT 'orphans', '', coalesce(source, ''), count(*) || ' chunks without a source'
        FROM stored AS s
        WHERE read AND (source IS NULL OR file NOT IN (
                SELECT source FROM files UNION ALL SELECT source FROM kept))
            AND {readable.replace("s.file", "coalesce(s.file, '')")}
        GROUP BY source ORDER BY source"""  # noqa: S608
    )
    sources = inventory.value("SELECT count(DISTINCT source) FROM stored")
    return by_findings(inventory, "orphans", f"{sources:,} sources", "{found} without a file")


def check_sequence(inventory: Inventory) -> CheckResult:
    """A document's chunks are numbered through; a rejected chunk's number is not used.

    A chunk whose number is not one, which the check of the metadata says, counts as there.
    """
    inventory.write(
        """INSERT INTO findings (check_name, id, source, what)
        SELECT 'sequence', '', source,
            there || ' chunks (' || rejected || ' rejected) with ' || distinct_indexes
                || ' indexes from ' || coalesce(least, '?') || ' to ' || coalesce(most, '?')
                || '; chunk_count says ' || coalesce(low, '?')
                || CASE WHEN low != high THEN ' and ' || high ELSE '' END
        FROM (
            SELECT source, count(*) AS there, count(chunk_index) AS indexed,
                count(DISTINCT chunk_index) AS distinct_indexes,
                min(chunk_index) AS least, max(chunk_index) AS most,
                min(chunk_count) AS low, max(chunk_count) AS high,
                (SELECT count(*) FROM rejects AS r
                    WHERE r.source = s.source AND r.chunk_id != '') AS rejected
            FROM stored AS s WHERE read AND source IS NOT NULL GROUP BY source)
        WHERE distinct_indexes != indexed OR low != high OR there + rejected != low
            OR least < 0 OR most >= high
        ORDER BY source"""
    )
    documents = inventory.value("SELECT count(DISTINCT source) FROM stored WHERE read")
    return by_findings(
        inventory, "sequence", f"{documents:,} documents", "{found} documents with gaps"
    )


def check_ids(inventory: Inventory) -> CheckResult:
    """No id is listed twice, and each that is listed can be read."""
    inventory.write(
        """INSERT INTO findings (check_name, id, source, what)
        SELECT 'ids', id, source,
            CASE WHEN times > 1 THEN 'listed ' || times || ' times'
                ELSE 'listed, but it cannot be read' END
        FROM stored WHERE times > 1 OR NOT read"""
    )
    ids = inventory.value("SELECT count(*) FROM stored")
    return by_findings(inventory, "ids", f"{ids:,} ids", "{found} wrong")


def check_ledger(inventory: Inventory, disagreement: str = "") -> CheckResult:
    """The ledger's documents are complete, and their chunks are those of the collection.

    ``disagreement``: what is different about the collection as a whole; empty for nothing.
    """
    if disagreement:
        inventory.find("ledger", "", disagreement, "the collection")
    inventory.write(
        """INSERT INTO findings (check_name, id, source, what)
        SELECT 'ledger', '', source, 'started and not completed'
        FROM documents WHERE NOT complete"""
    )
    inventory.write(
        """INSERT INTO findings (check_name, id, source, what)
        SELECT 'ledger', e.id, e.source, 'missing from the collection' FROM expected AS e
        WHERE NOT EXISTS (SELECT 1 FROM stored AS s WHERE s.id = e.id)
            AND NOT EXISTS (
                SELECT 1 FROM rejects AS r WHERE r.source = e.source AND r.chunk_id = e.id)"""
    )
    # Of a document that is only started, the collection may hold any part.
    inventory.write(
        """INSERT INTO findings (check_name, id, source, what)
        SELECT 'ledger', s.id, s.source, 'unknown to the ledger' FROM stored AS s
        WHERE s.read AND NOT EXISTS (SELECT 1 FROM expected AS e WHERE e.id = s.id)
            AND (s.source IS NULL
                OR s.source NOT IN (SELECT source FROM documents WHERE NOT complete))
        """
    )
    documents = inventory.value("SELECT count(*) FROM documents WHERE complete")
    chunks = inventory.value("SELECT count(*) FROM expected")
    return by_findings(
        inventory,
        "ledger",
        f"{documents:,} complete documents, with {chunks:,} chunks",
        "{found} disagreements",
    )


def check_stale(inventory: Inventory, folder: Folder) -> CheckResult:
    """No file has other bytes, and no sidecar says anything else, than when it was read.

    The version first, then the digest; a file of several documents, whose digests are those of
    its records, is told by its source's word alone.
    """
    candidates = inventory.rows(
        """SELECT d.source, f.source, f.path, f.size, f.version, f.sidecars,
            d.version, d.digest, d.sidecar_digest,
            d.file IN (SELECT file FROM rejects WHERE chunk_id = '')
        FROM documents AS d JOIN files AS f ON f.source = d.file
        WHERE d.complete AND NOT f.rejected
            AND (f.version != d.version OR f.sidecar_version != d.sidecars)
            -- One that is rejected now keeps its older version: that is known.
            AND d.source NOT IN (SELECT source FROM rejects WHERE chunk_id = '')
            AND d.file NOT IN (SELECT source FROM rejects WHERE chunk_id = '')
        ORDER BY d.source"""
    )
    stale = []
    for source, file, path, size, version, packed, *before in candidates:
        read_version, digest, sidecar_digest, has_rejects = before
        sidecars = tuple(Sidecar(**each) for each in orjson.loads(packed or b"[]"))
        found = SourceFile(file, Path(path), size, version, sidecars)
        # Any document of a file may be a record that is rejected now, in the version that others
        # were read from.
        if has_rejects and _is_read(inventory, folder, found):
            continue
        changed = ""
        if source == file:
            changed = _changed(folder, found, digest)
        elif folder.is_edited(found, read_version):
            changed = "its file has changed since it was ingested"
        if not changed and folder.sidecar_digest(found) != sidecar_digest:
            changed = "its sidecars have changed since it was ingested"
        if changed:
            stale.append((source, changed))
    for source, what in stale:
        inventory.find("stale", "", what, source)
    documents = inventory.value("SELECT count(*) FROM documents WHERE complete")
    return by_findings(inventory, "stale", f"{documents:,} documents", "{found} changed since")


def _is_read(inventory: Inventory, folder: Folder, file: SourceFile) -> bool:
    """Whether any document was read from a file as it is now."""
    versions = inventory.rows(
        "SELECT DISTINCT version FROM documents WHERE file = ? AND version != ''", file.source
    )
    return any(not folder.is_edited(file, version) for (version,) in versions)


def _changed(folder: Folder, file: SourceFile, digest: str) -> str:
    try:
        return "" if folder.digest(file) == digest else "changed since it was ingested"
    except DocumentRejectedError as error:
        return f"it can no longer be read: {error.reason}"


def count_contents(inventory: Inventory) -> CheckResult:
    """How many chunks have the text of another, and how many have none."""
    repeated = inventory.value(
        """SELECT coalesce(sum(chunks), 0) FROM (
            SELECT count(*) - 1 AS chunks FROM stored WHERE read GROUP BY hash)"""
    )
    empty = inventory.value("SELECT coalesce(sum(empty), 0) FROM stored WHERE read")
    chunks = inventory.value("SELECT count(*) FROM stored")
    return informed(
        "contents",
        f"{chunks:,} chunks, {repeated:,} with the text of another, {empty:,} empty",
    )

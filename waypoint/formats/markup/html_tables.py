"""Tables of a page made plain: cells that span, tables that only lay out, code beside numbers."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

_GUTTER = (
    "td[class*=lineno], td[class*=gutter], td[class*=line-number], td[class*=linenumber], td.lnt, "
    "td[class*=blob-num], td[class*=ln-num], span[class*=lineno], span[class*=line-number], "
    "span[class*=linenumber], span.ln, a[class*=lineno], a[class*=line-number], [data-line-number]"
)
_NUMBERS = re.compile(r"[\s\d.:|]*")
_MOST_SPAN = 100
_MOST_COPIES = 5_000


def plain_code_tables(tree: LexborHTMLParser) -> None:
    """Code in a table beside its line numbers: the code as a block, without these."""
    for gutter in tree.css(_GUTTER):
        if _NUMBERS.fullmatch(gutter.text()):
            gutter.decompose()
    for table in reversed(tree.css("table")):
        rows = _rows(table)
        _drop_numbers(rows)
        cells = [cell for row in rows for cell in _cells(row) if cell.text().strip()]
        if not cells or len(cells) > len(rows):
            continue
        if len(cells) == 1 and (code := cells[0].css_first("pre")) is not None:
            replace_with_html(table, f"<pre>{code.inner_html}</pre>")
        elif len(cells) > 1 and all(_is_code(cell) for cell in cells):
            lines = "\n".join(_escaped(cell.text().rstrip("\n")) for cell in cells)
            replace_with_html(table, f"<pre><code>{lines}</code></pre>")


def _drop_numbers(rows: list[LexborNode]) -> None:
    """Without a first column of line numbers, where all else is code."""
    for row in rows:
        cells = _cells(row)
        if len(cells) == 2 and _is_code(cells[1]) and cells[1].css_first("pre") is not None:
            lines = cells[0].text().split()
            if lines and all(line.isdigit() for line in lines) and _count_up(lines):
                cells[0].decompose()


def _count_up(lines: list[str]) -> bool:
    first = int(lines[0][:9])
    return len(lines) > 1 and lines == [str(first + n) for n in range(len(lines))]


def _is_code(cell: LexborNode) -> bool:
    return "code" in (cell.attributes.get("class") or "") or (
        cell.css_first("pre, code") is not None
        and all(child.tag in ("pre", "code", "div") for child in cell.iter())
    )


def plain_tables(tree: LexborHTMLParser) -> None:
    """Each table as one of simple cells; one that only lays out the page, as its parts."""
    left = _MOST_COPIES
    for table in reversed(tree.css("table")):
        if _lays_out(table):
            replace_with_html(table, f"<div>{_as_parts(table)}</div>")
        else:
            left = _fill_spans(_rows(table), left)


def _lays_out(table: LexborNode) -> bool:
    return table.attributes.get("role") in ("presentation", "none") or any(
        cell.css_first("h1, h2, h3, h4, h5, h6, table") is not None
        for row in _rows(table)
        for cell in _cells(row)
        if cell.tag == "td"
    )


def _as_parts(table: LexborNode) -> str:
    return "".join(f"<div>{cell.inner_html}</div>" for row in _rows(table) for cell in _cells(row))


def _fill_spans(rows: list[LexborNode], left: int) -> int:
    """Repeat a cell in each row it spans, and a name above each column it spans.

    So that each row says all that it is about. At most ``left`` copies; returns how many more
    may be made.
    """
    carried: dict[int, tuple[int, LexborNode]] = {}
    for number, row in enumerate(rows):
        column = 0
        cells = _cells(row)
        names = all(cell.tag == "th" for cell in cells)
        for cell in cells:
            while column in carried and left > 0:
                cell.insert_before(carried[column][1])
                left -= 1
                _count_down(carried, column)
                column += 1
            height = min(_span(cell, "rowspan"), len(rows) - number)
            width = _span(cell, "colspan")
            _without_spans(cell)
            copies = width if names or height > 1 else 1
            for _ in range(copies - 1):
                if left > 0:
                    cell.insert_after(cell)
                    left -= 1
            if copies == 1 and width > 1:
                cell.attrs["colspan"] = str(width)
            for _ in range(width):
                if height > 1:
                    carried[column] = height - 1, cell
                column += 1
        while column in carried and left > 0 and cells:
            row.insert_child(carried[column][1])
            left -= 1
            _count_down(carried, column)
            column += 1
    return left


def _count_down(carried: dict[int, tuple[int, LexborNode]], column: int) -> None:
    rows, cell = carried.pop(column)
    if rows > 1:
        carried[column] = rows - 1, cell


def _without_spans(cell: LexborNode) -> None:
    for name in ("rowspan", "colspan"):
        if name in cell.attributes:
            del cell.attrs[name]


def _span(cell: LexborNode, name: str) -> int:
    written = (cell.attributes.get(name) or "").strip()
    number = int(written) if re.fullmatch(r"\d{1,6}", written) else 1
    return number if 0 < number < _MOST_SPAN else 1


def _rows(table: LexborNode) -> list[LexborNode]:
    """Its own rows, not those of tables within."""
    rows = []
    for part in table.iter():
        if part.tag == "tr":
            rows.append(part)
        elif part.tag in ("thead", "tbody", "tfoot"):
            rows += [row for row in part.iter() if row.tag == "tr"]
    return rows


def _cells(row: LexborNode) -> list[LexborNode]:
    return [cell for cell in row.iter() if cell.tag in ("td", "th")]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def replace_with_html(node: LexborNode, html: str) -> None:
    """``html``: one element."""
    fragment = LexborHTMLParser(html, is_fragment=True)
    if fragment.root is not None:
        node.replace_with(fragment.root)

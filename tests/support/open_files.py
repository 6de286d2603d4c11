# ruff: noqa: E501 - an element of XML a line
"""OpenDocument files for tests."""

from __future__ import annotations

from tests.support.office_files import Parts, zip_file

NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
    for name, long in {
        "office": "office", "text": "text", "table": "table", "draw": "drawing", "style": "style",
        "svg": "svg-compatible", "presentation": "presentation", "meta": "meta",
    }.items()
) + ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:math="http://www.w3.org/1998/Math/MathML"'  # fmt: skip

STYLES = (
    '<style:style style:name="up" style:family="text"><style:text-properties style:text-position="super 58%"/></style:style>'
    '<style:style style:name="up2" style:family="text" style:parent-style-name="up"/>'
    '<style:style style:name="down" style:family="text"><style:text-properties style:text-position="-33% 58%"/></style:style>'
    '<style:style style:name="gone" style:family="text"><style:text-properties text:display="none"/></style:style>'
    '<style:style style:name="off" style:family="table"><style:table-properties table:display="false"/></style:style>'
    '<style:style style:name="dark" style:family="drawing-page"><style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
    '<text:list-style style:name="L"><text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>'
    '<text:list-level-style-number text:level="2" style:num-format="a" style:num-prefix="(" style:num-suffix=")"/></text:list-style>'
    '<text:list-style style:name="B"><text:list-level-style-bullet text:level="1" text:bullet-char="•"/></text:list-style>'
)
OUTLINE = (
    '<text:outline-style><text:outline-level-style text:level="1" style:num-format="I" style:num-suffix="."/>'
    '<text:outline-level-style text:level="2" style:num-format="1" text:display-levels="2"/></text:outline-style>'
)


def document(kind: str, body: str, *, styles: str = "", more: Parts | None = None) -> bytes:
    """``kind``: text, spreadsheet or presentation; ``styles``: of its part for styles."""
    content = f"<office:document-content {NAMES}><office:automatic-styles>{STYLES}</office:automatic-styles><office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    parts: Parts = {
        "mimetype": b"application/vnd.oasis.opendocument." + kind.encode(),
        "content.xml": content.encode(),
        "styles.xml": f"<office:document-styles {NAMES}>{styles}</office:document-styles>".encode(),
        "Configurations2/accelerator/current.xml": b"",
    }
    return zip_file({**parts, **(more or {})})


def p(text: str) -> str:
    """A paragraph."""
    return f"<text:p>{text}</text:p>"

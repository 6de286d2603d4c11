"""Equations (OMML of Office, MathML) as text, in the manner of LaTeX."""

from __future__ import annotations

import re

from waypoint.formats.markup.zipped_xml import Element, local_name
from waypoint.formats.office.ooxml import MC, M, W, chosen

_TOKEN = re.compile(r"\w|\d+(?:[.,]\d+)*|\\?[^\W\d_]+")
_SKIPPED = frozenset({"ctrlPr", "rPr", "del", "moveFrom", "annotation"})


def math_text(element: Element) -> str:
    r"""An ``m:oMath`` or a part of one: ``E=mc^2``, ``\frac{a}{b}``, ``\sqrt{x}``."""
    name = local_name(element)
    write = _WRITERS.get(name)
    if write is not None:
        return write(element)
    if name in _SKIPPED or name.endswith("Pr"):
        return ""
    if element.tag in (f"{M}t", f"{W}t"):
        return element.text or ""
    return "".join(map(math_text, _children(element)))


def _children(element: Element) -> list[Element]:
    children: list[Element] = []
    for child in element:
        children.extend(chosen(child) if child.tag == f"{MC}AlternateContent" else [child])
    return children


def _part(element: Element, name: str) -> str:
    part = element.find(f"{M}{name}")
    return "" if part is None else math_text(part).strip()


def _property(element: Element, name: str, default: str) -> str:
    """A property of an element's own; default if it isn't there, empty if it is so."""
    found = element.find(f"{M}{local_name(element)}Pr/{M}{name}")
    return default if found is None else found.get(f"{M}val", default)


def _grouped(text: str) -> str:
    return text if _TOKEN.fullmatch(text) else f"{{{text}}}"


def _fraction(element: Element) -> str:
    over, under = _part(element, "num"), _part(element, "den")
    kind = _property(element, "type", "bar")
    if kind == "noBar":
        return rf"\binom{{{over}}}{{{under}}}"
    return (
        f"{_grouped(over)}/{_grouped(under)}" if kind == "lin" else rf"\frac{{{over}}}{{{under}}}"
    )


def _scripts(element: Element) -> str:
    base, low, high = (_part(element, name) for name in ("e", "sub", "sup"))
    if local_name(element) == "sPre":
        return f"{{}}_{_grouped(low)}^{_grouped(high)}{base}"
    return base + (f"_{_grouped(low)}" if low else "") + (f"^{_grouped(high)}" if high else "")


def _root(element: Element) -> str:
    degree = _part(element, "deg")
    return rf"\sqrt{f'[{degree}]' if degree else ''}{{{_part(element, 'e')}}}"


def _nary(element: Element) -> str:
    sign = _property(element, "chr", "∫")
    low, high = _part(element, "sub"), _part(element, "sup")
    bounds = (f"_{_grouped(low)}" if low else "") + (f"^{_grouped(high)}" if high else "")
    return f"{sign}{bounds} {_part(element, 'e')}"


def _delimited(element: Element) -> str:
    begin, end = _property(element, "begChr", "("), _property(element, "endChr", ")")
    separator = _property(element, "sepChr", "|")
    inner = separator.join(math_text(each).strip() for each in element.findall(f"{M}e"))
    return f"{begin}{inner}{end}"


def _function(element: Element) -> str:
    name, of = _part(element, "fName"), _part(element, "e")
    return f"{name} {of}" if name[-1:].isalnum() and of[:1].isalnum() else name + of


def _matrix(element: Element) -> str:
    rows = [
        " & ".join(math_text(cell).strip() for cell in row.findall(f"{M}e"))
        for row in element.findall(f"{M}mr")
    ]
    return r"\begin{matrix}" + r" \\ ".join(rows) + r"\end{matrix}"


def _lines(element: Element) -> str:
    return r" \\ ".join(math_text(each).strip() for each in element.findall(f"{M}e"))


def _accent(element: Element) -> str:
    base, mark = _part(element, "e"), _property(element, "chr", "\u0302")
    if len(base) == 1:
        return base + mark
    named = {"\u0302": r"\hat", "\u0303": r"\tilde", "\u0304": r"\bar", "\u0305": r"\overline"}
    return rf"{named.get(mark, '')}{{{base}}}" if mark in named else f"{{{base}}}{mark}"


def _bar(element: Element) -> str:
    where = r"\overline" if _property(element, "pos", "bot") == "top" else r"\underline"
    return f"{where}{{{_part(element, 'e')}}}"


def _limit(element: Element) -> str:
    sign = "_" if local_name(element) == "limLow" else "^"
    return f"{_part(element, 'e')}{sign}{_grouped(_part(element, 'lim'))}"


def _phantom(element: Element) -> str:
    return "" if _property(element, "show", "1") in ("0", "off", "false") else _part(element, "e")


_WRITERS = {
    "f": _fraction,
    "sSup": _scripts,
    "sSub": _scripts,
    "sSubSup": _scripts,
    "sPre": _scripts,
    "rad": _root,
    "nary": _nary,
    "d": _delimited,
    "func": _function,
    "m": _matrix,
    "eqArr": _lines,
    "acc": _accent,
    "bar": _bar,
    "limLow": _limit,
    "limUpp": _limit,
    "phant": _phantom,
}


def mathml_text(element: Element) -> str:
    """MathML in the same manner."""
    name = local_name(element)
    if name in ("annotation", "annotation-xml"):
        return ""
    if name in ("mi", "mn", "mo", "mtext", "ms"):
        return " ".join("".join(element.itertext()).split())
    parts = [mathml_text(child) for child in element]
    if name == "mtable":
        return r"\begin{matrix}" + r" \\ ".join(parts) + r"\end{matrix}"
    if name == "mtr":
        return " & ".join(parts)
    if name == "msqrt":
        return rf"\sqrt{{{''.join(parts)}}}"
    match name, parts:
        case "mfrac", [over, under]:
            return rf"\frac{{{over}}}{{{under}}}"
        case "mroot", [of, degree]:
            return rf"\sqrt[{degree}]{{{of}}}"
        case (("msup" | "mover"), [base, high]):
            return f"{base}^{_grouped(high)}"
        case (("msub" | "munder"), [base, low]):
            return f"{base}_{_grouped(low)}"
        case (("msubsup" | "munderover"), [base, low, high]):
            return f"{base}_{_grouped(low)}^{_grouped(high)}"
    return "".join(parts)

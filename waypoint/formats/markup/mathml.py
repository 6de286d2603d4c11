"""Equations of web pages (MathML) as text, in the manner of LaTeX."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

_TOKEN = re.compile(r"\w|\d+(?:[.,]\d+)*|\\?[^\W\d_]+")
_TOKENS = frozenset({"mi", "mn", "mo", "mtext", "ms"})
_UNSEEN = frozenset({"annotation", "annotation-xml", "mphantom", "-comment"})
_INVISIBLE = dict.fromkeys(map(ord, "\u2061\u2062\u2063\u2064"))
_MOST_DEPTH = 64


def mathml_text(math: LexborNode) -> str:
    r"""A ``math`` element: its TeX, if it says so, else ``E=mc^2``, ``\frac{a}{b}``."""
    tex = math.css_first('annotation[encoding="application/x-tex"], annotation[encoding="TeX"]')
    text = tex.text() if tex is not None else _text(math, 0)
    return " ".join(text.translate(_INVISIBLE).split())


def _text(node: LexborNode, depth: int) -> str:
    name = node.tag or ""
    if name in _UNSEEN:
        return ""
    if name == "-text":
        return (node.text_content or "").strip()
    if name in _TOKENS or depth > _MOST_DEPTH:
        return node.text().strip()
    parts = [_text(child, depth + 1) for child in node.iter()]
    if name == "msqrt":
        return rf"\sqrt{{{''.join(parts)}}}"
    write = _WRITERS.get(name)
    if write is None or len(parts) < write[0]:
        return "".join(parts) or node.text(deep=False).strip()
    return write[1].format(*parts, *map(_grouped, parts))


def _grouped(text: str) -> str:
    return text if _TOKEN.fullmatch(text) else f"{{{text}}}"


_WRITERS = {
    "msup": (2, "{0}^{3}"),
    "msub": (2, "{0}_{3}"),
    "msubsup": (3, "{0}_{4}^{5}"),
    "mover": (2, "{0}^{3}"),
    "munder": (2, "{0}_{3}"),
    "munderover": (3, "{0}_{4}^{5}"),
    "mfrac": (2, r"\frac{{{0}}}{{{1}}}"),
    "mroot": (2, r"\sqrt[{1}]{{{0}}}"),
}
"""How many parts, and how they are written: as they are first, then each as one."""

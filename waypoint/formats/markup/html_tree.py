"""A page's tree, made plain before it is converted: what a reader sees, in simple elements."""

from __future__ import annotations

import re

# Lexbor, bound (Apache, MIT): parses as browsers do, at 60 MB/s, into a tree that can be changed.
from selectolax.lexbor import LexborHTMLParser, LexborNode

from waypoint.formats.losses import Losses
from waypoint.formats.markup.html_tables import plain_code_tables, plain_tables, replace_with_html
from waypoint.formats.markup.mathml import mathml_text
from waypoint.formats.text.scripts import Script, with_scripts

_UNSEEN = (
    "script, style, noscript, datalist, rp, .katex-html, mjx-container > svg, .MathJax_Preview, "
    ".MathJax, .MathJax_Display, input[type=hidden i], input[type=password i]"
)
_NAVIGATION = "nav, [role=navigation], [role=search], [role=menubar]"
_NAMES = ", ".join(
    f"[{attribute}*={name} i]"
    for attribute in ("class", "id")
    for name in ("nav", "menu", "sidebar", "breadcrumb", "pagination", "toc", "footer")
)
_MAY_BE_NAVIGATION = (
    f"header, footer, aside, [role=contentinfo], :is(div, ul, ol, p, section, table):is({_NAMES})"
)
_MOSTLY = 0.8
_WORD = re.compile(r"\w+")
_ONLY_DIGITS = re.compile(r"\[?\d{1,4}\]?")
_LINK_WORDS = re.compile(r"(?:perma|anchor|direct )?\s*link\b.*|anchor|copy.*", re.IGNORECASE)
_PERMALINK = "a[class*=headerlink], a[class*=hash-link], a[class*=anchor], a[class*=permalink]"
_COPY = "button[class*=copy i], button[class*=clip i], button[data-clipboard-text]"
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_INLINE = frozenset(
    {"a", "abbr", "b", "cite", "em", "font", "i", "small", "span", "strong", "u", "var", "mark"}
)
_LOST = (
    ("iframe:not([hidden]):not([height='0']):not([width='0']), frame", "embedded pages not read"),
    ("video, audio", "videos and sounds not read"),
    ("embed, object", "embedded objects not read"),
    ("canvas", "drawings made by a script not read"),
)
_TYPES = {"a": "abcdefghijklmnopqrstuvwxyz", "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_ROMAN = (
    *((100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x")),
    *((9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)


def make_plain(tree: LexborHTMLParser, losses: Losses) -> None:
    """Change the tree so that a plain conversion to Markdown loses nothing that is seen."""
    for script in tree.css("script[type^='math/tex']"):
        script.replace_with(f" {script.text()} ")
    _remove(tree, _UNSEEN)
    for template in tree.css("template"):
        _show_or_remove(template)
    _show_panels(tree)
    _remove_navigation(tree)
    for math in tree.css("math"):
        math.replace_with(mathml_text(math))
    _lines_of_code(tree)
    _permalinks(tree)
    _ruby(tree)
    _raised_and_lowered(tree)
    _pictures(tree, losses)
    _form_fields(tree)
    for selector, what in _LOST:
        for node in tree.css(selector):
            if not _within_hidden(node):
                losses.add(what)
    _remove(tree, "iframe, frame, video, audio, embed")
    _list_markers(tree)
    plain_tables(tree)


def _remove(tree: LexborHTMLParser, selector: str) -> None:
    for node in tree.css(selector):
        node.decompose()


def _show_or_remove(template: LexborNode) -> None:
    """What is in a template is not on the page, unless it is the page's shadow tree."""
    if "shadowrootmode" in template.attributes:
        for fragment in template.template_fragments():
            for child in list(fragment.iter(include_text=True)):
                template.insert_before(child)
    template.decompose()


def _show_panels(tree: LexborHTMLParser) -> None:
    """What is hidden until a reader opens it: tabs, and what folds."""
    opened = {node.attributes.get("aria-controls") for node in tree.css("[aria-controls]")}
    for node in tree.css("[hidden], [style*='display' i]"):
        given = node.attributes
        if given.get("role") == "tabpanel" or (given.get("id") or "-") in opened:
            for name in ("hidden", "style"):
                if name in given:
                    del node.attrs[name]


def _remove_navigation(tree: LexborHTMLParser) -> None:
    """Navigation, told by its element or role; by its class only if it is made of links."""
    body = tree.body
    if body is None:
        return
    found = tree.css(_NAVIGATION) + [
        node for node in tree.css(_MAY_BE_NAVIGATION) if _is_made_of_links(node)
    ]
    ids = {node.mem_id for node in found}
    outermost = [node for node in found if not _lies_in(node, ids)]
    # Else it is all there is.
    if outermost and sum(map(_size, outermost)) < _size(body):
        for node in outermost:
            node.decompose()


def _size(node: LexborNode) -> int:
    """Letters and digits of its text."""
    return sum(map(len, _WORD.findall(node.text())))


def _lies_in(node: LexborNode, ids: set[int]) -> bool:
    above = node.parent
    while above is not None and above.mem_id not in ids:
        above = above.parent
    return above is not None


def _is_made_of_links(node: LexborNode) -> bool:
    links = node.css("a[href]")
    if len(links) < 2 or node.css_first("h1, pre") is not None:
        return False
    return sum(map(_size, links)) > _MOSTLY * _size(node)


def _lines_of_code(tree: LexborHTMLParser) -> None:
    _remove(tree, _COPY)
    plain_code_tables(tree)


def _permalinks(tree: LexborHTMLParser) -> None:
    """The sign that shows a heading's address is none of its words; nor is the way back."""
    for link in tree.css("a[href]"):
        if not _WORD.search(link.text()) and link.css_first("img[alt]") is None:
            link.decompose()
    for link in tree.css(_PERMALINK):
        parent = link.parent
        text = link.text().strip()
        if (
            parent is not None
            and _LINK_WORDS.fullmatch(text)
            and parent.text().strip() != text
            and (parent.tag in _HEADINGS or parent.tag == "dt")
        ):
            link.decompose()


def _ruby(tree: LexborHTMLParser) -> None:
    for reading in tree.css("ruby rt"):
        text = reading.text().strip()
        reading.replace_with(f"({text})" if text else "")


def _raised_and_lowered(tree: LexborHTMLParser) -> None:
    for node in tree.css("sup, sub"):
        text = node.text()
        before, after = _beside(node, before=True), _beside(node, before=False)
        link = node.css_first("a[href*='#']")
        if node.tag == "sup" and link is not None and _ONLY_DIGITS.fullmatch(text.strip()):
            node.replace_with(text if "[" in text else f"[{text.strip()}]")
            continue
        script: Script = "^" if node.tag == "sup" else "_"
        whole = with_scripts([("", before), (script, text), ("", after)])
        node.replace_with(whole[len(before) : len(whole) - len(after)])


def _beside(node: LexborNode, *, before: bool) -> str:
    """The character next to an element, on its line; empty if there is none."""
    here: LexborNode | None = node
    while here is not None:
        beside = here.prev if before else here.next
        if beside is None:
            here = here.parent
            if here is None or here.tag not in _INLINE:
                return ""
            continue
        if beside.tag == "-text" or beside.tag in _INLINE | {"sup", "sub", "code"}:
            text = beside.text() if beside.tag != "-text" else beside.text_content or ""
            if text:
                return text[-1] if before else text[0]
            here = beside
            continue
        return ""
    return ""


def _pictures(tree: LexborHTMLParser, losses: Losses) -> None:
    for drawing in tree.css("svg"):
        words = [node.text().strip() for node in drawing.css("text, foreignObject, foreignobject")]
        label = drawing.attributes.get("aria-label") or ""
        drawing.replace_with(_apart(drawing, " ".join(filter(None, words)) or label.strip()))
    for image in tree.css("img"):
        given = image.attributes
        alternative = " ".join((given.get("alt") or given.get("title") or "").split())
        if alternative:
            image.replace_with(_apart(image, alternative))
        elif "alt" not in given and not _is_decoration(image):
            losses.add("images without alternative text")


def _apart(node: LexborNode, text: str) -> str:
    """The text, with a space where it would run into the words beside it."""
    before, after = _beside(node, before=True), _beside(node, before=False)
    start = " " if before.isalnum() and text[:1].isalnum() else ""
    end = " " if after.isalnum() and text[-1:].isalnum() else ""
    return f"{start}{text}{end}"


def _is_decoration(image: LexborNode) -> bool:
    given = image.attributes
    sizes = [given.get(name) or "" for name in ("width", "height")]
    return (
        given.get("role") in ("presentation", "none")
        or given.get("aria-hidden") == "true"
        or any(size in ("0", "1", "1px", "0px") for size in sizes)
        or _within_hidden(image)
    )


def _within_hidden(node: LexborNode | None) -> bool:
    while node is not None and node.tag not in ("body", "html", "-document"):
        given = node.attributes
        style = (given.get("style") or "").replace(" ", "").lower()
        if "hidden" in given or "display:none" in style:
            return True
        node = node.parent
    return False


def _form_fields(tree: LexborHTMLParser) -> None:
    for field in tree.css("input"):
        given = field.attributes
        if (given.get("type") or "").lower() in ("checkbox", "radio"):
            field.replace_with(" [x] " if "checked" in given else " [ ] ")
        else:
            field.replace_with(f" {given.get('value') or given.get('alt') or ''} ")
    for choice in tree.css("select"):
        options = choice.css("option")
        chosen = any("selected" in option.attributes for option in options)
        texts = [
            ("[x] " if "selected" in option.attributes else "[ ] " if chosen else "")
            + " ".join(option.text().split())
            for option in options
        ]
        choice.replace_with(f" {', '.join(texts)} ")


def _list_markers(tree: LexborHTMLParser) -> None:
    """Numbers that counting from the list's start would not give are written out."""
    for numbered in reversed(tree.css("ol")):
        given = numbered.attributes
        kind = given.get("type") or "1"
        items = [child for child in numbered.iter() if child.tag == "li"]
        own = any("value" in item.attributes for item in items)
        if not (own or "reversed" in given or kind != "1"):
            continue
        step = -1 if "reversed" in given else 1
        number = _number(given.get("start"), len(items) if step < 0 else 1)
        parts = []
        for item in items:
            number = _number(item.attributes.get("value"), number)
            parts.append(f"<li>{_marker(number, kind)} {item.inner_html}</li>")
            number += step
        replace_with_html(numbered, f"<ul>{''.join(parts)}</ul>")


def _number(written: str | None, otherwise: int) -> int:
    if written is not None and re.fullmatch(r"-?\d{1,9}", written.strip()):
        return int(written)
    return otherwise


def _marker(number: int, kind: str) -> str:
    if kind in _TYPES and 1 <= number <= 26:
        return f"{_TYPES[kind][number - 1]}."
    if kind in ("i", "I") and 1 <= number < 400:
        letters = ""
        for value, letter in _ROMAN:
            letters += letter * (number // value)
            number %= value
        return f"{letters.upper() if kind == 'I' else letters}."
    return f"{number}."

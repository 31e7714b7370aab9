"""The pieces of a study's page: those of all pages, a list of contents, and figures as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from hepatica.results import hypertext
from hepatica.results.hypertext import Row, rule, table, text

__all__ = ["Row", "document", "figure", "picture", "rule", "table", "text"]


def document(title: str, lead: str, sections: Sequence[tuple[str, str]]) -> str:
    """A page: sections are titles, which are escaped, and HTML, which is not."""
    links = "\n".join(
        f'<a href="#s{n}">{text(name)}</a>' for n, (name, _) in enumerate(sections, 1)
    )
    body = "\n".join(
        f'<section>\n<h2 id="s{n}">{text(name)}</h2>\n{inner}\n</section>'
        for n, (name, inner) in enumerate(sections, 1)
    )
    return hypertext.page(title, body, lead, links)


def figure(number: int, caption: str, svg: bytes) -> str:
    """An SVG in the page, its ids its own there; raises ParseError if it is none."""
    return hypertext.figure(_inline(svg, f"f{number}-", text(caption)), caption)


def picture(words: str, png: bytes) -> str:
    """A PNG in the page, under what it shows."""
    return hypertext.figure(hypertext.png(png, words), words)


def _inline(svg: bytes, prefix: str, label: str) -> str:
    """SVG as a part of a page: without namespaces, its ids its own there; `label` is HTML."""
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        given = dict(element.attrib)
        element.attrib.clear()
        for key, value in given.items():
            key = key.rpartition("}")[2]
            if key == "id":
                value = prefix + value
            elif key == "href" and value.startswith("#"):
                value = f"#{prefix}{value[1:]}"
            element.set(key, value.replace("url(#", f"url(#{prefix}"))
    inner = ElementTree.tostring(root, encoding="unicode", method="html")
    return inner.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)

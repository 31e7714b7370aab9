"""The pieces of a page without scripts that asks the network for nothing, and prints on A4."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from xml.etree import ElementTree

import hepatica
from hepatica.evaluate.report.words import one_line
from hepatica.results.notice import RESEARCH_ONLY

STYLE = """
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0 auto;max-width:66rem;padding:1rem;background:#fff;color:#1a1a1a;
font:16px/1.45 system-ui,"Segoe UI",Roboto,"DejaVu Sans",Arial,sans-serif}
h1{font-size:1.6rem;line-height:1.2;margin:.8rem 0 .4rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;margin:2rem 0 .5rem;border-bottom:1px solid #bbb}
.lead{font-size:1.1rem}
.notice{border:1px solid #8a3b00;border-left-width:.5rem;padding:.4rem .7rem;font-weight:600}
.rule,figcaption,footer{color:#444;font-size:.9rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;margin:.5rem 0}
th,td{padding:.25rem .6rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
tbody th{font-weight:400;overflow-wrap:anywhere;white-space:normal;min-width:8rem}
tbody th[colspan]{font-weight:600;padding-top:.6rem}
thead th{border-bottom:2px solid #555;vertical-align:bottom;white-space:normal}
figure{margin:1rem 0}
figure svg,figure img{display:block;max-width:100%;height:auto}
nav a{margin-right:.8rem;white-space:nowrap}
@media (max-width:40rem){
th,td{padding:.2rem .35rem}
tbody th{min-width:6rem}
}
@page{size:A4;margin:15mm}
@media print{
body{max-width:none;padding:0;font-size:10pt}
nav{display:none}
.wide{overflow:visible}
table{font-size:7.5pt}
th,td{padding:.12rem .3rem}
thead{display:table-header-group}
tr,figure,.notice,table.short{break-inside:avoid}
h2{break-after:avoid}
figure svg{max-height:110mm}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
"""

Row = Sequence[str]


def document(title: str, lead: str, sections: Sequence[tuple[str, str]]) -> str:
    """A page: sections are titles, which are escaped, and HTML, which is not."""
    links = "\n".join(
        f'<a href="#s{n}">{text(name)}</a>' for n, (name, _) in enumerate(sections, 1)
    )
    body = "\n".join(
        f'<section>\n<h2 id="s{n}">{text(name)}</h2>\n{inner}\n</section>'
        for n, (name, inner) in enumerate(sections, 1)
    )
    notice = f'<p class="notice">{text(RESEARCH_ONLY)}</p>'
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{text(title)}</h1>
{notice}
<p class="lead">{text(lead)}</p>
</header>
<nav>
{links}
</nav>
<main>
{body}
</main>
<footer>
{notice}
<p>Made by Hepatica {text(hepatica.__version__)}.</p>
</footer>
</body>
</html>
"""


def figure(number: int, caption: str, svg: bytes) -> str:
    """An SVG in the page, its ids its own there; raises ParseError if it is none."""
    return (
        f"<figure>\n{_inline(svg, f'f{number}-', text(caption))}\n"
        f"<figcaption>{text(caption)}</figcaption>\n</figure>"
    )


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


def picture(words: str, png: bytes) -> str:
    """A PNG in the page, under what it shows."""
    name, data = text(words), base64.b64encode(png).decode("ascii")
    return (
        f'<figure>\n<img alt="{name}" src="data:image/png;base64,{data}">\n'
        f"<figcaption>{name}</figcaption>\n</figure>"
    )


def table(head: Row, rows: Iterable[Row], kind: str = "short") -> str:
    """A table whose first column names the rows; a row of one cell is the title of the next."""
    columns = "".join(f'<th scope="col">{text(cell)}</th>' for cell in head)
    lines = []
    for name, *cells in rows:
        numbers = "".join(f"<td>{text(cell)}</td>" for cell in cells)
        first = f'scope="colgroup" colspan="{len(head)}"' if not cells else 'scope="row"'
        lines.append(f"<tr><th {first}>{text(name)}</th>{numbers}</tr>")
    body = "\n".join(lines)
    return (
        f'<div class="wide"><table class="{kind}">\n<thead>\n<tr>{columns}</tr>\n</thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>\n"
    )


def rule(words: str) -> str:
    """A remark below a table."""
    return f'<p class="rule">{text(words)}</p>'


def text(words: str) -> str:
    """Words as HTML: escaped, printable, on one line."""
    return escape(one_line(words, len(words)))

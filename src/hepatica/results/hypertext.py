"""Pages in one file: escaped text, tables, pictures inside; no scripts, nothing loaded."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from typing import TypeAlias

from PIL import Image

import hepatica
from hepatica.results.notice import RESEARCH_ONLY

STYLE = """
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0 auto;max-width:74rem;padding:1rem 1.25rem;background:#fff;color:#1a1a1a;
font:16px/1.45 system-ui,"Segoe UI",Roboto,"DejaVu Sans",Arial,sans-serif}
h1{font-size:1.6rem;line-height:1.2;margin:.4rem 0;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:1.6rem 0 .5rem;border-bottom:1px solid #bbb}
.notice{border:1px solid #8a3b00;border-left-width:.5rem;padding:.35rem .7rem;font-weight:600;
margin:.5rem 0}
.warnings{border:2px solid #b00020;border-left-width:.5rem;background:#fff4f4;
padding:.4rem .9rem;margin:.8rem 0}
.warnings ul{margin:.2rem 0;padding-left:1.2rem}
.warnings h2{border:0;margin:.1rem 0;color:#8c0019}
.lead{font-size:1.1rem}
.calm{color:#333;margin:.5rem 0}
.figures{display:flex;flex-wrap:wrap;gap:.5rem;margin:.8rem 0;padding:0;list-style:none}
.figures li{flex:1 1 8.5rem;border:1px solid #ccc;border-radius:.4rem;padding:.45rem .7rem}
.figures b{display:block;font-size:1.4rem;line-height:1.2;font-variant-numeric:tabular-nums;
white-space:nowrap}
.figures span{color:#444;font-size:.85rem}
.views{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:.7rem}
.slices{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));gap:.7rem}
figure{margin:0}
section>figure{margin:1rem 0}
figure img{display:block;width:100%;height:auto;border:1px solid #ddd}
figure svg{display:block;max-width:100%;height:auto}
nav a{margin-right:.8rem;white-space:nowrap}
figcaption{color:#333;font-size:.85rem;margin-top:.15rem}
.rule,footer,.origin{color:#444;font-size:.88rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums;margin:.4rem 0}
th,td{padding:.25rem .6rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
tbody th{font-weight:600;white-space:normal;overflow-wrap:anywhere}
tbody th[colspan]{font-weight:600;padding-top:.6rem}
.short tbody th:not([colspan]),.long tbody th{font-weight:400;min-width:8rem}
thead th{border-bottom:2px solid #555;vertical-align:bottom;white-space:normal}
.cases td:last-child,.cases th:last-child{text-align:left;white-space:normal}
.origin td{white-space:normal;overflow-wrap:anywhere;text-align:left}
.origin tbody th{font-weight:400;vertical-align:top;white-space:nowrap;min-width:0}
@media (max-width:40rem){
th,td{padding:.2rem .35rem}
.short tbody th:not([colspan]),.long tbody th{min-width:6rem}
}
@page{size:A4;margin:13mm}
@media print{
body{max-width:none;padding:0;font-size:9.5pt}
.slices{grid-template-columns:repeat(4,minmax(0,1fr))}
.wide{overflow:visible}
table{font-size:7.5pt}
.rule,figcaption,.figures span{font-size:7.5pt}
.figures b{font-size:12pt}
th,td{padding:.12rem .3rem}
thead{display:table-header-group}
nav{display:none}
figure svg{max-height:110mm}
tr,figure,.notice,.warnings,.figures li,table.short{break-inside:avoid}
h2{break-after:avoid}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
"""

NOTICE = f'<p class="notice">{escape(RESEARCH_ONLY)}</p>'
#: For a number that is not known.
DASH = "–"


Row: TypeAlias = Sequence[str]


def page(title: str, body: str, lead: str = "", contents: str = "") -> str:
    """A whole page; the research-only line stands under the title and at the end.

    Parameters
    ----------
    title, lead
        Text; `lead` is a sentence under the title.
    body, contents
        HTML; `contents` are links to the sections, which are not printed.
    """
    first = f'\n<p class="lead">{text(lead)}</p>' if lead else ""
    links = f"\n<nav>\n{contents}\n</nav>" if contents else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data: 'self'; style-src 'unsafe-inline'">
<title>{text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{text(title)}</h1>
{NOTICE}{first}
</header>{links}
<main>
{body}
</main>
<footer>
{NOTICE}
<p>Made by Hepatica {text(hepatica.__version__)}.</p>
</footer>
</body>
</html>
"""


def text(words: str) -> str:
    """Any text on one line, as HTML: what a file is called can do nothing in a page."""
    return escape(" ".join("".join(c if c.isprintable() else " " for c in words).split()))


def section(title: str, inner: str) -> str:
    """A titled part of a page."""
    return f"<section>\n<h2>{text(title)}</h2>\n{inner}\n</section>"


def number(value: float | None, digits: int = 1) -> str:
    """A number with so many digits after the point, or a dash."""
    return DASH if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def millilitres(volume_ml: float) -> str:
    """Three significant digits, whole ml from 100 on."""
    return number(volume_ml, 0 if volume_ml >= 100 else 1 if volume_ml >= 10 else 2)


def warnings(sentences: Sequence[str], calm: str = "No warnings.") -> str:
    """What the reader has to know first."""
    if not sentences:
        return f'<p class="calm">{text(calm)}</p>'
    lines = "\n".join(f"<li>{text(sentence)}</li>" for sentence in sentences)
    return f'<div class="warnings" role="alert">\n<h2>Warnings</h2>\n<ul>\n{lines}\n</ul>\n</div>'


def figures(entries: Iterable[tuple[str, str]]) -> str:
    """The numbers to see first: each a value and what it is."""
    lines = "\n".join(f"<li><b>{text(a)}</b> <span>{text(b)}</span></li>" for a, b in entries)
    return f'<ul class="figures">\n{lines}\n</ul>'


def table(head: Row, rows: Iterable[Row], kind: str = "short") -> str:
    """A table whose first column names the rows; cells are text, or `Markup` as it is.

    Without `head` its columns have no names; a row of one cell is the title of the next. One
    of the kind ``short`` is not broken between two printed pages.
    """
    columns = "".join(f'<th scope="col">{text(cell)}</th>' for cell in head)
    top = f"<thead>\n<tr>{columns}</tr>\n</thead>\n" if head else ""
    lines = []
    for first, *cells in rows:
        rest = "".join(f"<td>{_cell(cell)}</td>" for cell in cells)
        scope = 'scope="row"' if cells else f'scope="colgroup" colspan="{len(head)}"'
        lines.append(f"<tr><th {scope}>{_cell(first)}</th>{rest}</tr>")
    body = "\n".join(lines)
    return (
        f'<div class="wide"><table class="{kind}">\n{top}<tbody>\n{body}\n</tbody>\n</table></div>'
    )


class Markup(str):
    """HTML that is a cell of a table."""


def _cell(words: str) -> str:
    return words if isinstance(words, Markup) else text(words)


def rule(words: str) -> str:
    """A remark below a table."""
    return f'<p class="rule">{text(words)}</p>'


def figure(inner: str, caption: str) -> str:
    """HTML with a caption, which is text."""
    return f"<figure>\n{inner}\n<figcaption>{text(caption)}</figcaption>\n</figure>"


def picture(image: Image.Image, caption: str) -> str:
    """A picture inside the page, its caption also being what it is for those who cannot see."""
    file = BytesIO()
    # Half the time of the highest level for a few percent more bytes.
    image.save(file, "PNG", compress_level=3)
    size = f' width="{image.width}" height="{image.height}"'
    return figure(png(file.getvalue(), caption, size), caption)


def png(data: bytes, words: str, attributes: str = "") -> str:
    """An image inside the page; `words` tell what it is to those who cannot see."""
    source = base64.b64encode(data).decode("ascii")
    return f'<img alt="{text(words)}"{attributes} src="data:image/png;base64,{source}">'

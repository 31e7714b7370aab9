"""Tables in the documentation that a script writes, and nobody else."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def into_page(page: Path, name: str, script: str, table: str) -> None:
    """Put a table between its two marks."""
    text = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}: by benchmarks/{script} -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    assert pattern.search(text), f"{page} has no marks for {name}"
    page.write_text(pattern.sub(lambda _: f"{begin}\n{table}\n{end}", text), encoding="utf-8")

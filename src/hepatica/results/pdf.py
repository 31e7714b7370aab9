"""A page as PDF (extra ``pdf``)."""

from __future__ import annotations

from typing import Any

from hepatica.core.errors import ResourceError


def pdf_bytes(html: str) -> bytes:
    """The page as it is printed on A4; nothing outside of it is loaded.

    Raises
    ------
    ResourceError
        Without the package weasyprint, or the Pango library that it needs.
    """
    try:
        import weasyprint
    except (ModuleNotFoundError, OSError) as error:
        raise ResourceError(
            "A PDF needs the package weasyprint and the library Pango, and one is not installed.",
            "Install them with: pip install 'hepatica[pdf]', and Pango by the system's packages.",
        ) from error

    class Inside(weasyprint.urls.URLFetcher):  # type: ignore[misc]
        """Pictures inside the page alone."""

        def fetch(self, url: str, headers: Any = None) -> Any:
            if not url.startswith("data:"):
                raise ValueError(f"{url[:60]} is not in the page")
            return super().fetch(url, headers)

    document = weasyprint.HTML(string=html, url_fetcher=Inside())
    return bytes(document.write_pdf(pdf_variant=None))

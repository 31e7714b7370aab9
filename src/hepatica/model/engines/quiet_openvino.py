"""OpenVINO without its telemetry.

Importing `openvino` sends an "import" event to its maker unless the package
`openvino_telemetry` cannot be imported, in which case it uses a stub of its own.
Hepatica sends nothing anywhere, so it takes that way. Import OpenVINO from here only.
"""

from __future__ import annotations

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

__all__ = ["openvino"]

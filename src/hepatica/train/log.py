"""What a run leaves to look at: a JSON line per epoch, TensorBoard's events, and a picture."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

from hepatica import io


class Log:
    """The log of one stage in ``RUN/stageN.jsonl``, ``RUN/tensorboard`` and ``RUN/progress.png``.

    Parameters
    ----------
    step
        Where the run goes on; lines of later steps, from before an interruption, are dropped.
    """

    def __init__(self, run: Path, name: str, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.run, self.name = run, name
        self.path = run / f"{name}.jsonl"
        self.lines = [line for line in read(self.path) if line["step"] <= step]
        self._write()
        self._events = SummaryWriter(str(run / "tensorboard" / name), purge_step=step + 1)

    def add(self, line: dict[str, Any]) -> None:
        """Add the line of an epoch."""
        self.lines.append(line)
        self._write()
        for key, value in line.items():
            if key != "step" and isinstance(value, int | float):
                self._events.add_scalar(key, value, line["step"])
        self._events.flush()
        draw(self.run)

    def close(self) -> None:
        """Let go of the files."""
        self._events.close()

    def _write(self) -> None:
        text = "".join(json.dumps(line) + "\n" for line in self.lines)
        io.write_bytes(self.path, text.encode())


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; none if there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def draw(run: Path) -> None:
    """Losses and Dice of both stages against the hours that they took, as ``progress.png``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots(1, 2, squeeze=False)[0]
    for number, axis in enumerate(axes, 1):
        lines = read(run / f"stage{number}.jsonl")
        axis.set_title(f"Stage {number}")
        axis.set_xlabel("hours")
        axis.set_ylim(0, 1.5)
        for key in ("loss", "validation_loss", "liver", "tumour"):
            points = [(x["seconds"] / 3600, x[key]) for x in lines if x.get(key) is not None]
            if points:
                label = {"liver": "liver Dice", "tumour": "lesion Dice"}.get(key, key)
                axis.plot(*zip(*points, strict=True), label=label.replace("_", " "), linewidth=1.5)
        if lines:
            axis.legend(loc="upper right", frameon=False)
        axis.grid(alpha=0.3)
    target = BytesIO()
    figure.savefig(target, format="png", dpi=110)
    io.write_bytes(run / "progress.png", target.getvalue())

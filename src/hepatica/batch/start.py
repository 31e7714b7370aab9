"""``hepatica batch`` from end to end: lock, manifest, crew, run, tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from hepatica.batch import cohort, leftovers, sources
from hepatica.batch.cluster import Crew, Where
from hepatica.batch.lock import owned
from hepatica.batch.manifest import Manifest, State
from hepatica.batch.messages import Recipe
from hepatica.batch.run import Run, Tell, reconcile
from hepatica.core.errors import ConfigError
from hepatica.model import bundle as bundles

Counts = dict[State, int]
Tick = Callable[[Counts, int], None]


def batch(
    given: Sequence[str | Path],
    out: Path,
    where: Where,
    recipe: Recipe,
    *,
    retry_failed: bool = False,
    patience_s: float = 600.0,
    tell: Tell = lambda sentence: None,
    tick: Tick = lambda counts, workers: None,
) -> Counts:
    """Segment all that `given` holds into `out`; how many cases are in each state then.

    Parameters
    ----------
    given
        Folders, images, lists; none goes on with what the manifest has.
    recipe
        How each case is done.
    retry_failed
        Try again what was set aside.
    patience_s
        How long to wait for room on a disk that is full.
    tell
        Called with sentences for the user.
    tick
        Called about once a second with how many cases are in each state, and workers there.

    Raises
    ------
    HepaticaError
        If nothing can be done at all. What becomes of a case is in the manifest.
    """
    bundle = bundles.load(recipe.bundle)
    with owned(out):
        manifest = Manifest.write(out)
        try:
            leftovers.remove(out)
            manifest.release()
            if given:
                manifest.add(sources.find(given, out))
            elif not any(manifest.counts().values()):
                raise ConfigError(f"{out} has no cases yet.", "Say where the images are.")
            if retry_failed:
                manifest.retry()
            changed = reconcile(out, manifest, bundle.sha256, recipe)
            if changed:
                tell(f"{changed} that were done are done again: image, model or result changed.")
            lonely = where.alone()
            crews = [(where, None)] if lonely is None else [(where, False), (lonely, True)]
            for place, alone in crews:
                if not manifest.next(1, alone):
                    continue
                with place.opened() as crew:
                    run = Run(
                        out,
                        manifest,
                        crew,
                        recipe,
                        alone=alone,
                        patience_s=patience_s,
                        tell=tell,
                        tick=partial(_told, tick, manifest, crew),
                    )
                    try:
                        run.all()
                    finally:
                        manifest.release()
            tick(manifest.counts(), 0)
            cohort.write(out, manifest)
            return manifest.counts()
        finally:
            manifest.close()


def _told(tick: Tick, manifest: Manifest, crew: Crew) -> None:
    tick(manifest.counts(), crew.size())

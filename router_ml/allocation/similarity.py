"""How alike requests are: the one notion of nearness that quality and cost are both predicted from.

A Matérn 3/2 kernel over what was said, the words it was said in and, with less weight, the shape of the text. It is
evaluated at a fixed set of landmarks (Nyström; Williams & Seeger 2001), so a request costs one small matrix product,
and training time and memory are linear in prompts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from router_ml.allocation.context import Contexts, Floats

SURFACE = np.float32(0.35)  # weight of the text's shape beside its embedding
_ROOT_3 = np.float32(np.sqrt(3))
_FARTHEST = np.float32(4)
_ROWS = 4096


@dataclass(frozen=True)
class Similarity:
    """Nearness to m landmarks; build it with ``training.predicting.kernel.survey``.

    landmarks: (m, d + s) in scaled coordinates; reach: (1,) distance, in embedding units, at which two requests still
    know of each other; surface_mean, surface_scale: (s,).
    """

    landmarks: Floats
    reach: Floats
    surface_mean: Floats
    surface_scale: Floats

    def coordinates(self, contexts: Contexts) -> Floats:
        """Requests as points, (n, d + s).

        Surface features are cut at some deviations: a script that no evaluated prompt was written in would otherwise
        lie hundreds away, and a linear model that meets it there says anything.
        """
        surface = np.clip((contexts.surface - self.surface_mean) / self.surface_scale, -_FARTHEST, _FARTHEST)
        weighted = surface * (SURFACE / np.float32(np.sqrt(max(surface.shape[1], 1))))
        return np.concatenate([contexts.embedding / self.reach, weighted], axis=1).astype(np.float32, copy=False)

    def near(self, contexts: Contexts) -> Floats:
        """Kernel values, (n, m); a row does not depend on the others."""
        rows = [
            kernel(self.coordinates(contexts.take(slice(start, start + _ROWS))), self.landmarks, self._squares)
            for start in range(0, len(contexts), _ROWS)
        ]
        return np.concatenate([np.empty((0, len(self.landmarks)), np.float32), *rows])

    @cached_property
    def _squares(self) -> Floats:
        """Squared lengths of the landmarks, (m,)."""
        return squares(self.landmarks)


def squares(points: Floats) -> Floats:
    """Squared length of each row."""
    result: Floats = np.square(points).sum(axis=1)
    return result


def kernel(points: Floats, landmarks: Floats, landmark_squares: Floats) -> Floats:
    """Matérn 3/2 at unit length scale, (n, m): 1 at no distance."""
    inner = points @ landmarks.T
    distance = np.sqrt(np.maximum(squares(points)[:, None] + landmark_squares - 2 * inner, 0)) * _ROOT_3
    result: Floats = (1 + distance) * np.exp(-distance)
    return result

"""What allocation knows of a batch of requests: plain arrays, so that one row and a million rows take the same path."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_FARTHEST = np.float32(4)


@dataclass(frozen=True)
class Contexts:
    """Requests as arrays, one row each.

    embedding: (n, d) unit length; surface: (n, s); intent: (n, i) and domain: (n, k) class probabilities;
    tokens_in: (n,) tokens that a lane would be sent.
    """

    embedding: Floats
    surface: Floats
    intent: Floats
    domain: Floats
    tokens_in: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.embedding)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Contexts:
        """The chosen rows."""
        return Contexts(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def in_cells(self, table: Floats) -> Floats:
        """A table (i, k, L) by intent and domain, averaged over each request's class probabilities, (n, L)."""
        joint = self.intent[:, :, None] * self.domain[:, None, :]
        result: Floats = (joint.reshape(len(self), -1) @ table.reshape(-1, table.shape[2])).astype(np.float32)
        return result

    def cells(self) -> Floats:
        """How many requests there are by intent and domain, (i, k), each spread over its class probabilities."""
        result: Floats = self.intent.T @ self.domain
        return result

    @staticmethod
    def stack(parts: list[Contexts]) -> Contexts:
        """Several batches as one."""
        return Contexts(
            **{field.name: np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(Contexts)}
        )


@dataclass(frozen=True)
class Projection:
    """Contexts as few numbers, for learners that need them so: PCA of the embedding, surface, class probabilities.

    mean: (d,); components: (d, p); scale: (p,); surface_mean, surface_scale: (s,).
    """

    mean: Floats
    components: Floats
    scale: Floats
    surface_mean: Floats
    surface_scale: Floats

    def semantic(self, contexts: Contexts) -> Floats:
        """Whitened principal components, (n, p)."""
        return (((contexts.embedding - self.mean) @ self.components) / self.scale).astype(np.float32, copy=False)

    def features(self, contexts: Contexts) -> Floats:
        """All features, (n, p + s + i + k).

        Surface features are cut at ``_FARTHEST`` deviations: a script that no evaluated prompt was written in would
        otherwise lie hundreds away, and a linear model that meets it there says anything.
        """
        surface = np.clip((contexts.surface - self.surface_mean) / self.surface_scale, -_FARTHEST, _FARTHEST)
        return np.concatenate([self.semantic(contexts), surface, contexts.intent, contexts.domain], axis=1)

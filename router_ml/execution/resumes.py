"""The side of an executor that goes on with what waited for a person."""

from __future__ import annotations

from pydantic import BaseModel

from router_ml.execution.background import Background
from router_ml.execution.completion import Completion
from router_ml.execution.gate import Parts
from router_ml.execution.resuming import resume, resume_ready
from router_ml.execution.run import Spent


class Resuming:
    """Goes on with requests, one by its id or all that are ready."""

    _parts: Parts
    _background: Background

    def resume(self, approval_id: str, *, model: type[BaseModel] | None = None) -> Completion:
        """``aresume`` for callers without an event loop."""
        return self._background.wait(self.aresume(approval_id, model=model))

    async def aresume(
        self, approval_id: str, *, model: type[BaseModel] | None = None, on_spent: Spent | None = None
    ) -> Completion:
        """Go on with a request that waited for a person, under the same decision id, by the rules now in force; where
        it was denied or nobody decided in time, end it as ``execution.review.on_expiry`` says.

        Args:
            model: the pydantic model that the request came with as ``output_contract``. This executor knows it if it
                asked itself; another one, or one after a restart, has to be told.
            on_spent: is told what it came to from here on, in USD; as for ``acomplete``.

        Raises:
            ReviewError: nobody has decided yet, somebody else went on with it, or the model is missing.
                InvalidRequestError: the model is another one, or the request cannot be decided as things stand. The
                approval is still there after both. Otherwise as ``acomplete``.
        """
        return await resume(self._parts, approval_id, model=model, on_spent=on_spent)

    def resume_ready(self) -> list[Completion]:
        """``aresume_ready`` for callers without an event loop."""
        return self._background.wait(self.aresume_ready())

    async def aresume_ready(self) -> list[Completion]:
        """Go on with all that people have decided on, wherever they did, and end what nobody did in time, one after the
        other: for a task that runs every minute or so. Of several processes each request goes on in one.

        Returns:
            What came of each, those where no lane gave an answer included. What cannot be gone on with from here, as
            where its words are in another process, is left; a warning says why.

        Raises:
            LogError: what waits cannot be read.
        """
        return await resume_ready(self._parts)

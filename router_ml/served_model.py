"""The MLflow face of a bundle, as model from code: ``list[str]`` of requests as JSON in, of decisions as JSON out.

MLflow copies this file beside the bundle and executes the copy (``mlflow models serve``, ``mlflow.pyfunc.load_model``);
nothing in this package imports it, and the router itself never loads a model this way. It must be understood without
the rest: no relative imports, and no postponed annotations, since MLflow reads the type hints of ``predict``.
"""

import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext

from router_ml.contract import RouteRequest


class RouterModel(PythonModel):  # type: ignore[misc]
    """Routes requests with the bundle that was registered with it."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the bundle, with every check that ``Router.load`` makes."""
        from router_ml.router import Router  # when it is logged, this file is executed without a router

        self.router = Router.load(context.artifacts["bundle"])

    def predict(self, model_input: list[str]) -> list[str]:
        """Route requests.

        Args:
            model_input: each a ``RouteRequest`` as JSON.

        Returns:
            For each, in order, its ``RouteDecision`` as JSON.

        Raises:
            InvalidRequestError: one of them is not a request; none is routed then. It stays what it is, since MLflow
                would put the whole input into the text of an MlflowException.
        """
        requests = [RouteRequest.from_json(text) for text in model_input]
        return [decision.to_json() for decision in self.router.predict_routes(requests)]


mlflow.models.set_model(RouterModel())

"""Evaluations: suites of cases, run against any lane, whose results are priors, gates and outcomes.

``case`` what is asked and what has to come of it -> ``suite`` cases with their checks -> ``asking/`` a lane, or the
whole router -> ``attempt`` what it did -> ``registry`` of ``checks/`` and ``judges/`` (behind them ``grounding/``,
``tooling/`` and ``safety/``) -> ``result`` -> ``running/`` many of them, in a budget -> ``reporting/``, ``priors/``,
``watching/`` for what has changed since. ``suites/`` ship; ``commands/`` are those of ``python -m training.evals``.
"""

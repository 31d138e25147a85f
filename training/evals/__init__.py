"""Evaluations: five suites of authored cases, run against any lane, whose results are priors, gates and outcomes.

``case`` what is asked and what has to come of it -> ``suite`` cases with their checks -> ``asking`` a lane ->
``attempt`` what it did -> ``checks`` and ``judges`` -> ``result`` -> reports, priors, the event log.
"""

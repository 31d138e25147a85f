"""From results of evaluations to Beta priors by lane and cell.

``answers`` what was evaluated, each with its weight -> ``counting`` effective counts by cell: age, versions, judges,
groups -> ``shrinking`` cells towards their lane's intents and domains, these towards the configured prior ->
``estimating`` the table and what the router is given -> ``lacking`` what is missing for a floor -> ``sealing``.
"""

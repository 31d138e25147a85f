"""Whether answers are supported by the passages that they cite: claims, citations, and how likely one bears the other.

``claims`` takes an answer apart -> ``features`` of a claim beside passages -> ``entailing`` a probability ->
``judged`` what is wrong with an answer -> ``measure`` how often that is wrong.
"""

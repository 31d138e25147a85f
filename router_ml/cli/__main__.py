"""``python -m router_ml.cli``, the same as ``router-ml``."""

from router_ml.cli.app import main

main()

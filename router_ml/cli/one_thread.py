"""One thread of linear algebra for a command, unless the caller says otherwise. Imported before anything loads NumPy,
which reads the number once.

A decision multiplies small matrices, and threads for that wait for each other: on a busy machine a decision took four
times as long with two, and six times the processor.
"""

import os

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

for _name in THREADS:
    os.environ.setdefault(_name, "1")

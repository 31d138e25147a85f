#!/bin/sh
# PostgreSQL, an MLflow server and two replicas of the gateway on this machine, without containers, until Ctrl-C.
#
#   mlflow/stack.sh [--folder FOLDER]     data is kept in FOLDER; by default it is thrown away at the end
#
# Run it in a clone where `make test` has made .venv. The MLflow server gets an environment of its own, since it does not
# resolve beside the rest: $MLFLOW_PYTHON, or one that is made once below runs/.
set -eu
cd "$(dirname "$0")/.."
python="${MLFLOW_PYTHON:-runs/environments/mlflow-server/bin/python}"
if [ ! -x "$python" ]; then
    echo "Making $(dirname "$(dirname "$python")") once ..." >&2
    python3 -m venv "$(dirname "$(dirname "$python")")"
    "$python" -m pip install --quiet 'mlflow==3.17.2' 'psycopg[binary]>=3.2'
fi
case "$python" in /*) ;; *) python="$PWD/$python" ;; esac
exec .venv/bin/python -m benchmarks.serve.stack --mlflow "$python" "$@"

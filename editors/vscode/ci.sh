#!/usr/bin/env bash
# Every check of the VS Code extension: types, protocol, translations, lint, unit tests, the package, tests inside the
# extension host, and whole sessions in a real VS Code where one can be had.
# Usage: ci.sh [FOLDER]   FOLDER keeps the tools between runs; LOWTIDE names the command under test (default: in PATH).
set -euo pipefail
cd "$(dirname "$0")"
if [ $# -gt 0 ]; then
  mkdir -p "$1"
  tools=$(cd "$1" && pwd)
else
  tools=$(mktemp -d)
  trap 'rm -rf "$tools"' EXIT
fi
export LOWTIDE=${LOWTIDE:-$(command -v lowtide || true)}
node=$(scripts/node.sh "$tools")
PATH=$(dirname "$node"):$PATH
export PATH

npm ci --silent --no-audit --no-fund --ignore-scripts
echo "== vscode: types, protocol, translations"
npm run --silent check
echo "== vscode: lint"
npm run --silent lint
echo "== vscode: unit"
npm run --silent unit
echo "== vscode: package"
npm run --silent package | grep -E 'bytes|DONE'

if settings=$(test/e2e/setup.sh "$tools"); then
  eval "$settings"
else
  echo "not to be had: a real VS Code; its tests are left out"
  exit 0
fi
if [ -z "$LOWTIDE" ]; then
  echo "no lowtide in PATH: the tests with a server are left out"
  exit 0
fi
echo "== vscode: in the extension host"
npm run --silent inhost
echo "== vscode: sessions"
npm run --silent e2e

#!/usr/bin/env bash
# Every check of the VS Code extension: types, protocol, translations, lint, unit tests, the package, tests inside the
# extension host, and whole sessions in a real VS Code.
# Usage: ci.sh [FOLDER]   FOLDER keeps the tools between runs; LOWTIDE names the command under test (default: in PATH).
#                         VSCODES lists the versions of the sessions (default: the newest).
# What a machine cannot have (Node, npm's packages, an editor, a browser, lowtide) is said and left out; what fails, fails.
set -Eeuo pipefail
trap 'echo "vscode: line $LINENO of ci.sh failed: $BASH_COMMAND" >&2' ERR
cd "$(dirname "$0")"
if [ $# -gt 0 ]; then
  mkdir -p "$1"
  tools=$(cd "$1" && pwd)
else
  tools=$(mktemp -d)
  trap 'rm -rf "$tools"' EXIT
fi
LOWTIDE=${LOWTIDE:-$(command -v lowtide || true)}
export LOWTIDE

leave_out() { # what, why
  echo "== vscode: left out: $1: $2"
  exit 0
}

node=$(scripts/node.sh "$tools") || leave_out "everything" "no Node for it"
PATH=$(dirname "$node"):$PATH
export PATH

if ! npm ci --loglevel=error --no-audit --no-fund --ignore-scripts 2> "$tools/npm.log"; then
  cat "$tools/npm.log" >&2
  # A registry that is not reached, or a certificate that is not trusted; a broken lock file is a failure of ours.
  if grep -qE 'ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|ENETUNREACH|ERR_SOCKET|CERT|code E(401|403|404|5..)' "$tools/npm.log"; then
    leave_out "everything" "npm's registry was not reached"
  fi
  echo "vscode: npm ci failed: see its words above" >&2
  exit 1
fi
echo "== vscode: types, protocol, translations"
npm run --silent check
echo "== vscode: lint"
npm run --silent lint
echo "== vscode: unit"
npm run --silent unit
echo "== vscode: package"
npm run --silent package > "$tools/package.log" 2>&1 || { cat "$tools/package.log" >&2; exit 1; }
grep -E 'bytes|DONE' "$tools/package.log"

[ -n "$LOWTIDE" ] || leave_out "the tests with a server" "no lowtide in PATH; install it, or name it in LOWTIDE"
for version in ${VSCODES:-4.139.1}; do
  settings=$(test/e2e/setup.sh "$tools" "$version") || leave_out "the tests in an editor" "VS Code $version or Chromium was not to be had"
  eval "$settings"
  echo "== vscode $version: in the extension host"
  npm run --silent inhost
  echo "== vscode $version: sessions"
  # A moment of the machine's passes; a fault of ours fails again. What failed stands above either way.
  npm run --silent e2e || { echo "== vscode $version: sessions, once more"; npm run --silent e2e; }
done

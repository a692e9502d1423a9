#!/usr/bin/env bash
# A real VS Code (code-server), Chromium and the Node that runs them, into FOLDER; what is there already is kept.
# Usage: setup.sh FOLDER [VERSION]   prints the environment of the tests: VSCODE, NODE, CHROMIUM
# Debian's Chromium and fonts, code-server from npm without its native modules, Node from Python's package index.
set -euo pipefail
folder=$1
version=${2:-4.139.1}
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

refuse() { # what went wrong, what to do
  echo "setup.sh: $1; $2" >&2
  exit 1
}

browser() { command -v chromium || command -v chromium-browser || true; }
chromium=$(browser)
if [ -z "$chromium" ] && command -v apt-get >/dev/null; then
  { apt-get update -q && apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core; } >&2 || true
  chromium=$(browser)
fi
[ -n "$chromium" ] || refuse "there is no Chromium" "install the package chromium"
here=$(cd "$(dirname "$0")" && pwd)
tools=$("$here/../../scripts/node.sh" "$folder")
node=$tools
case $version in
  # Node 24 is too new for the oldest that is supported.
  4.100.*) node=$("$here/../../scripts/node.sh" "$folder" 20.18.0) ;;
esac
PATH=$(dirname "$tools"):$PATH
export PATH
server=$folder/code-server-$version/node_modules/code-server
if [ ! -e "$server/lib/vscode/node_modules/.complete" ]; then
  rm -rf "$folder/code-server-$version"
  mkdir -p "$folder/code-server-$version"
  cd "$folder/code-server-$version"
  printf '{"private":true}' > package.json
  npm i --loglevel=error --no-audit --no-fund --ignore-scripts "code-server@$version" >&2 \
    || refuse "npm did not get code-server $version" "see its words above; npm's registry must be reached"
  # Older versions load a native module for passwords, which are not used here.
  if [ -e node_modules/argon2/argon2.js ]; then echo 'module.exports = {};' > node_modules/argon2/argon2.js; fi
  cd "$server/lib/vscode"
  npm i --loglevel=error --omit=dev --ignore-scripts --no-audit --no-fund >&2 \
    || refuse "npm did not get what VS Code needs" "see its words above; npm's registry must be reached"
  touch node_modules/.complete
fi
printf 'export VSCODE=%q NODE=%q CHROMIUM=%q\n' "$server" "$node" "$chromium"

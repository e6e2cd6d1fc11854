#!/bin/bash
# source-hash.sh
#
# Prints the hash of everything that determines the committed ELF. The rule: every regular file under chain/programs and
# chain/sbf, but for *.md and what lies in a directory named target; one line "<sha256 of the contents>  <path from chain/>"
# a file, sorted by path bytewise; the sha256 of those lines. chain/interface is not in it: the program does not use it.
set -euo pipefail
export LC_ALL=C

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
find programs sbf -name target -prune -o -type f ! -name '*.md' -print0 |
    sort -z | xargs -0 sha256sum -- | sha256sum | cut -d' ' -f1

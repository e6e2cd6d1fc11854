#!/bin/bash
# build-artifact.sh
#
# Rebuilds the committed ELF, chain/artifacts/ogong_chain.so, and notes the hash of the sources that made it beside it.
set -euo pipefail

KIT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ARTIFACTS=$KIT/../artifacts

hash=$("$KIT/source-hash.sh")
"$KIT/build-sbf.sh" "$KIT/../programs/chain" "$ARTIFACTS/ogong_chain.so"
if [[ $("$KIT/source-hash.sh") != "$hash" ]]; then
    echo "build-artifact.sh: error: the sources changed during the build" >&2
    echo "hint: run it again" >&2
    exit 1
fi
echo "$hash" >"$ARTIFACTS/ogong_chain.sources.sha256"

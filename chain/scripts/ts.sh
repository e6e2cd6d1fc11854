#!/bin/bash
# ts.sh NAME [ARGS…]     runs one of the TypeScript programs beside it
# ts.sh --prepare        only installs what they need and compiles them
#
# Packages are installed by the lock file and programs compiled into one directory of the user's cache per lock file
# ($OGONG_CACHE, else ogong in $XDG_CACHE_HOME or ~/.cache); both happen only when something changed. A lock serialises runs.
set -euo pipefail

HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
CACHE=${OGONG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ogong}
NODE_MIN=20.18

die() {
    printf 'ts.sh: error: %s\n  hint: %s\n' "$1" "$2" >&2
    exit 1
}

need_node() {
    local version
    command -v node >/dev/null && command -v npm >/dev/null ||
        die "node and npm are not on PATH" "install Node.js $NODE_MIN or later with npm"
    version=$(node -p 'process.versions.node')
    [[ $(printf '%s\n%s\n' "$NODE_MIN" "$version" | sort -V | head -1) == "$NODE_MIN" ]] ||
        die "node $version is too old" "install Node.js $NODE_MIN or later"
}

hash_of() { cat -- "$@" | sha256sum | cut -c1-16; }

install_packages() {
    [[ -f $DIR/installed ]] && return
    cp -- "$HERE"/{package,package-lock}.json "$DIR/"
    (cd "$DIR" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) ||
        die "npm could not install the packages" "check the network, and that ~/.npmrc names a registry that answers"
    touch "$DIR/installed"
}

compile() {
    local sources
    sources=$(hash_of "$HERE"/*.ts "$HERE/tsconfig.json")
    [[ -f $DIR/compiled && $(<"$DIR/compiled") == "$sources" ]] && return
    rm -rf -- "$DIR/build" "$DIR"/*.ts
    cp -- "$HERE"/*.ts "$HERE/tsconfig.json" "$DIR/"
    (cd "$DIR" && node node_modules/typescript/bin/tsc -p . >&2) || die "the programs do not compile" "see above"
    printf '%s' "$sources" >"$DIR/compiled"
}

[[ $# -ge 1 ]] || die "usage: ts.sh NAME [ARGS…] | --prepare" "for example: ts.sh smoke"
need_node
DIR=$CACHE/npm/$(hash_of "$HERE/package-lock.json")
mkdir -p "$DIR"
exec 9>"$DIR/lock"
flock 9
install_packages
compile
exec 9>&-
[[ $1 == --prepare ]] && exit
export OGONG_IDL=${OGONG_IDL:-$HERE/../artifacts/ogong_chain.json}
[[ -f $DIR/build/$1.js ]] || die "no program $1" "there are: $(cd "$HERE" && ls -- *.ts | tr '\n' ' ')"
exec node --enable-source-maps "$DIR/build/$1.js" "${@:2}"

#!/bin/bash
# deploy.sh --url URL --program-keypair FILE --admin-keypair FILE --network NAME
#           --team ADDRESS --foundation ADDRESS --liquidity ADDRESS [--go]
#
# Puts the committed program on a public cluster and initialises it. Without --go it only checks and prints what it would run.
# Never run on a public cluster by whoever wrote it: read DEPLOY.md first. Needs the `solana` tool and ogong-chain on PATH.
set -euo pipefail

SCRIPTS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
CHAIN=$(cd -- "$SCRIPTS/.." && pwd)
ELF=$CHAIN/artifacts/ogong_chain.so

die() {
    printf 'deploy.sh: error: %s\n  hint: %s\n' "$1" "$2" >&2
    exit 1
}

say() { printf '%s\n' "$*" >&2; }

# Prints a command, and runs it with --go.
run() {
    printf '+'
    printf ' %q' "$@"
    printf '\n'
    if [[ $GO == yes ]]; then "$@"; fi
}

parse() {
    URL='' PROGRAM='' ADMIN='' NETWORK='' TEAM='' FOUNDATION='' LIQUIDITY='' GO=no
    while [[ $# -gt 0 ]]; do
        case $1 in
        --url) URL=${2-} ;;
        --program-keypair) PROGRAM=${2-} ;;
        --admin-keypair) ADMIN=${2-} ;;
        --network) NETWORK=${2-} ;;
        --team) TEAM=${2-} ;;
        --foundation) FOUNDATION=${2-} ;;
        --liquidity) LIQUIDITY=${2-} ;;
        --go) GO=yes && shift && continue ;;
        *) die "unknown argument $1" "see the head of deploy.sh" ;;
        esac
        shift 2 || die "$1 needs a value" "see the head of deploy.sh"
    done
    local name
    for name in URL PROGRAM ADMIN NETWORK TEAM FOUNDATION LIQUIDITY; do
        [[ -n ${!name} ]] || die "--${name,,} is missing" "see the head of deploy.sh"
    done
}

# The address that is compiled into the program: another one makes every derived address wrong.
declared_id() { sed -n 's/^declare_id!("\([^"]*\)");$/\1/p' "$CHAIN/programs/chain/src/lib.rs"; }

check() {
    command -v solana >/dev/null || die "the solana tool is not on PATH" "install Anza's release for your platform"
    command -v ogong-chain >/dev/null || die "ogong-chain is not on PATH" "cargo build --release -p ogong-settlement"
    local id declared noted
    [[ -f $PROGRAM && -f $ADMIN ]] || die "a keypair file is missing" "solana-keygen new --outfile FILE"
    id=$(solana address --keypair "$PROGRAM")
    declared=$(declared_id)
    [[ $id == "$declared" ]] ||
        die "the program is built for $declared, the keypair is $id" "DEPLOY.md, section 1: an address of your own"
    noted=$(<"$CHAIN/artifacts/ogong_chain.sources.sha256")
    [[ $("$CHAIN/sbf/source-hash.sh") == "$noted" ]] || die "the committed ELF is of other sources" "cargo xtask chain"
    say "program $id, ELF of $(stat -c %s "$ELF") bytes, sha256 $(sha256sum "$ELF" | cut -d' ' -f1)"
    say "rent: $(solana rent --url "$URL" "$(stat -c %s "$ELF")" | tail -1); admin holds $(solana balance --url "$URL" --keypair "$ADMIN")"
}

# What stands on the cluster is what is committed here.
compare() {
    local dumped
    dumped=$(mktemp)
    solana program dump --url "$URL" "$1" "$dumped" >&2
    # The cluster pads the account with zeros.
    cmp --bytes="$(stat -c %s "$ELF")" "$ELF" "$dumped" || die "the cluster holds another program" "do not initialise it"
    rm -f -- "$dumped"
}

parse "$@"
check
run solana program deploy --url "$URL" --keypair "$ADMIN" --program-id "$PROGRAM" "$ELF"
# Whoever initialises first is the admin: at once, and before anybody is told of the address.
run ogong-chain init --rpc-url "$URL" --program-id "$(declared_id)" --admin-keypair "$ADMIN" \
    --network "$NETWORK" --team "$TEAM" --foundation "$FOUNDATION" --liquidity "$LIQUIDITY"
if [[ $GO == yes ]]; then
    compare "$(declared_id)"
    say "deployed and initialised; DEPLOY.md, section 3, says what to do next"
else
    say "nothing was sent: add --go"
fi

# Common part of run-mesh-stage1.sh, -stage2.sh and -stage3.sh: a chain, the TypeScript programs, then `ogong-mesh stage N`.
# Sourced, not run.
#
#   OGONG_BIN_DIR       where ogong-mesh, ogong-validatord and the others are (default: target/release, else target/debug)
#   OGONG_LOCALNET_BIN  the development chain (default: beside them, under chain/target or target-chain)
#   OGONG_MESH_CHAIN    localnet: ignore a solana-test-validator on PATH
#   OGONG_MESH_DIR      keep logs and stores here

set -euo pipefail
SCRIPTS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd -- "$SCRIPTS/../.." && pwd)
PROGRAM_ID=EYqQP6tZ26rrDyTameEanEExGU5wn45Y9ej8moFgHr7J
START_SECONDS=90

die() {
    printf 'error: %s\n  hint: %s\n' "$1" "$2" >&2
    exit 1
}

# The first of several files that is there.
first_file() {
    local file
    for file in "$@"; do
        if [[ -f $file ]]; then
            printf '%s' "$file"
            return
        fi
    done
    return 1
}

find_programs() {
    local target=${CARGO_TARGET_DIR:-$ROOT/target} mesh
    mesh=$(first_file ${OGONG_BIN_DIR:+"$OGONG_BIN_DIR/ogong-mesh"} "$target"/{release,debug}/ogong-mesh) ||
        die "ogong-mesh is not built" "cargo xtask setup"
    export OGONG_BIN_DIR=${mesh%/*}
    OGONG_LOCALNET_BIN=$(first_file ${OGONG_LOCALNET_BIN:+"$OGONG_LOCALNET_BIN"} \
        "$target-chain"/{release,debug}/ogong-localnet "$ROOT"/chain/target/{release,debug}/ogong-localnet) ||
        die "ogong-localnet is not built" "cargo xtask setup"
    export OGONG_LOCALNET_BIN
}

end_chain() {
    if [[ -n ${CHAIN_PID:-} ]]; then
        kill "$CHAIN_PID" 2>/dev/null || true
        wait "$CHAIN_PID" 2>/dev/null || true
    fi
    rm -rf -- "$CHAIN_DIR"
}

# Waits until a condition holds while the chain lives.
await_chain() {
    local tenths
    for ((tenths = 0; tenths < START_SECONDS * 10; tenths++)); do
        if "$@"; then return; fi
        kill -0 "$CHAIN_PID" 2>/dev/null || break
        sleep 0.1
    done
    tail -5 "$CHAIN_DIR/log" >&2
    die "the chain did not come up" "its last words are above"
}

answers() {
    local ask='{"jsonrpc":"2.0","id":1,"method":"getHealth"}'
    [[ $(curl -s -H 'content-type: application/json' -d "$ask" "$RPC_URL" || true) == *'"ok"'* ]]
}

free_port() {
    node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'
}

start_chain() {
    CHAIN_DIR=$(mktemp -d)
    trap end_chain EXIT
    if [[ ${OGONG_MESH_CHAIN:-} != localnet ]] && command -v solana-test-validator >/dev/null; then
        local port
        port=$(free_port)
        RPC_URL=http://127.0.0.1:$port WS_URL=ws://127.0.0.1:$((port + 1))
        solana-test-validator --quiet --reset --ledger "$CHAIN_DIR/ledger" --rpc-port "$port" --faucet-port "$(free_port)" \
            --bpf-program "$PROGRAM_ID" "$ROOT/chain/artifacts/ogong_chain.so" >"$CHAIN_DIR/log" 2>&1 &
        CHAIN_PID=$!
        await_chain answers
        echo "   chain: solana-test-validator at $RPC_URL" >&2
    else
        "$OGONG_LOCALNET_BIN" --rpc-port 0 --ws-port 0 --ready-file "$CHAIN_DIR/ready.json" >/dev/null 2>"$CHAIN_DIR/log" &
        CHAIN_PID=$!
        await_chain test -s "$CHAIN_DIR/ready.json"
        RPC_URL=$(said rpc_url) WS_URL=$(said ws_url)
        echo "   chain: ogong-localnet at $RPC_URL" >&2
    fi
}

said() { node -p 'JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"))[process.argv[2]]' "$CHAIN_DIR/ready.json" "$1"; }

# run_stage N
run_stage() {
    find_programs
    "$SCRIPTS/ts.sh" --prepare
    start_chain
    "$OGONG_BIN_DIR/ogong-mesh" stage "$1" --rpc-url "$RPC_URL" --ws-url "$WS_URL" --provisioner "$SCRIPTS/ts.sh" \
        ${OGONG_MESH_DIR:+--dir "$OGONG_MESH_DIR"}
}

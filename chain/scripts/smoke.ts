// Smoke test with @solana/kit, from the IDL alone: open an escrow, read it back, follow it to its end.
//
//   airdrop ─ init, send (ogong-chain) ─ open_escrow ─ read: by address, by filter ─ time travel ─ refund_expired ─ event, history

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
    address,
    getBase58Decoder,
    isSolanaError,
    SOLANA_ERROR__INSTRUCTION_ERROR__CUSTOM,
    type Address,
    type Base58EncodedBytes,
} from "@solana/kit";
import { Chain, TOKEN, main, newWallet, tokenAccount, type Wallet } from "./chain.js";
import type { Row } from "./idl.js";
import { orderBytes, replyId, type Order } from "./order.js";

const MODEL_ID = "ogong/verified/test/tiny";
const MAX_FEE = 3n * TOKEN;
const HOUR_MS = 3_600_000;
const STATUS_OPEN = 1;
const STATUS_REFUNDED = 3;

main(async () => {
    const chain = Chain.fromEnvironment();
    const [admin, owner] = [await newWallet(), await newWallet()];
    for (const { signer } of [admin, owner]) await chain.airdrop(signer.address, 10n);
    const { mint, network } = setUp(chain, admin, owner);
    const before = await chain.atoms(mint, owner.signer.address);

    const order = orderBytes(anOrder(chain, owner.signer.address, network));
    const id = replyId(order);
    const escrow = await chain.program.derive("escrow", id);
    const stop = new AbortController();
    const logs = await chain.subscriptions
        .logsNotifications({ mentions: [chain.program.address] }, { commitment: "confirmed" })
        .subscribe({ abortSignal: stop.signal });
    const expired = first(logs, ({ value }) =>
        chain.program.events(value.logs ?? []).find(({ name }) => name === "Expired")?.data);
    const changes = await chain.subscriptions
        .accountNotifications(escrow, { commitment: "confirmed", encoding: "base64" })
        .subscribe({ abortSignal: stop.signal });
    const closed = first(changes, ({ value }) => {
        const row = chain.program.account("Escrow", new Uint8Array(Buffer.from(value.data[0], "base64")));
        return row.status === STATUS_REFUNDED ? row : undefined;
    });

    const terms = { session_key: randomBytes(32), provider_payout: admin.signer.address, router_payout: admin.signer.address };
    const open = await chain.program.instruction("open_escrow", { order, terms, ...terms },
        { owner: owner.signer.address, escrow, owner_token: await tokenAccount(mint, owner.signer.address) });
    const opened = await chain.send([open], owner);
    await isReadBack(chain, escrow, owner.signer.address, id);
    assert.equal(await chain.atoms(mint, owner.signer.address), before - MAX_FEE);

    await travel(chain, HOUR_MS + 60_000);
    const refund = await chain.program.instruction("refund_expired", {},
        { escrow, owner_token: await tokenAccount(mint, owner.signer.address) });
    const refunded = await chain.send([refund], owner);
    assert.deepEqual(await expired, { reply_id: id, amount: MAX_FEE });
    assert.equal((await closed).owner, owner.signer.address);
    stop.abort();
    assert.equal(await chain.atoms(mint, owner.signer.address), before);

    assert.equal(await refusal(chain, () => chain.send([refund], owner)), "EscrowNotOpen");
    const history = await chain.rpc.getSignaturesForAddress(escrow, { commitment: "confirmed" }).send();
    const succeeded = history.filter(({ err }) => err === null).map(({ signature }) => signature);
    assert.deepEqual(succeeded, [refunded, opened], "newest first");
    const found = await chain.rpc.getTransaction(refunded,
        { commitment: "confirmed", encoding: "json", maxSupportedTransactionVersion: 0 }).send();
    assert.deepEqual(chain.program.events(found?.meta?.logMessages ?? []).map(({ name }) => name), ["Expired"]);
    return { escrow, opened, refunded, event: "Expired", atoms: MAX_FEE };
});

/** Config, mint and the owner's tokens, by the operator's tool. */
function setUp(chain: Chain, admin: Wallet, owner: Wallet): { mint: Address; network: Uint8Array } {
    const dir = mkdtempSync(join(tmpdir(), "ogong-smoke-"));
    try {
        const keypair = join(dir, "admin.json");
        writeFileSync(keypair, JSON.stringify([...admin.bytes]), { mode: 0o600 });
        const config = chain.operator("init", "--admin-keypair", keypair);
        chain.operator("send", owner.signer.address, "100", "--keypair", keypair);
        return { mint: address(String(config.mint)), network: new Uint8Array(Buffer.from(String(config.network), "hex")) };
    } finally {
        rmSync(dir, { recursive: true });
    }
}

function anOrder(chain: Chain, owner: Address, network: Uint8Array): Order {
    const now = Date.now();
    return {
        version: 1, network, program: chain.program.address, nonce: randomBytes(32), owner,
        provider: randomBytes(32), router: randomBytes(32), epoch: 0n,
        modelId: MODEL_ID, modelRoot: randomBytes(32), reqHash: randomBytes(32),
        pricePrompt: 1_000_000n, priceCompletion: 4_000_000n, maxFee: MAX_FEE, maxTokens: 500, nCtx: 2_048,
        issuedMs: BigInt(now), deadlineMs: BigInt(now + HOUR_MS),
    };
}

/** By its address, and among all accounts of the program by kind and owner. */
async function isReadBack(chain: Chain, place: Address, owner: Address, id: Uint8Array): Promise<void> {
    const data = await chain.bytes(place);
    assert.ok(data !== undefined, "the escrow is there");
    const escrow: Row = chain.program.account("Escrow", data);
    assert.equal(escrow.status, STATUS_OPEN);
    assert.equal(escrow.owner, owner);
    assert.equal(escrow.max_fee, MAX_FEE);
    assert.deepEqual(escrow.reply_id, id);
    const kind = getBase58Decoder().decode(chain.program.discriminator("Escrow")) as Base58EncodedBytes;
    const replyAt = BigInt(data.length - tail(data, id));
    const filters = [
        { memcmp: { offset: 0n, bytes: kind, encoding: "base58" as const } },
        { memcmp: { offset: replyAt, bytes: getBase58Decoder().decode(id) as Base58EncodedBytes, encoding: "base58" as const } },
        { dataSize: BigInt(data.length) },
    ];
    const ask = (all: typeof filters) => chain.rpc.getProgramAccounts(chain.program.address,
        { commitment: "confirmed", encoding: "base64", filters: all }).send();
    assert.deepEqual((await ask(filters)).map(({ pubkey }) => pubkey), [place]);
    assert.deepEqual(await ask([...filters, { dataSize: 1n }]), []);
}

/** Bytes from where `part` begins to the end. */
function tail(data: Uint8Array, part: Uint8Array): number {
    const at = Buffer.from(data).indexOf(Buffer.from(part));
    assert.ok(at >= 0);
    return data.length - at;
}

/** The first of a subscription's messages that has what is looked for. Call it before the thing happens: kit keeps no past. */
async function first<Message, Found>(
    messages: AsyncIterable<Message>,
    look: (message: Message) => Found | undefined,
): Promise<Found> {
    for await (const message of messages) {
        const found = look(message);
        if (found !== undefined) return found;
    }
    throw new Error("the subscription ended");
}

/** Moves a development chain's clock; a real chain has no such method. */
async function travel(chain: Chain, ms: number): Promise<void> {
    const body = { jsonrpc: "2.0", id: 1, method: "surfnet_timeTravel", params: [{ absoluteTimestamp: Date.now() + ms }] };
    const headers = { "content-type": "application/json" };
    const answer = await fetch(chain.rpcUrl, { method: "POST", headers, body: JSON.stringify(body) });
    const { error } = (await answer.json()) as { error?: { message: string } };
    assert.equal(error, undefined);
}

/** The name of the program's error that an attempt fails with. */
async function refusal(chain: Chain, attempt: () => Promise<unknown>): Promise<string | undefined> {
    try {
        await attempt();
    } catch (error) {
        for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
            if (isSolanaError(cause, SOLANA_ERROR__INSTRUCTION_ERROR__CUSTOM)) {
                return chain.program.error(Number(cause.context.code));
            }
        }
        throw error;
    }
    return undefined;
}

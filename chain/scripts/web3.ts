// The classic client, @solana/web3.js 1.x, at a chain: airdrop, transfer, history, subscriptions, filters.

import assert from "node:assert/strict";
import {
    Connection,
    Keypair,
    LAMPORTS_PER_SOL,
    PublicKey,
    SystemProgram,
    Transaction,
    sendAndConfirmTransaction,
    type AccountInfo,
    type Logs,
} from "@solana/web3.js";
import { main, variable } from "./chain.js";

const SENT = LAMPORTS_PER_SOL / 4;
const BPF_LOADER = new PublicKey("BPFLoaderUpgradeab1e11111111111111111111111");

main(async () => {
    const connection = new Connection(variable("OGONG_RPC_URL"),
        { commitment: "confirmed", wsEndpoint: variable("OGONG_WS_URL") });
    const [from, to] = [Keypair.generate(), Keypair.generate()];
    const airdrop = await connection.requestAirdrop(from.publicKey, 2 * LAMPORTS_PER_SOL);
    await confirmed(connection, airdrop);
    assert.equal(await connection.getBalance(from.publicKey), 2 * LAMPORTS_PER_SOL);

    const changed = new Promise<AccountInfo<Buffer>>(resolve => {
        connection.onAccountChange(to.publicKey, account => resolve(account), { commitment: "confirmed" });
    });
    const logged = new Promise<Logs>(resolve => {
        connection.onLogs(to.publicKey, logs => resolve(logs), "confirmed");
    });
    // A subscription is in place once its request, sent first on the same socket, was answered.
    await subscribed(connection);
    const transfer = SystemProgram.transfer({ fromPubkey: from.publicKey, toPubkey: to.publicKey, lamports: SENT });
    const signature = await sendAndConfirmTransaction(connection, new Transaction().add(transfer), [from]);
    assert.equal((await changed).lamports, SENT);
    assert.deepEqual((await logged).signature, signature);

    const history = await connection.getSignaturesForAddress(from.publicKey);
    assert.deepEqual(history.map(entry => entry.signature), [signature, airdrop], "newest first");
    const since = await connection.getSignaturesForAddress(from.publicKey, { until: airdrop });
    assert.deepEqual(since.map(entry => entry.signature), [signature]);
    const found = await connection.getTransaction(signature, { maxSupportedTransactionVersion: 0 });
    assert.equal(found?.meta?.err, null);
    const accounts = found.transaction.message.staticAccountKeys;
    const place = accounts.findIndex(key => key.equals(to.publicKey));
    assert.equal((found.meta.postBalances[place] ?? 0) - (found.meta.preBalances[place] ?? 0), SENT);
    const status = await connection.getSignatureStatus(signature, { searchTransactionHistory: true });
    assert.match(status.value?.confirmationStatus ?? "", /^(confirmed|finalized)$/);

    const program = new PublicKey(variable("OGONG_PROGRAM_ID"));
    const deployed = await connection.getAccountInfo(program);
    assert.ok(deployed?.executable && deployed.owner.equals(BPF_LOADER), "the program is deployed");
    assert.deepEqual(await connection.getProgramAccounts(program, { filters: [{ dataSize: 1 }] }), []);

    const broke = new Transaction().add(SystemProgram.transfer(
        { fromPubkey: to.publicKey, toPubkey: from.publicKey, lamports: 2 * LAMPORTS_PER_SOL }));
    await assert.rejects(sendAndConfirmTransaction(connection, broke, [to]), /custom program error: 0x1/);
    const before = await connection.getSlot();
    await slotAfter(connection, before);
    return { airdrop, signature, slot: before, version: (await connection.getVersion())["solana-core"] };
});

async function confirmed(connection: Connection, signature: string): Promise<void> {
    const latest = await connection.getLatestBlockhash();
    const { value } = await connection.confirmTransaction({ signature, ...latest });
    assert.equal(value.err, null);
}

/** Waits for one slot notification: earlier requests on the socket have been answered by then. */
function subscribed(connection: Connection): Promise<void> {
    return new Promise(resolve => {
        const id = connection.onSlotChange(() => {
            void connection.removeSlotChangeListener(id);
            resolve();
        });
    });
}

async function slotAfter(connection: Connection, slot: number): Promise<void> {
    await new Promise<void>(resolve => {
        const id = connection.onSlotChange(change => {
            if (change.slot <= slot) return;
            void connection.removeSlotChangeListener(id);
            resolve();
        });
    });
    assert.ok((await connection.getSlot("processed")) > slot);
}

// Provisioning of a chain for a mesh, as an operator does it.
//
//   provision init '{…}'        the admin's SOL, then config, mint and launch allocation by the operator's tool ogong-chain
//   provision register '{…}'    per validator: SOL, stake, and its registration with endpoint and certificate, from the IDL
//
// A validator's consensus id is sha256 of its QUIC certificate; peers pin each other by what is registered here.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { address, getAddressEncoder, getU64Encoder, type Address } from "@solana/kit";
import { Chain, createTokenAccount, main, tokenAccount, walletOf } from "./chain.js";
import type { Row } from "./idl.js";

/** Terms of the new network. */
interface Init {
    admin_keypair: string;
    /** Where the verification reserve goes, if the network lets its operator choose. */
    reserve?: string;
    network: string;
    split_bps: number[];
    alpha_ppm: number;
    beacon_period_ms: number;
}

/** One validator, as `ogong-validatord identity --json` describes it, and where it listens. */
interface Register {
    admin_keypair: string;
    endpoint: string;
    stake_tokens: number;
    identity: { keypair: string; cert: string; node_id: string; vrf_key: string } & Record<string, string>;
}

const SOL_EACH = 100n;

main(async () => {
    const [verb, text] = process.argv.slice(2);
    const chain = Chain.fromEnvironment();
    if (verb === "init" && text !== undefined) return init(chain, JSON.parse(text) as Init);
    if (verb === "register" && text !== undefined) return register(chain, JSON.parse(text) as Register);
    throw new Error("usage: provision init|register JSON");
});

async function init(chain: Chain, terms: Init): Promise<unknown> {
    const admin = await walletOf(terms.admin_keypair);
    await chain.airdrop(admin.signer.address, SOL_EACH);
    const config = chain.operator("init", "--admin-keypair", terms.admin_keypair,
        ...(terms.reserve === undefined ? [] : ["--reserve", terms.reserve]),
        "--network", terms.network, "--split-bps", ...terms.split_bps.map(String), "--alpha-ppm", String(terms.alpha_ppm),
        "--beacon-period-ms", String(terms.beacon_period_ms));
    assert.deepEqual(config.split_bps, terms.split_bps, "the chain has another split");
    return config;
}

async function register(chain: Chain, { admin_keypair, endpoint, stake_tokens, identity }: Register): Promise<unknown> {
    const authority = await walletOf(identity.keypair);
    const key = authority.signer.address;
    const stake = BigInt(stake_tokens) * 1_000_000_000n;
    await chain.airdrop(key, SOL_EACH);
    const { mint } = chain.operator("config");
    chain.operator("send", key, String(stake_tokens), "--keypair", admin_keypair);
    const consensusId = certificateHash(identity.cert);
    const registration = {
        node_id: Buffer.from(identity.node_id, "hex"),
        consensus_id: consensusId,
        vrf_key: Buffer.from(identity.vrf_key, "hex"),
        fee_owner: key,
        stake,
        endpoint,
    };
    const instruction = await chain.program.instruction("register_validator", { registration },
        { authority: key, stake_source: await tokenAccount(address(String(mint)), key), epoch: await epoch(chain) });
    const signature = await chain.send([await createTokenAccount(address(String(mint)), key, key), instruction], authority);
    const data = await chain.bytes(await chain.program.derive("validator", new Uint8Array(getAddressEncoder().encode(key))));
    assert.ok(data !== undefined, "the registration is on the chain");
    const found: Row = chain.program.account("Validator", data);
    assert.equal(found.endpoint, endpoint);
    assert.deepEqual(Buffer.from(found.consensus_id as Uint8Array), consensusId);
    return { authority: key, endpoint, consensus_id: consensusId.toString("hex"), stake, signature };
}

/** The current epoch's account, whose number stands in the config. */
async function epoch(chain: Chain): Promise<Address> {
    const data = await chain.bytes(await chain.program.derive("config"));
    assert.ok(data !== undefined, "the chain is initialised");
    const { stake_epoch } = chain.program.account("Config", data);
    return chain.program.derive("epoch", new Uint8Array(getU64Encoder().encode(stake_epoch as bigint)));
}

/** sha256 over a certificate's DER; the file may hold PEM. */
function certificateHash(file: string): Buffer {
    const bytes = readFileSync(file);
    const pem = /-----BEGIN CERTIFICATE-----([\s\S]*?)-----END CERTIFICATE-----/.exec(bytes.toString("latin1"));
    const der = pem === null ? bytes : Buffer.from(pem[1] ?? "", "base64");
    return createHash("sha256").update(der).digest();
}

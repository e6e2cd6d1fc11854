// A chain that runs the program: connection, keys, sending, OGONG's token.

import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import {
    AccountRole,
    address,
    airdropFactory,
    appendTransactionMessageInstructions,
    assertIsTransactionWithBlockhashLifetime,
    createKeyPairSignerFromBytes,
    createSolanaRpc,
    createSolanaRpcSubscriptions,
    createTransactionMessage,
    devnet,
    getAddressEncoder,
    getProgramDerivedAddress,
    getSignatureFromTransaction,
    lamports,
    pipe,
    sendAndConfirmTransactionFactory,
    setTransactionMessageFeePayerSigner,
    setTransactionMessageLifetimeUsingBlockhash,
    signTransactionMessageWithSigners,
    type Address,
    type Instruction,
    type KeyPairSigner,
    type Signature,
} from "@solana/kit";
import { Program } from "./idl.js";

const TOKEN_PROGRAM = address("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
const ASSOCIATED_TOKEN_PROGRAM = address("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");
const SYSTEM_PROGRAM = address("11111111111111111111111111111111");
/** Atoms in one OGONG. */
export const TOKEN = 1_000_000_000n;

/** A wallet: kit's signer, and the bytes of its keypair file. */
export interface Wallet { signer: KeyPairSigner; bytes: Uint8Array }

// Kit knows airdrops on test clusters only, and tells these apart by type.
const rpcAt = (url: string) => createSolanaRpc(devnet(url));
const subscriptionsAt = (url: string) => createSolanaRpcSubscriptions(devnet(url));

/** A connection, and the program on it. */
export class Chain {
    readonly rpcUrl: string;
    readonly program: Program;
    readonly rpc: ReturnType<typeof rpcAt>;
    readonly subscriptions: ReturnType<typeof subscriptionsAt>;

    constructor(rpcUrl: string, wsUrl: string, program: Program) {
        this.rpcUrl = rpcUrl;
        this.program = program;
        this.rpc = rpcAt(rpcUrl);
        this.subscriptions = subscriptionsAt(wsUrl);
    }

    /** Reached as the environment says: OGONG_RPC_URL, OGONG_WS_URL, OGONG_PROGRAM_ID, OGONG_IDL. */
    static fromEnvironment(): Chain {
        const program = new Program(variable("OGONG_IDL"), process.env.OGONG_PROGRAM_ID);
        return new Chain(variable("OGONG_RPC_URL"), variable("OGONG_WS_URL"), program);
    }

    /** Gives a wallet SOL and waits until it is there. */
    async airdrop(to: Address, sol: bigint): Promise<Signature> {
        const ask = airdropFactory({ rpc: this.rpc, rpcSubscriptions: this.subscriptions });
        return ask({ commitment: "confirmed", lamports: lamports(sol * 1_000_000_000n), recipientAddress: to });
    }

    /** Sends instructions that one wallet signs, and waits until they are confirmed. */
    async send(instructions: Instruction[], payer: Wallet): Promise<Signature> {
        const { value: blockhash } = await this.rpc.getLatestBlockhash().send();
        const message = pipe(
            createTransactionMessage({ version: "legacy" }),
            m => setTransactionMessageFeePayerSigner(payer.signer, m),
            m => setTransactionMessageLifetimeUsingBlockhash(blockhash, m),
            m => appendTransactionMessageInstructions(instructions, m),
        );
        const transaction = await signTransactionMessageWithSigners(message);
        assertIsTransactionWithBlockhashLifetime(transaction);
        const send = sendAndConfirmTransactionFactory({ rpc: this.rpc, rpcSubscriptions: this.subscriptions });
        await send(transaction, { commitment: "confirmed" });
        return getSignatureFromTransaction(transaction);
    }

    /** The bytes of an account, if there is one. */
    async bytes(place: Address): Promise<Uint8Array | undefined> {
        const { value } = await this.rpc.getAccountInfo(place, { encoding: "base64", commitment: "confirmed" }).send();
        return value === null ? undefined : new Uint8Array(Buffer.from(value.data[0], "base64"));
    }

    /** Atoms in a wallet's token account. */
    async atoms(mint: Address, owner: Address): Promise<bigint> {
        const place = await tokenAccount(mint, owner);
        const { value } = await this.rpc.getTokenAccountBalance(place, { commitment: "confirmed" }).send();
        return BigInt(value.amount);
    }

    /** Runs the operator's tool against this chain. */
    operator(...args: string[]): Record<string, unknown> {
        const tool = process.env.OGONG_CHAIN_BIN ?? "ogong-chain";
        const common = ["--rpc-url", this.rpcUrl, "--program-id", this.program.address, "--json"];
        return JSON.parse(execFileSync(tool, [...args, ...common], { encoding: "utf8" }));
    }
}

/** The wallet of a Solana keypair file. */
export async function walletOf(file: string): Promise<Wallet> {
    const bytes = new Uint8Array(JSON.parse(readFileSync(file, "utf8")));
    return { signer: await createKeyPairSignerFromBytes(bytes), bytes };
}

/** A new wallet. */
export async function newWallet(): Promise<Wallet> {
    const seed = randomBytes(32);
    const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
    const secret = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
    const spki = createPublicKey(secret).export({ format: "der", type: "spki" });
    const bytes = new Uint8Array([...seed, ...spki.subarray(-32)]);
    return { signer: await createKeyPairSignerFromBytes(bytes), bytes };
}

/** The associated token account of a wallet. */
export async function tokenAccount(mint: Address, owner: Address): Promise<Address> {
    const encode = (key: Address) => getAddressEncoder().encode(key);
    const seeds = [encode(owner), encode(TOKEN_PROGRAM), encode(mint)];
    const [place] = await getProgramDerivedAddress({ programAddress: ASSOCIATED_TOKEN_PROGRAM, seeds });
    return place;
}

/** Creates a wallet's token account unless it is there. */
export async function createTokenAccount(mint: Address, owner: Address, payer: Address): Promise<Instruction> {
    const readonly = (key: Address) => ({ address: key, role: AccountRole.READONLY });
    return {
        programAddress: ASSOCIATED_TOKEN_PROGRAM,
        accounts: [
            { address: payer, role: AccountRole.WRITABLE_SIGNER },
            { address: await tokenAccount(mint, owner), role: AccountRole.WRITABLE },
            readonly(owner),
            readonly(mint),
            readonly(SYSTEM_PROGRAM),
            readonly(TOKEN_PROGRAM),
        ],
        data: new Uint8Array([1]),
    };
}

/** A variable of the environment that has to be there. */
export function variable(name: string): string {
    const value = process.env[name];
    if (value === undefined || value === "") throw new Error(`${name} is not set`);
    return value;
}

/** Runs a program: its result is one line of JSON on stdout, its failure a sentence on stderr. */
export function main(run: () => Promise<unknown>): void {
    run().then(
        result => {
            console.log(JSON.stringify(result, (_, value) => (typeof value === "bigint" ? value.toString() : value)));
            // Open WebSockets would keep the process alive.
            process.exit(0);
        },
        error => {
            console.error(`error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
            process.exit(1);
        },
    );
}

// The program as its IDL describes it: instructions, accounts and events, with @solana/kit's codecs.
//
//   IDL ─ types ─▶ codecs ─▶ instruction(name, args, accounts) · account(name, bytes) · event(log line)
//
// Nothing of the program is written down a second time here: layout, discriminators, addresses and error texts are the IDL's.

import { readFileSync } from "node:fs";
import {
    AccountRole,
    addCodecSizePrefix,
    address,
    fixCodecSize,
    getAddressCodec,
    getAddressEncoder,
    getArrayCodec,
    getBase64Encoder,
    getBooleanCodec,
    getBytesCodec,
    getI64Codec,
    getNullableCodec,
    getProgramDerivedAddress,
    getStructCodec,
    getU128Codec,
    getU16Codec,
    getU32Codec,
    getU64Codec,
    getU8Codec,
    getUtf8Codec,
    type Address,
    type Codec,
    type Instruction,
} from "@solana/kit";

type Type =
    | string
    | { array: [Type, number] }
    | { vec: Type }
    | { option: Type }
    | { defined: { name: string } };

interface Field { name: string; type: Type }
interface Seed { kind: "const" | "account" | "arg"; value?: number[]; path?: string }
interface AccountItem {
    name: string;
    writable?: boolean;
    signer?: boolean;
    optional?: boolean;
    address?: string;
    pda?: { seeds: Seed[]; program?: unknown };
}
interface Named { name: string; discriminator: number[] }
interface Idl {
    address: string;
    instructions: (Named & { accounts: AccountItem[]; args: Field[] })[];
    accounts: Named[];
    events: Named[];
    errors: { code: number; name: string; msg?: string }[];
    types: { name: string; type: { kind: string; fields?: Field[]; variants?: { fields?: unknown }[] } }[];
}

/** A value of some IDL type: numbers of 64 bits and more are bigint, byte arrays Uint8Array. */
export type Value = unknown;
/** A struct's fields by their name in the IDL. */
export type Row = Record<string, Value>;

const DISCRIMINATOR_BYTES = 8;

/** One deployment of the program. */
export class Program {
    readonly address: Address;
    readonly #idl: Idl;

    constructor(file: string, programId?: string) {
        this.#idl = JSON.parse(readFileSync(file, "utf8")) as Idl;
        this.address = address(programId ?? this.#idl.address);
    }

    /** An instruction. Accounts that are optional, that have a fixed address, or seeds of constants and given accounts need not be named. */
    async instruction(name: string, args: Row, accounts: Record<string, Address>): Promise<Instruction> {
        const found = named(this.#idl.instructions, name, "instruction");
        const given: Record<string, Address> = { ...accounts };
        const metas = [];
        for (const item of found.accounts) {
            // An optional account that is absent is the program itself.
            const place = given[item.name] ?? (item.optional ? this.address : await this.#derive(item, given));
            given[item.name] = place;
            metas.push({ address: place, role: place === this.address ? AccountRole.READONLY : role(item) });
        }
        const data = this.#struct(found.args).encode(args as never);
        return {
            programAddress: this.address,
            accounts: metas,
            data: new Uint8Array([...found.discriminator, ...data]),
        };
    }

    /** The address that the program derives from seeds. */
    async derive(...seeds: (string | Uint8Array)[]): Promise<Address> {
        const [place] = await getProgramDerivedAddress({ programAddress: this.address, seeds });
        return place;
    }

    /** An account of the program, decoded. */
    account(name: string, data: Uint8Array): Row {
        const { discriminator } = named(this.#idl.accounts, name, "account");
        if (!startsWith(data, discriminator)) throw new Error(`these bytes are no ${name}`);
        return this.#defined(name).decode(data.subarray(DISCRIMINATOR_BYTES)) as Row;
    }

    /** First bytes of every account of a kind, for getProgramAccounts. */
    discriminator(account: string): Uint8Array {
        return new Uint8Array(named(this.#idl.accounts, account, "account").discriminator);
    }

    /** The events that a transaction's log lines carry. */
    events(logs: readonly string[]): { name: string; data: Row }[] {
        const found = [];
        for (const line of logs) {
            const [, text] = line.split("Program data: ");
            if (text === undefined) continue;
            const bytes = new Uint8Array(getBase64Encoder().encode(text));
            const event = this.#idl.events.find(({ discriminator }) => startsWith(bytes, discriminator));
            if (event === undefined) continue;
            const data = this.#defined(event.name).decode(bytes.subarray(DISCRIMINATOR_BYTES)) as Row;
            found.push({ name: event.name, data });
        }
        return found;
    }

    /** What one of the program's error numbers means. */
    error(code: number): string | undefined {
        return this.#idl.errors.find(error => error.code === code)?.name;
    }

    async #derive(item: AccountItem, given: Record<string, Address>): Promise<Address> {
        if (item.address !== undefined) return address(item.address);
        const seeds = item.pda?.program === undefined ? item.pda?.seeds : undefined;
        const bytes = seeds?.map(seed => {
            if (seed.kind === "const") return new Uint8Array(seed.value ?? []);
            const key = seed.kind === "account" && seed.path !== undefined ? given[seed.path] : undefined;
            return key === undefined ? undefined : new Uint8Array(getAddressEncoder().encode(key));
        });
        if (bytes === undefined || bytes.some(seed => seed === undefined)) {
            throw new Error(`the account ${item.name} has to be named`);
        }
        return this.derive(...(bytes as Uint8Array[]));
    }

    #defined(name: string): Codec<unknown> {
        const found = this.#idl.types.find(type => type.name === name)?.type;
        if (found?.kind === "struct") return this.#struct(found.fields ?? []);
        // An enum without data is its variant's number.
        if (found?.variants?.every(variant => variant.fields === undefined)) return getU8Codec() as Codec<unknown>;
        throw new Error(`the IDL has no struct or plain enum ${name}`);
    }

    #struct(fields: Field[]): Codec<unknown> {
        return getStructCodec(fields.map(field => [field.name, this.#codec(field.type)] as const)) as Codec<unknown>;
    }

    #codec(type: Type): Codec<unknown> {
        return this.#anyCodec(type) as Codec<unknown>;
    }

    #anyCodec(type: Type): unknown {
        if (typeof type === "string") return primitive(type);
        if ("defined" in type) return this.#defined(type.defined.name);
        if ("option" in type) return getNullableCodec(this.#codec(type.option));
        if ("vec" in type) return getArrayCodec(this.#codec(type.vec), { size: getU32Codec() });
        const [item, size] = type.array;
        return item === "u8" ? fixCodecSize(getBytesCodec(), size) : getArrayCodec(this.#codec(item), { size });
    }
}

function primitive(name: string): unknown {
    switch (name) {
        case "bool": return getBooleanCodec();
        case "u8": return getU8Codec();
        case "u16": return getU16Codec();
        case "u32": return getU32Codec();
        case "u64": return getU64Codec();
        case "u128": return getU128Codec();
        case "i64": return getI64Codec();
        case "pubkey": return getAddressCodec();
        case "string": return addCodecSizePrefix(getUtf8Codec(), getU32Codec());
        case "bytes": return addCodecSizePrefix(getBytesCodec(), getU32Codec());
        default: throw new Error(`the IDL's type ${name} is not known here`);
    }
}

function role(item: AccountItem): AccountRole {
    if (item.signer) return item.writable ? AccountRole.WRITABLE_SIGNER : AccountRole.READONLY_SIGNER;
    return item.writable ? AccountRole.WRITABLE : AccountRole.READONLY;
}

function startsWith(data: Uint8Array, head: number[]): boolean {
    return data.length >= head.length && head.every((byte, place) => data[place] === byte);
}

function named<T extends Named>(all: T[], name: string, what: string): T {
    const found = all.find(item => item.name === name);
    if (found === undefined) throw new Error(`the IDL has no ${what} ${name}`);
    return found;
}

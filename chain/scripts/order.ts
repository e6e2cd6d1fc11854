// An order's bytes (SPEC 2.2) and its reply id.

import { createHash } from "node:crypto";
import {
    addCodecSizePrefix,
    fixCodecSize,
    getAddressCodec,
    getBytesCodec,
    getStructCodec,
    getU32Codec,
    getU64Codec,
    getU8Codec,
    getUtf8Codec,
} from "@solana/kit";

const hash = () => fixCodecSize(getBytesCodec(), 32);

/** Fields in the order in which they are hashed. */
const ORDER = getStructCodec([
    ["version", getU8Codec()],
    ["network", hash()],
    ["program", getAddressCodec()],
    ["nonce", hash()],
    ["owner", getAddressCodec()],
    ["provider", hash()],
    ["router", hash()],
    ["epoch", getU64Codec()],
    ["modelId", addCodecSizePrefix(getUtf8Codec(), getU32Codec())],
    ["modelRoot", hash()],
    ["reqHash", hash()],
    ["pricePrompt", getU64Codec()],
    ["priceCompletion", getU64Codec()],
    ["maxFee", getU64Codec()],
    ["maxTokens", getU32Codec()],
    ["nCtx", getU32Codec()],
    ["issuedMs", getU64Codec()],
    ["deadlineMs", getU64Codec()],
]);

/** What a consumer orders. */
export type Order = Parameters<typeof ORDER.encode>[0];

/** The order as bytes. */
export function orderBytes(order: Order): Uint8Array {
    return new Uint8Array(ORDER.encode(order));
}

/** H("ogong/v1/commitment/reply-id", order). */
export function replyId(order: Uint8Array): Uint8Array {
    const tag = Buffer.from("ogong/v1/commitment/reply-id");
    const length = Buffer.alloc(4);
    length.writeUInt32LE(tag.length);
    return new Uint8Array(createHash("sha256").update(length).update(tag).update(order).digest());
}

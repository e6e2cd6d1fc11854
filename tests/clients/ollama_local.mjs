// The official ollama npm package against `ogong-provider local`: node ollama_local.mjs BASE_URL MODEL
// Prints one JSON object; exits 1 with a sentence on the first thing that is not as Ollama does it.
import assert from "node:assert/strict";
import { Ollama } from "ollama";

const [host, model] = process.argv.slice(2);
const client = new Ollama({ host });
const messages = [{ role: "user", content: "Name three colours of the rainbow." }];
const options = { num_predict: 16, temperature: 0, seed: 7, repeat_penalty: 1.0 };

assert.equal((await client.list()).models[0].name, `${model}:latest`);
assert.equal((await client.show({ model })).details.family, "llama");
assert.equal((await client.ps()).models[0].name, `${model}:latest`);
assert.match((await client.version()).version, /^\d+\.\d+\.\d+$/);

const whole = await client.chat({ model, messages, options });
const text = whole.message.content;
assert.equal(whole.eval_count, 16);
let streamed = "";
for await (const part of await client.chat({ model, messages, options, stream: true })) streamed += part.message.content;
assert.equal(streamed, text, "streamed it says something else");

const generated = await client.generate({ model, prompt: messages[0].content, options });
assert.equal(generated.response, text, "generate says something else than chat");
let pieces = "";
for await (const part of await client.generate({ model, prompt: "One, two,", raw: true, options, stream: true })) pieces += part.response;
assert(pieces.length > 0);

const embedded = await client.embed({ model, input: ["a king", "a queen"] });
assert.deepEqual(embedded.embeddings.map((vector) => vector.length), [576, 576]);

assert.equal((await client.create({ model: "brisk", from: model, system: "Be brief." })).status, "success");
assert.equal((await client.copy({ source: "brisk", destination: "brisker" })).status, "success");
for (const name of ["brisk", "brisker"]) assert.equal((await client.delete({ model: name })).status, "success");
assert.equal((await client.pull({ model })).status, "success");

await assert.rejects(client.chat({ model: "nobody", messages }), (error) => error.status_code === 404 && error.error.includes("nobody"));
console.log(JSON.stringify({ client: "ollama (npm)", text }));

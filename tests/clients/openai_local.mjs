// The official openai npm package against `ogong-provider local`: node openai_local.mjs BASE_URL MODEL
// Prints one JSON object; exits 1 with a sentence on the first thing that is not as OpenAI's own service does it.
import assert from "node:assert/strict";
import OpenAI from "openai";

const [url, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none needed", maxRetries: 0, timeout: 300_000 });
const prompt = "Name three colours of the rainbow.";
const ask = { model, messages: [{ role: "user", content: prompt }], max_tokens: 16, temperature: 0, seed: 7 };

const listed = [];
for await (const entry of await client.models.list()) listed.push(entry.id);
assert(listed.includes(model), `the models are ${listed}`);
assert.equal((await client.models.retrieve(model)).id, model);

const whole = await client.chat.completions.create(ask);
const text = whole.choices[0].message.content;
assert.equal(whole.choices[0].finish_reason, "length");
let streamed = "";
for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
}
assert.equal(streamed, text, "streamed it says something else");

const completion = await client.completions.create({ model, prompt: "One, two,", max_tokens: 8, temperature: 0, seed: 7 });
assert(completion.choices[0].text.length > 0);

const vectors = await client.embeddings.create({ model, input: "a king" });
assert.equal(vectors.data[0].embedding.length, 576);

const first = await client.responses.create({ model, input: prompt, max_output_tokens: 16, temperature: 0, seed: 7 });
assert.equal(first.output_text, text, "responses say something else than chats");
let kinds = [];
for await (const event of await client.responses.create({ model, input: prompt, max_output_tokens: 2, stream: true })) {
  kinds.push(event.type);
}
assert.equal(kinds.at(-1), "response.incomplete", `events are ${kinds}`);
assert.equal((await client.responses.retrieve(first.id)).id, first.id);
await client.responses.delete(first.id);
await assert.rejects(client.responses.retrieve(first.id), OpenAI.NotFoundError);

await assert.rejects(client.chat.completions.create({ ...ask, model: "nobody" }), OpenAI.NotFoundError);
await assert.rejects(client.chat.completions.create({ ...ask, messages: "hello" }), OpenAI.BadRequestError);
console.log(JSON.stringify({ client: "openai (npm)", text }));

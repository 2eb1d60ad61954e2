// The official JavaScript client against a gateway: `node smoke.mjs BASE_URL MODEL`. Prints what it saw as JSON.
import OpenAI, { APIError } from "openai";

const [baseURL, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0, timeout: 20_000 });
const messages = [{ role: "user", content: "Hello?" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const schema = { ...parameters, additionalProperties: false };
const tools = [{ type: "function", function: { name: "weather", parameters } }];
const seen = {};

const plain = await client.chat.completions.create({ model, messages });
seen.chat = plain.choices[0].message.content;

seen.stream = "";
for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
  seen.stream += chunk.choices[0]?.delta?.content ?? "";
}

const runner = client.chat.completions.stream({ model, messages, tools });
const called = await runner.finalChatCompletion();
seen.tool = called.choices[0].message.tool_calls[0].function;

const shaped = await client.chat.completions.create({
  model,
  messages,
  response_format: { type: "json_schema", json_schema: { name: "place", schema, strict: true } },
});
seen.schema = JSON.parse(shaped.choices[0].message.content);

const embedded = await client.embeddings.create({ model, input: ["one", "two"] });
seen.embeddings = embedded.data.map((item) => item.embedding.length);

const responded = await client.responses.create({ model, input: "Hello?" });
seen.response = responded.output_text;

const events = [];
for await (const event of await client.responses.create({ model, input: "Hello?", stream: true })) {
  events.push(event.type);
}
seen.events = [events[0], events.at(-1)];

seen.models = (await client.models.list()).data.map((one) => one.id).sort();

try {
  await client.chat.completions.create({ model: "nobody", messages });
} catch (error) {
  if (!(error instanceof APIError)) throw error;
  seen.error = { status: error.status, code: error.code, param: error.param, id: typeof error.requestID };
}

console.log(JSON.stringify(seen));

// The journey by the official JavaScript SDK: node journey.mjs <url> <token>.
import { Client } from "@langchain/langgraph-sdk";

const [apiUrl, token] = process.argv.slice(2);
const client = new Client({ apiUrl, apiKey: null, defaultHeaders: { Authorization: `Bearer ${token}` } });

const thread = await client.threads.create();
let last;
for await (const part of client.runs.stream(thread.thread_id, "hello", {
  input: { messages: [{ role: "user", content: "hi" }] },
  streamMode: ["values", "updates", "messages-tuple"],
})) {
  if (part.event === "error") throw new Error(JSON.stringify(part.data));
  if (part.event === "values") last = part.data;
}
const waited = await client.runs.wait(null, "hello", { input: { messages: "hi" } });
if (waited.who !== last.who) throw new Error("wait and stream disagree");
const state = await client.threads.getState(thread.thread_id);
if (state.values.messages.length !== 2) throw new Error("the state lacks messages");
const history = await client.threads.getHistory(thread.thread_id, { limit: 10 });
const idle = await client.threads.search({ status: "idle" });
await client.store.putItem(["a"], "k", { n: 1 });
if ((await client.store.getItem(["a"], "k")).value.n !== 1) throw new Error("the store forgot");
const listed = await client.store.searchItems(["a"], { filter: { n: { $gte: 1 } }, limit: 5, query: "one" });
if (listed.items.length !== 1 || listed.items[0].key !== "k") throw new Error("the store does not search");
const { namespaces } = await client.store.listNamespaces({ suffix: ["a"], maxDepth: 3 });
if (namespaces.length !== 1 || namespaces[0].at(-1) !== "a") throw new Error("the store does not list");
await client.store.deleteItem(["a"], "k");
if ((await client.store.getItem(["a"], "k")) !== null) throw new Error("the store does not delete");
console.log(JSON.stringify({ who: last.who, history: history.length, idle: idle.length }));

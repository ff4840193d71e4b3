// Every method of the official JavaScript SDK's assistants: node assistants.mjs <url>.
import assert from "node:assert/strict";
import { Client } from "@langchain/langgraph-sdk";

const [apiUrl] = process.argv.slice(2);
const { assistants, threads, runs } = new Client({ apiUrl, apiKey: null });

const made = await assistants.create({
  graphId: "simple_runtime",
  context: { model: "openai" },
  metadata: { from: "js" },
  name: "From JavaScript",
  description: "about",
  ifExists: "do_nothing",
});
const id = made.assistant_id;
assert.deepEqual(made.config, { configurable: { model: "openai" } });
assert.deepEqual(await assistants.get(id), made);
const next = await assistants.update(id, { metadata: { more: 1 }, name: "Renamed" });
assert.equal(next.version, 2);
assert.deepEqual(next.metadata, { from: "js", more: 1 });
assert.equal((await assistants.setLatest(id, 1)).name, "From JavaScript");
assert.equal((await assistants.update(id, { context: { model: "anthropic" } })).version, 3);
const versions = (await assistants.getVersions(id)).map((one) => one.version);
assert.deepEqual((await assistants.getVersions(id, { metadata: { more: 1 } })).length, 1);
const found = await assistants.search({ metadata: { from: "js" }, name: "javascript" });
assert.equal(found[0].assistant_id, id);
const page = await assistants.search({ limit: 1, includePagination: true });
assert.equal(page.next, "1");
assert.equal(await assistants.count({ metadata: { from: "js" } }), found.length);
const drawn = await assistants.getGraph(id, { xray: 1 });
assert.deepEqual(drawn.nodes.map((one) => one.id), ["__start__", "use_context", "__end__"]);
const schemas = await assistants.getSchemas(id);
assert.equal(schemas.context_schema.properties.model.type, "string");
const nested = await assistants.create({ graphId: "nested" });
const inside = Object.keys(await assistants.getSubgraphs(nested.assistant_id, { recurse: true }));
assert.deepEqual(
  Object.keys(await assistants.getSubgraphs(nested.assistant_id, { namespace: "gp_two" })),
  ["gp_two"],
);

const thread = await threads.create();
const values = await runs.wait(thread.thread_id, id, { input: { message: "hi" } });
assert.equal(values.model, "anthropic");
await assistants.delete(id, { deleteThreads: true });
await assert.rejects(threads.get(thread.thread_id), /404/);
await assert.rejects(assistants.get(id), /404/);
console.log(JSON.stringify({ versions, inside }));

// Threads by the official JavaScript SDK: node threads.mjs <url>.
import { Client } from "@langchain/langgraph-sdk";

const [apiUrl] = process.argv.slice(2);
const { threads, runs } = new Client({ apiUrl, apiKey: null });
const check = (ok, what) => {
  if (!ok) throw new Error(what);
};

const graphId = "plain_zod_graph";
const made = await threads.create({
  graphId,
  metadata: { by: "js" },
  supersteps: [
    { updates: [{ values: { items: ["i"] }, asNode: "__input__" }] },
    { updates: [{ values: { items: ["i"] }, asNode: "__start__" }] },
  ],
  ttl: { ttl: 60, strategy: "delete" },
});
const id = made.thread_id;
check(made.status === "interrupted" && made.values.items[0] === "i", "supersteps");
check((await threads.get(id)).metadata.by === "js", "get");
await runs.wait(id, graphId, { input: null });
await threads.updateState(id, { values: { items: ["by hand"] }, asNode: "add" });
const state = await threads.getState(id);
check(state.values.items.join() === "i,item 1,by hand", "updateState");
check((await threads.getState(id, state.checkpoint)).values.items.length === 3, "at a checkpoint");
const history = await threads.getHistory(id, { limit: 100 });
check(history.length === 4, "getHistory");
const older = await threads.getHistory(id, { before: { configurable: history[1].checkpoint } });
check(older.length === 2, "before");
await threads.updateState(id, {
  values: { items: ["F"] }, asNode: "add", checkpoint: history[3].checkpoint,
});
check((await threads.getState(id)).values.items.join() === "F", "fork");
await threads.update(id, { metadata: { more: 1 } });
const copy = await threads.copy(id);
check(copy.thread_id !== id && copy.metadata.more === 1, "copy");
check((await threads.count({ metadata: { by: "js" } })) === 2, "count");
const found = await threads.search({
  ids: [id], select: ["thread_id", "values"],
  sortBy: "created_at", sortOrder: "asc",
});
check(found.length === 1 && found[0].values.items.join() === "F", "search");
await threads.delete(id);
check((await threads.get(copy.thread_id)).values.items.join() === "F", "the copy stays");
await threads.delete(copy.thread_id);
check((await threads.search({ ids: [id, copy.thread_id] })).length === 0, "delete");
console.log("all of it");

// Every method of the official JavaScript SDK's crons: node crons.mjs <url>.
import assert from "node:assert/strict";
import { Client } from "@langchain/langgraph-sdk";

const [apiUrl] = process.argv.slice(2);
const { crons, threads } = new Client({ apiUrl, apiKey: null });
const metadata = { from: "js", at: Date.now() };

const made = await crons.create("hello", {
  schedule: "30 2 1 1 *",
  input: { messages: "hi" },
  metadata,
  onRunCompleted: "keep",
  enabled: false,
});
assert.equal(made.on_run_completed, "keep");
assert.equal(made.enabled, false);
const { thread_id } = await threads.create();
const onThread = await crons.createForThread(thread_id, "hello", { schedule: "@yearly", metadata });
assert.equal(onThread.thread_id, thread_id);
const changed = await crons.update(made.cron_id, {
  schedule: "0 9 * * *",
  endTime: "2099-01-01T00:00:00Z",
  enabled: true,
});
assert.equal(changed.schedule, "0 9 * * *");
assert.equal(changed.end_time, "2099-01-01T00:00:00Z");
assert.equal((await crons.update(made.cron_id, { endTime: null })).end_time, null);
const found = await crons.search({ threadId: thread_id, limit: 10, offset: 0 });
assert.deepEqual(found.map((one) => one.cron_id), [onThread.cron_id]);
assert.equal(await crons.count({ threadId: thread_id }), 1);
const all = await crons.count(); // the SDK counts by no metadata
await crons.delete(made.cron_id);
assert.equal(await crons.count(), all - 1);
console.log("done");

// Every public method of the official JavaScript SDK: node methods.mjs <url> <package>. The methods
// are listed by reflection, so that a newer package names what nothing here calls. Prints them.
const [apiUrl, name] = process.argv.slice(2);
const { Client } = await import(name);

const called = new Set();
const parts = ["assistants", "threads", "runs", "crons", "store"];
const noted = (part, of) =>
  new Proxy(of, {
    get(target, method) {
      const member = Reflect.get(target, method);
      if (typeof member !== "function") return member;
      called.add(`${part}.${String(method)}`);
      return member.bind(target);
    },
  });
const methods = (of) => {
  const all = new Set();
  for (let type = Object.getPrototypeOf(of); type !== Object.prototype; type = Object.getPrototypeOf(type))
    for (const key of Object.getOwnPropertyNames(type))
      if (typeof Object.getOwnPropertyDescriptor(type, key).value === "function") all.add(key);
  // Of the base class: what the methods are made of.
  for (const inner of ["constructor", "prepareFetchOptions", "fetch", "streamWithRetry"]) all.delete(inner);
  return [...all].filter((key) => !key.startsWith("_"));
};
const client = new Client({ apiUrl, apiKey: null });
const { assistants, threads, runs, crons, store } = Object.fromEntries(
  parts.map((part) => [part, noted(part, client[part])]));

const check = (ok, what) => {
  if (!ok) throw new Error(typeof what === "string" ? what : JSON.stringify(what));
};
const same = (found, wanted) =>
  check(JSON.stringify(found) === JSON.stringify(wanted), { found, wanted });
const gone = async (asked) => check(await asked.then(() => false, (e) => e.status === 404), "not gone");
const all = async (stream) => {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
};
const tag = crypto.randomUUID();
const talk = { messages: [{ type: "human", content: "hi", id: "h" }], words: 2 };
const slow = { n: 100, delay: 0.1 };

const cases = {
  async assistants() {
    const { assistant_id: id } = await assistants.create({
      graphId: "echo", name: "mine", metadata: { tag },
    });
    same((await assistants.get(id)).name, "mine");
    same((await assistants.update(id, { name: "renamed" })).version, 2);
    same((await assistants.getVersions(id)).map((one) => one.version), [2, 1]);
    same((await assistants.setLatest(id, 1)).name, "mine");
    same(await assistants.count({ metadata: { tag } }), 1);
    same((await assistants.search({ metadata: { tag } })).map((one) => one.assistant_id), [id]);
    same((await assistants.getGraph(id)).nodes.map((node) => node.id), ["__start__", "echo", "__end__"]);
    same((await assistants.getSchemas(id)).graph_id, "echo");
    const [nested] = await assistants.search({ graphId: "nested" });
    same(Object.keys(await assistants.getSubgraphs(nested.assistant_id)), ["gp_two"]);
    await assistants.delete(id);
    await gone(assistants.get(id));
  },

  async threads() {
    const { thread_id: id } = await threads.create({ metadata: { tag } });
    await threads.update(id, { metadata: { more: 1 } });
    same((await threads.get(id)).metadata.more, 1);
    // No server has the route any more.
    same(await threads.patchState(id, { more: 2 }).catch((error) => error.status), 405);
    await runs.wait(id, "echo", { input: { text: "x" } });
    await threads.updateState(id, { values: { said: "by hand" }, asNode: "echo" });
    same((await threads.getState(id)).values, { text: "x", said: "by hand" });
    same((await threads.getHistory(id, { limit: 50 })).length, 4);
    const copy = await threads.copy(id);
    same(await threads.count({ metadata: { tag } }), 2);
    same((await threads.search({ metadata: { tag } })).length, 2);
    if (client.threads.prune)
      same((await threads.prune([copy.thread_id], { strategy: "delete" })).pruned_count, 1);
    const kept = await runs.create(id, "echo", { input: { text: "y" }, streamResumable: true });
    await runs.join(id, kept.run_id);
    for await (const part of threads.joinStream(id, { lastEventId: "-" })) {
      same(part.event, "metadata");
      break;
    }
    await threads.delete(id);
    await gone(threads.get(id));
  },

  // The streaming protocol's second version, in the packages that speak it.
  async "a thread's stream"() {
    if (!client.threads.stream) return;
    const stream = threads.stream({ assistantId: "talk" });
    try {
      const words = (async () => {
        for await (const message of stream.messages) return await message.text;
      })();
      await stream.run.start({ input: talk });
      same((await stream.output).messages.at(-1).content, "w1 w2");
      same(await words, "w1 w2");
    } finally {
      await stream.close();
    }
  },

  async runs() {
    const { thread_id: id } = await threads.create();
    same((await runs.wait(id, "echo", { input: { text: "x" } })).said, "x");
    const parts = await all(runs.stream(id, "talk", { input: talk, streamMode: "updates" }));
    same(parts.map((one) => one.event), ["metadata", "updates"]);
    const run = await runs.create(id, "slow", { input: slow, streamResumable: true });
    check((await runs.list(id)).some((one) => one.run_id === run.run_id), "not listed");
    await runs.cancel(id, run.run_id, true);
    same((await runs.get(id, run.run_id)).status, "interrupted");
    same((await all(runs.joinStream(id, run.run_id, { lastEventId: "-1" })))[0].event, "metadata");
    await runs.delete(id, run.run_id);
    const last = await runs.create(id, "echo", { input: { text: "y" } });
    same((await runs.join(id, last.run_id)).said, "y");
    const batch = await runs.createBatch([{ assistantId: "slow", input: slow }, { assistantId: "slow", input: slow }]);
    same(batch.length, 2);
    for (const one of batch)
      if (client.runs.cancelMany)
        await runs.cancelMany({ threadId: one.thread_id, runIds: [one.run_id] });
      else await runs.cancel(one.thread_id, one.run_id);
  },

  async crons() {
    const { thread_id: threadId } = await threads.create();
    const schedule = "0 0 1 1 *";
    const alone = await crons.create("echo", { schedule, input: { text: "x" } });
    const onThread = await crons.createForThread(threadId, "echo", { schedule });
    same(await crons.count({ threadId }), 1);
    same((await crons.search({ threadId })).map((one) => one.cron_id), [onThread.cron_id]);
    same((await crons.update(alone.cron_id, { schedule: "0 0 2 1 *" })).schedule, "0 0 2 1 *");
    for (const one of [alone, onThread]) await crons.delete(one.cron_id);
    same(await crons.count({ threadId }), 0);
  },

  async store() {
    const place = ["js", tag];
    await store.putItem(place, "k", { n: 1 }, { index: false, ttl: 10 });
    same((await store.getItem(place, "k")).value, { n: 1 });
    same((await store.searchItems(place, { filter: { n: { $gte: 1 } } })).items.length, 1);
    same((await store.listNamespaces({ prefix: place })).namespaces, [place]);
    await store.deleteItem(place, "k");
    same(await store.getItem(place, "k"), null);
  },
};

for (const [name, one] of Object.entries(cases)) {
  try {
    await one();
  } catch (error) {
    throw new Error(`${name}: ${error.stack}`);
  }
}
const there = parts.flatMap((part) => methods(client[part]).map((method) => `${part}.${method}`));
same(there.filter((method) => !called.has(method)), []);
console.log(JSON.stringify(there.sort()));
process.exit(0);

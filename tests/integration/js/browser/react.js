// @langchain/react: its hooks follow a thread by the streaming protocol's second version.
import {
  useMessageMetadata, useStream, useSubmissionQueue, useToolCalls, useValues,
} from "@langchain/react";
import {
  allOf, apiUrl, check, defaultHeaders, grew, human, mount, offer, other, said, settled, talk, token,
  words,
} from "./page.js";

const overEvents = { apiUrl, defaultHeaders };
// A page cannot give a WebSocket headers: the token is its subprotocol.
const overSocket = {
  apiUrl, transport: "websocket", webSocketFactory: (url) => new WebSocket(url, ["bearer", token]),
};
const chat = (options) => mount(() => useStream({ ...overEvents, ...options }));
const asOther = { Authorization: `Bearer ${other}` };

const tokens = (how) => async () => {
  const page = mount(() => useStream({ ...how, assistantId: "talk" }));
  page.now.submit(talk(8));
  await page.until(allOf(8));
  grew(page, 8);
  check(page.text().includes(words(8)), page.text());
};

const question = (how) => async () => {
  const page = mount(() => useStream({ ...how, assistantId: "inter" }));
  page.now.submit({ foo: ["x"] });
  await page.until((s) => s.interrupt && settled(s));
  check(page.now.interrupt.value.question === "ok?", page.now.interrupt);
  await page.now.respond("yes");
  await page.until((s) => s.values.ans === "yes" && settled(s) && !s.interrupt);
  check(page.now.values.foo.join() === "x,a,b", page.now.values);
};

// The connection is lost while a run speaks; the next one has all of it, and nothing twice.
const reconnected = async () => {
  const opened = [];
  const webSocketFactory = (url) => {
    opened.push(overSocket.webSocketFactory(url));
    return opened.at(-1);
  };
  const noDelay = () => 0;
  const page = mount(() => useStream({
    ...overSocket, assistantId: "talk", webSocketFactory, reconnectDelayMs: noDelay,
  }));
  page.now.submit(talk(20));
  await page.until((s) => said(s).at(-1) === words(5));
  opened[0].close();
  await page.until(allOf(20));
  check(opened.length === 2, opened.length);
};

offer({
  "tokens over an event stream": tokens(overEvents),
  "tokens over a WebSocket": tokens(overSocket),
  "a question over an event stream": question(overEvents),
  "a question over a WebSocket": question(overSocket),
  "a lost WebSocket": reconnected,

  "two questions answered at once": async () => {
    const page = chat({ assistantId: "inter2" });
    page.now.submit({ foo: [] });
    await page.until((s) => s.interrupts.length === 2 && settled(s));
    await page.now.respondAll(Object.fromEntries(page.now.interrupts.map((i) => [i.id, i.value])));
    await page.until((s) => s.values.foo?.length === 3 && settled(s));
    check(page.now.values.foo.join() === "p: p,q: q,b", page.now.values);
  },

  "a run that fails": async () => {
    const page = chat({ assistantId: "err" });
    page.now.submit({ foo: [] });
    await page.until((s) => s.error && settled(s));
    check(page.now.error.message === "boom happened", page.now.error.message);
  },

  "submitted while it runs": async () => {
    let queue;
    const page = mount(() => {
      const stream = useStream({ ...overEvents, assistantId: "talk" });
      queue = useSubmissionQueue(stream);
      return stream;
    });
    page.now.submit(talk(10));
    await page.until((s) => s.isLoading && said(s).length === 2);
    page.now.submit({ ...human("more"), words: 2 }, { multitaskStrategy: "enqueue" });
    await page.until(() => queue.size === 1);
    await page.until((s) => said(s).length === 4 && settled(s) && queue.size === 0);
    check(said(page.now).join() === `hi,${words(10)},more,${words(2)}`, said(page.now));
  },

  "a fork from a message": async () => {
    let before; // the checkpoint that the message came after
    const page = mount(() => {
      const stream = useStream({ ...overEvents, assistantId: "talk" });
      const first = useMessageMetadata(stream, stream.messages[0]?.id);
      before ??= first?.parentCheckpointId;
      return stream;
    });
    page.now.submit(talk(2));
    await page.until((s) => allOf(2)(s) && before);
    page.now.submit({ ...human("edited"), words: 3 }, { forkFrom: before });
    await page.until((s) => said(s).join() === `edited,${words(3)}` && settled(s));
    const history = await page.now.client.threads.getHistory(page.now.threadId, { limit: 50 });
    check(history.filter((state) => state.metadata.source === "input").length === 2, history);
  },

  "joined in the middle, and left again": async () => {
    const first = chat({ assistantId: "talk" });
    first.now.submit(talk(40));
    await first.until((s) => said(s).at(-1) === words(5));
    const second = chat({ assistantId: "talk", threadId: first.now.threadId });
    await second.until((s) => s.isLoading && said(s).at(-1)?.startsWith(words(8)));
    first.unmount(); // its run goes on
    await second.until(allOf(40));
    const third = chat({ assistantId: "talk", threadId: second.now.threadId });
    await third.until(allOf(40));
  },

  "stopped": async () => {
    const page = chat({ assistantId: "talk" });
    page.now.submit(talk(4000));
    await page.until((s) => said(s).at(-1) === words(3));
    const { client, threadId } = page.now;
    await page.now.stop();
    await page.until((s) => !s.isLoading);
    const ended = async () => (await client.runs.list(threadId))[0].status;
    let status = "running";
    while (status === "running") status = await ended();
    check(status === "interrupted", status);
  },

  "a subgraph": async () => {
    let inside;
    const page = mount(() => {
      const stream = useStream({ ...overEvents, assistantId: "nested" });
      const [outer] = stream.subgraphsByNode.get("gp_two") ?? [];
      inside = useValues(stream, outer ?? ["not there yet"]);
      return stream;
    });
    page.now.submit({ messages: [] });
    await page.until((s) => settled(s) && s.values.messages?.length === 7);
    await page.until((s) => s.subgraphs.size === 2 && inside?.messages?.length === 6);
    const names = [...page.now.subgraphsByNode.keys()].join();
    check(names === "gp_two,p_two", names);
    for (const one of page.now.subgraphs.values()) check(one.status === "complete", one);
  },

  "tools": async () => {
    let calls;
    const page = mount(() => {
      const stream = useStream({ ...overEvents, assistantId: "agent_with_tools" });
      calls = useToolCalls(stream);
      return stream;
    });
    page.now.submit(human("weather?"));
    await page.until((s) => said(s).at(-1) === "Done." && settled(s) && calls[0]?.status === "finished");
    check(calls.length === 1 && calls[0].name === "weather", calls);
    check((await calls[0].output).content === "It's 60 degrees and foggy."
      || calls[0].output === "It's 60 degrees and foggy.", calls[0].output);
  },

  "somebody else's thread": async () => {
    const mine = chat({ assistantId: "talk" });
    mine.now.submit(talk(3));
    await mine.until(allOf(3));
    const theirs = chat({
      assistantId: "talk", threadId: mine.now.threadId, defaultHeaders: asOther,
    });
    await theirs.until(settled);
    check(said(theirs.now).length === 0, said(theirs.now));
    theirs.now.submit(talk(1));
    await theirs.until((s) => s.error);
  },
});

// useStream of @langchain/langgraph-sdk/react: one run at a time, by the runs' own streams.
import { Client } from "@langchain/langgraph-sdk";
import { useStream } from "@langchain/langgraph-sdk/react";
import {
  allOf, apiUrl, check, defaultHeaders, grew, human, mount, offer, said, settled, talk, words,
} from "./page.js";

const client = new Client({ apiUrl, apiKey: null, defaultHeaders });
const chat = (options) =>
  mount(() => {
    const stream = useStream({ client, fetchStateHistory: true, ...options });
    // Getters note what is read: what is streamed depends on it.
    const { messages, values, toolCalls, interrupt, isLoading, isThreadLoading, error } = stream;
    return { stream, messages, values, toolCalls, interrupt, isLoading, isThreadLoading, error };
  });

offer({
  "tokens": async () => {
    let created;
    const page = chat({ assistantId: "talk", onCreated: (run) => (created = run) });
    page.now.stream.submit(talk(8));
    await page.until(allOf(8));
    grew(page, 8);
    check(created?.run_id && created.thread_id, "a page cannot read Content-Location");
  },

  "a question": async () => {
    const page = chat({ assistantId: "inter" });
    page.now.stream.submit({ foo: ["x"] });
    await page.until((s) => s.interrupt?.value && settled(s));
    check(page.now.interrupt.value.question === "ok?", page.now.interrupt);
    page.now.stream.submit(undefined, { command: { resume: "yes" } });
    await page.until((s) => s.values.ans === "yes" && settled(s) && !s.interrupt);
  },

  "a breakpoint": async () => {
    const page = chat({ assistantId: "talk" });
    page.now.stream.submit(talk(2), { interruptBefore: ["talk"] });
    await page.until((s) => said(s).join() === "hi" && settled(s) && s.interrupt);
    page.now.stream.submit(null);
    await page.until(allOf(2));
  },

  "submitted while it runs": async () => {
    const page = chat({ assistantId: "talk" });
    page.now.stream.submit(talk(10));
    await page.until((s) => said(s).at(-1) === words(3));
    page.now.stream.submit({ ...human("more"), words: 2 });
    await page.until((s) => said(s).length === 4 && said(s).at(-1) === words(2) && settled(s));
    check(said(page.now).join() === `hi,${words(10)},more,${words(2)}`, said(page.now));
  },

  "branches": async () => {
    const page = chat({ assistantId: "talk" });
    page.now.stream.submit(talk(2));
    await page.until((s) => allOf(2)(s) && s.stream.history.length === 3);
    const { firstSeenState } = page.now.stream.getMessagesMetadata(page.now.messages[0], 0);
    page.now.stream.submit({ ...human("edited"), words: 3 }, {
      checkpoint: firstSeenState.parent_checkpoint,
    });
    await page.until((s) => said(s).join() === `edited,${words(3)}` && settled(s));
    const metadata = () => page.now.stream.getMessagesMetadata(page.now.messages[0], 0);
    await page.until(() => metadata()?.branchOptions?.length === 2);
    const { branchOptions, branch } = metadata();
    page.now.stream.setBranch(branchOptions.find((one) => one !== branch));
    await page.until(allOf(2));
  },

  "joined again after a reload": async () => {
    let run;
    const first = chat({
      assistantId: "talk", reconnectOnMount: true, onCreated: (made) => (run = made),
    });
    first.now.stream.submit(talk(30));
    await first.until((s) => run && said(s).at(-1) === words(3));
    first.unmount();
    const second = chat({ assistantId: "talk", reconnectOnMount: true, threadId: run.thread_id });
    await second.until((s) => s.isLoading && said(s).at(-1)?.startsWith(words(6)));
    await second.until(allOf(30));
  },

  "stopped": async () => {
    let run;
    const page = chat({ assistantId: "talk", onCreated: (made) => (run = made) });
    page.now.stream.submit(talk(4000));
    await page.until((s) => run && said(s).at(-1) === words(3));
    await page.now.stream.stop();
    await page.until((s) => !s.isLoading);
    let now = { status: "running" };
    while (["pending", "running"].includes(now.status))
      now = await client.runs.get(run.thread_id, run.run_id);
    check(now.status === "interrupted", now.status);
  },

  "a subgraph": async () => {
    const seen = [];
    const page = chat({
      assistantId: "weather", onUpdateEvent: (data, { namespace }) => seen.push(namespace ?? []),
    });
    page.now.stream.submit(human("weather?"), { streamSubgraphs: true });
    await page.until((s) => s.values.route === "weather" && settled(s) && s.interrupt);
    page.now.stream.submit(null, { streamSubgraphs: true, checkpoint: null });
    await page.until((s) => said(s).at(-1) === "It's sunny in San Francisco!" && settled(s));
    check(seen.some((namespace) => namespace[0]?.startsWith("weather_graph:")), seen);
  },

  "tools": async () => {
    const page = chat({ assistantId: "agent_with_tools" });
    page.now.stream.submit(human("weather?"));
    await page.until((s) => said(s).at(-1) === "Done." && settled(s));
    const [call] = page.now.toolCalls;
    check(call.call.name === "weather" && call.state === "completed", call);
    check(call.result.content === "It's 60 degrees and foggy.", call.result);
  },

  "a run that fails": async () => {
    let told;
    const page = chat({ assistantId: "err", onError: (error) => (told = error) });
    page.now.stream.submit({ foo: [] });
    await page.until((s) => s.error && told && !s.isLoading);
    check(told.message === "boom happened", told.message);
  },

  "custom events": async () => {
    const got = [];
    const page = chat({ assistantId: "custom", onCustomEvent: (data) => got.push(data) });
    page.now.stream.submit({ foo: [] });
    await page.until((s) => s.values.foo?.length === 1 && settled(s));
    check(JSON.stringify(got) === '[{"a":1},"text",7]', got);
  },

  "pages of a search": async () => {
    await client.threads.create();
    const answer = await fetch(`${apiUrl}/threads/search`, {
      method: "POST", headers: { ...defaultHeaders, "Content-Type": "application/json" },
      body: JSON.stringify({ limit: 1 }),
    });
    check(answer.headers.get("X-Pagination-Next") !== null, "a page cannot read the next page");
  },
});

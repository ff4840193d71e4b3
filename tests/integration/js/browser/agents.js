// Declared agents, by the hooks of both packages: the runs' own streams, as Agent Chat UI reads them,
// and the streaming protocol's second version. Agent `slow` says w1 … w30, `clerk` looks for mail at
// once, and asks before it opens a message.
import { useStream as useThread } from "@langchain/react";
import { Client } from "@langchain/langgraph-sdk";
import { useStream } from "@langchain/langgraph-sdk/react";
import {
  apiUrl, check, defaultHeaders, grew, human, mount, offer, said, settled, words,
} from "./page.js";

const client = new Client({ apiUrl, apiKey: null, defaultHeaders });
const byRuns = (options) => {
  const page = mount(() => {
    const stream = useStream({ client, fetchStateHistory: true, reconnectOnMount: true, ...options });
    const { messages, values, interrupt, isLoading, isThreadLoading, error } = stream;
    return { stream, messages, values, interrupt, isLoading, isThreadLoading, error };
  });
  page.say = (text) => page.now.stream.submit(human(text), { streamResumable: true });
  page.answer = (resume) => page.now.stream.submit(undefined, { command: { resume } });
  return page;
};
const byThread = (options) => {
  const page = mount(() => useThread({ apiUrl, defaultHeaders, ...options }));
  page.say = (text) => page.now.submit(human(text));
  page.answer = (resume) => page.now.respond(resume);
  return page;
};

const tokens = (chat) => async () => {
  const page = chat({ assistantId: "slow" });
  page.say("hi");
  await page.until((s) => said(s).at(-1) === words(30) && settled(s));
  grew(page, 30);
  check(new Set(page.now.messages.map((one) => one.id)).size === 2, page.now.messages);
};

const calls = (page) => page.now.messages.flatMap((one) => one.tool_calls ?? []);
const results = (page) => page.now.messages.filter((one) => (one.type ?? one.getType?.()) === "tool");

const approval = (chat, decision, sees) => async () => {
  const page = chat({ assistantId: "clerk" });
  page.say("my mail");
  await page.until((s) => s.interrupt?.value && settled(s));
  const { action_requests: asked, review_configs: may } = page.now.interrupt.value;
  check(asked.length === 1 && asked[0].name === "get_message" && asked[0].args.id === "m1", asked);
  check(may[0].allowed_decisions.includes(decision.type), may);
  check(calls(page).map((one) => one.name).join() === "list_unread,get_message", page.now.messages);
  check(results(page).length === 1, page.now.messages);
  page.answer({ decisions: [decision] });
  await page.until((s) => said(s).at(-1) === "That is all." && settled(s) && !s.interrupt);
  check(results(page).length === 2, page.now.messages);
  const last = JSON.stringify(results(page)[1]);
  check(sees.test(last), last);
};

// The page is loaded anew while the agent speaks, and while it waits for a word.
const reloaded = (chat) => async () => {
  let thread;
  const first = chat({ assistantId: "slow", onThreadId: (id) => (thread = id) });
  first.say("hi");
  await first.until((s) => said(s).at(-1)?.startsWith(words(3)));
  const id = thread ?? first.now.threadId;
  first.unmount(); // what a reload does
  const second = chat({ assistantId: "slow", threadId: id });
  await second.until((s) => said(s).join() === `hi,${words(30)}` && settled(s));
};

// The stream's own list of questions, which an answer without an id goes by, comes after the state's.
const approved = async (page) => {
  await page.until((s) => s.interrupt?.value?.action_requests && settled(s)
    && (!page.now.getThread || page.now.getThread()?.interrupts.length === 1));
  page.answer({ decisions: [{ type: "approve" }] });
  await page.until((s) => said(s).at(-1) === "That is all." && settled(s) && !s.interrupt);
};

const reloadedAtQuestion = (chat) => async () => {
  let thread;
  const first = chat({ assistantId: "clerk", onThreadId: (id) => (thread = id) });
  first.say("my mail");
  await first.until((s) => s.interrupt?.value && settled(s));
  const id = thread ?? first.now.threadId;
  first.unmount();
  const second = chat({ assistantId: "clerk", threadId: id });
  await approved(second);
};

// The run is over, and kept for nobody: the stream tells the question all the same.
const askedElsewhere = async () => {
  const { thread_id: threadId } = await client.threads.create();
  await client.runs.wait(threadId, "clerk", { input: human("my mail") });
  await approved(byThread({ assistantId: "clerk", threadId }));
};

const of = (how, chat) => ({
  [`tokens ${how}`]: tokens(chat),
  [`approved ${how}`]: approval(chat, { type: "approve" }, /m1|success/),
  [`rejected ${how}`]: approval(chat, { type: "reject", message: "not this one" }, /not this one/),
  [`answered instead ${how}`]: approval(chat, { type: "respond", message: "it says hello" }, /it says hello/),
  [`loaded anew ${how}`]: reloaded(chat),
  [`loaded anew at a question ${how}`]: reloadedAtQuestion(chat),
});

offer({
  ...of("by runs", byRuns), ...of("by thread", byThread), "asked elsewhere": askedElsewhere,
});

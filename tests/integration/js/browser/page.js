// What the scenarios share: components that use a hook, and what of it was seen.
import { createElement as h } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";

export const { apiUrl, token, other } = Object.fromEntries(new URLSearchParams(location.search));
export const defaultHeaders = { Authorization: `Bearer ${token}` };
export const human = (content) => ({ messages: [{ type: "human", content, id: crypto.randomUUID() }] });
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export const check = (ok, what) => {
  if (!ok) throw new Error(typeof what === "string" ? what : JSON.stringify(what));
};

export const until = async (condition, what) => {
  for (const end = Date.now() + 8000; Date.now() < end; await sleep(10)) if (condition()) return;
  throw new Error(`it did not come true: ${what()}`);
};

const mounted = new Set();

/** A component that uses `hook` and shows its messages. `now` is what the hook gave last. */
export const mount = (hook) => {
  const element = document.body.appendChild(document.createElement("main"));
  const root = createRoot(element);
  const shown = new Set();
  const one = {
    now: undefined,
    /** All texts that were ever on the page. */
    shown,
    text: () => element.innerText,
    until: (condition) =>
      until(() => condition(one.now), () => `${condition}: ${JSON.stringify(said(one.now))} ${one.now?.error}`),
    unmount: () => {
      flushSync(() => root.unmount());
      element.remove();
      mounted.delete(one);
    },
  };
  const Chat = () => {
    one.now = hook();
    const texts = said(one.now);
    for (const text of texts) shown.add(text);
    return texts.map((text, at) => h("p", { key: at }, text));
  };
  flushSync(() => root.render(h(Chat)));
  mounted.add(one);
  return one;
};

/** The texts of a hook's messages. */
export const said = (hook) =>
  (hook?.messages ?? []).map(({ content }) =>
    typeof content === "string" ? content : content.map((block) => block.text ?? "").join(""));

export const settled = (hook) => !hook.isLoading && !hook.isThreadLoading;

// The graph `talk` says "w1 w2 …", a word at a time.
export const talk = (words) => ({ ...human("hi"), words, ms: 20 });
export const words = (count) => Array.from({ length: count }, (_, at) => `w${at + 1}`).join(" ");
export const allOf = (count) => (hook) => said(hook).join() === `hi,${words(count)}` && settled(hook);

/** The answer was on the page in parts. A busy machine shows several words at once. */
export const grew = (page, count) => {
  const parts = [...Array(count).keys()].filter((part) => part && page.shown.has(words(part)));
  check(parts.length >= 2, [...page.shown]);
};

/** Makes each scenario callable by the driver; what it mounted is gone afterwards. */
export const offer = (scenarios) => {
  window.scenarios = Object.keys(scenarios);
  window.play = async (name) => {
    try {
      await scenarios[name]();
      return null;
    } catch (error) {
      return String(error?.stack ?? error);
    } finally {
      for (const one of [...mounted]) one.unmount();
    }
  };
};

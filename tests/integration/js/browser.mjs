// A real browser: node browser.mjs <port of the page> <chromium> <page> <url> <token> <other user's
// token>. The page, of another origin than the server, plays scenarios with the hooks; "docs" is the
// server's own list of its operations. Prints {scenario: null or what went wrong}.
import { build } from "esbuild";
import { createServer } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [port, executablePath, page, apiUrl, token, other] = process.argv.slice(2);
// One document and one script, bundled of what a page imports.
async function servePage() {
  const bundled = await build({
    entryPoints: [`browser/${page}.js`], bundle: true, write: false, format: "esm",
    logLevel: "error", define: { "process.env.NODE_ENV": '"production"' },
  });
  const html = '<!doctype html><title>hooks</title><body><script type="module" src="/page.js"></script>';
  createServer((request, answer) => {
    const script = request.url === "/page.js";
    answer.setHeader("Content-Type", script ? "text/javascript" : "text/html");
    answer.end(script ? bundled.outputFiles[0].text : html);
  }).listen(Number(port), "127.0.0.1");
}

async function playScenarios(tab) {
  await servePage();
  await tab.goto(`http://localhost:${port}/?${new URLSearchParams({ apiUrl, token, other })}`);
  await tab.waitForFunction(() => window.scenarios);
  const results = {};
  for (const name of await tab.evaluate(() => window.scenarios))
    results[name] = await tab.evaluate((one) => window.play(one), name);
  return results;
}

// It stands alone: it loads nothing, and breaks no rule of its own.
async function readDocs(tab) {
  const wrong = [];
  tab.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  tab.on("request", (made) => made.url() !== `${apiUrl}/docs` && wrong.push(`loads ${made.url()}`));
  await tab.goto(`${apiUrl}/docs`);
  const { paths } = await (await fetch(`${apiUrl}/openapi.json`)).json();
  const listed = await tab.evaluate(() => [...document.querySelectorAll("td:first-child > code")]
    .map((code) => code.innerText));
  for (const [path, methods] of Object.entries(paths))
    for (const method of Object.keys(methods)) {
      const operation = `${method.toUpperCase()} ${path}`;
      if (!listed.includes(operation)) wrong.push(`does not list ${operation}`);
    }
  const links = await tab.evaluate(() => [...document.querySelectorAll("a[href^='#']")]
    .filter((link) => !document.getElementById(link.hash.slice(1))).map((link) => link.hash));
  wrong.push(...links.map((link) => `leads nowhere: ${link}`));
  const wide = await tab.evaluate(() => getComputedStyle(document.body).maxWidth);
  if (wide === "none") wrong.push("its style is not applied");
  return { "the list of operations": wrong.length ? wrong.join("; ") : null };
}

const folder = await mkdtemp(join(tmpdir(), "behalf-browser-"));
const browser = await chromium.launchPersistentContext(folder, {
  executablePath,
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
let results;
try {
  const tab = await browser.newPage();
  results = await (page === "docs" ? readDocs(tab) : playScenarios(tab));
} finally {
  await browser.close();
  await rm(folder, { recursive: true, force: true });
}
console.log(JSON.stringify(results));
process.exit(0);

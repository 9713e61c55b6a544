// node pages.mjs PACKAGES CHROMIUM ADDRESS PAGE...: what a browser makes of pages, as one JSON document; PACKAGES is the
// folder with the npm packages `playwright-core` and `axe-core`. Judging what was seen is the caller's.
import { createRequire } from "node:module";

const [folder, executablePath, address, ...names] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { chromium } = require("playwright-core");
const axe = require("axe-core").source;

const SIZES = [{ width: 1280, height: 900 }, { width: 390, height: 844 }];
const SCHEMES = ["light", "dark"];

const browser = await chromium.launch({
  executablePath,
  chromiumSandbox: process.getuid() !== 0,
  // nobody but the server of the pages can be reached
  args: ["--disable-quic", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
});
const seen = { looks: [], keyboard: {}, said: [], requests: [] };

// A new page that tells what it says and what it asks for.
async function opened(name, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on("console", (message) => seen.said.push(`${name}: ${message.text()}`));
  page.on("pageerror", (error) => seen.said.push(`${name}: ${error}`));
  page.on("request", (request) => seen.requests.push(request.url()));
  await page.goto(`${address}${name}`);
  return page;
}

// What axe-core finds, and whether the page is as wide as the screen.
async function look(name, viewport, colorScheme) {
  const page = await opened(name, { viewport, colorScheme });
  const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
  const openWidth = await page.evaluate(() => document.documentElement.scrollWidth);
  const names = await page.locator("tbody th").evaluateAll((cells) => cells.map((cell) => cell.getBoundingClientRect().width));
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => window.axe.run());
  const found = violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)}: ${node.failureSummary}`) }));
  const passed = passes.map(({ id }) => id);
  seen.looks.push({ name, width: viewport.width, scheme: colorScheme, background, scrollWidth: Math.max(width, openWidth), nameWidth: Math.min(...names, viewport.width), found, passed });
  await page.context().close();
}

// What has the focus, in a few words.
const focused = (page) => page.evaluate(() => {
  const { id, tagName, textContent, value } = document.activeElement;
  return { id, tag: tagName.toLowerCase(), text: textContent, value };
});
const shown = (page) => page.locator(".findings tbody:visible").evaluateAll((bodies) => bodies.map((body) => body.className));

// Presses a key until something that fits has the focus.
async function reach(page, key, fits) {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press(key);
    const now = await focused(page);
    if (fits(now)) return now;
  }
  throw new Error(`no such thing within 60 times ${key}`);
}

// The filters and the details by keyboard alone, where no script runs.
async function keyboard(name) {
  const page = await opened(name, { viewport: SIZES[0], javaScriptEnabled: false });
  const steps = { everything: await shown(page) };
  await page.keyboard.press("Tab");
  steps.skip = await page.locator(".skip").boundingBox();
  steps.first = (await focused(page)).text;
  await reach(page, "Tab", ({ id }) => id === "show-everything");
  steps.outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  await page.keyboard.press("ArrowRight");
  steps.kind = (await focused(page)).id.replace("show-", "");
  steps.ofKind = await shown(page);
  await page.keyboard.press("ArrowLeft");
  steps.again = await shown(page);
  await reach(page, "Tab", ({ id }) => id === "group");
  await page.keyboard.press("ArrowDown");
  steps.group = (await focused(page)).value;
  steps.ofGroup = await shown(page);
  await reach(page, "Tab", ({ tag }) => tag === "summary");
  steps.closed = await page.locator("dl.facts:visible").count();
  await page.keyboard.press("Enter");
  steps.open = await page.locator("dl.facts:visible").count();
  seen.keyboard[name] = steps;
  await page.context().close();
}

for (const name of names) {
  for (const size of SIZES) {
    for (const scheme of SCHEMES) await look(name, size, scheme);
  }
}
await keyboard(names[0]);
await browser.close();
process.stdout.write(`${JSON.stringify(seen)}\n`);

// node pages.mjs [--shots FOLDER] [--service PACKAGE] PACKAGES CHROMIUM ADDRESS PAGE...: what a browser makes of pages, as one
// JSON document; PACKAGES is the folder with the npm packages `playwright-core` and `axe-core`. With --shots, pictures of the
// pages are put into a folder; with --service, the pages are those of `upmon serve`, and the keyboard finds that package.
// Judging what was seen is the caller's.
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

const { values: { shots, service }, positionals } = parseArgs({
  options: { shots: { type: "string" }, service: { type: "string" } },
  allowPositionals: true,
});
const [folder, executablePath, address, ...names] = positionals;
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
  if (shots) await picture(page, `${names.indexOf(name) + 1}-${name.replace(/[^a-z0-9]+/gi, "-")}-${viewport.width}-${colorScheme}`);
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
  const openWidth = await page.evaluate(() => document.documentElement.scrollWidth);
  const cells = await page.locator(".findings tbody th").evaluateAll((found) => found.map((cell) => cell.getBoundingClientRect().width));
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => window.axe.run());
  const found = violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.slice(0, 3).map((node) => `${node.html.slice(0, 200)}: ${node.failureSummary}`) }));
  const passed = passes.map(({ id }) => id);
  seen.looks.push({ name, width: viewport.width, scheme: colorScheme, background, scrollWidth: Math.max(width, openWidth), nameWidth: Math.min(...cells, viewport.width), found, passed });
  await page.context().close();
}

// What a person sees first, and the whole page as far as a picture of it can be looked at.
async function picture(page, name) {
  await page.screenshot({ path: `${shots}/${name}.png` });
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  const clip = { x: 0, y: Math.max(0, height - 2400), width: page.viewportSize().width, height: Math.min(height, 2400) };
  await page.screenshot({ path: `${shots}/${name}-end.png`, fullPage: true, clip });
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

// From the first page to a package and back by keyboard alone, where no script runs.
async function through(name, wanted) {
  const page = await opened(name, { viewport: SIZES[0], javaScriptEnabled: false });
  const steps = {};
  await page.keyboard.press("Tab");
  steps.skip = await page.locator(".skip").boundingBox();
  steps.first = (await focused(page)).text;
  steps.outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  await page.keyboard.press("Enter");
  await reach(page, "Tab", ({ id }) => id === "text");
  await page.keyboard.type(wanted);
  await Promise.all([page.waitForURL(/q=/), page.keyboard.press("Enter")]);
  steps.found = await page.locator(".findings tbody").evaluateAll((bodies) => bodies.map((body) => body.id));
  await reach(page, "Tab", ({ tag, text }) => tag === "a" && text.startsWith("behind"));
  await Promise.all([page.waitForURL(/show=behind/), page.keyboard.press("Enter")]);
  steps.behind = await page.locator(".findings tbody").evaluateAll((bodies) => bodies.map((body) => body.id));
  await reach(page, "Tab", ({ tag, text }) => tag === "a" && text === wanted);
  await Promise.all([page.waitForURL(/packages[/]/), page.keyboard.press("Enter")]);
  steps.heading = await page.locator("h1").textContent();
  await reach(page, "Tab", ({ tag, text }) => tag === "a" && text === "All packages");
  await Promise.all([page.waitForURL(/[/]$/), page.keyboard.press("Enter")]);
  steps.back = page.url();
  seen.keyboard[name] = steps;
  await page.context().close();
}

for (const name of names) {
  for (const size of SIZES) {
    for (const scheme of SCHEMES) await look(name, size, scheme);
  }
}
await (service ? through(names[0], service) : keyboard(names[0]));
await browser.close();
process.stdout.write(`${JSON.stringify(seen)}\n`);

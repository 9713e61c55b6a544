// Every example of @octokit/webhooks-examples as a line of JSON, signed by @octokit/webhooks-methods: rightly, and with another secret.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [home, secret] = process.argv.slice(2);
const modules = join(home, "npm/node_modules/@octokit");
const { sign } = await import(pathToFileURL(join(modules, "webhooks-methods/dist-node/index.js")));
const examples = join(modules, "webhooks-examples");
const lines = [];
for (const server of readdirSync(examples).filter((name) => /^(api\.github\.com|ghes-\d+)$/.test(name)).sort()) {
  for (const event of JSON.parse(readFileSync(join(examples, server, "index.json"), "utf8"))) {
    for (const payload of event.examples) {
      const body = JSON.stringify(payload);
      const signatures = { right: await sign(secret, body), wrong: await sign(`${secret}.`, body) };
      lines.push(JSON.stringify({ server, event: event.name, body, ...signatures }));
    }
  }
}
process.stdout.write(lines.join("\n") + "\n");

// node github_emulator.mjs API.js PORT BASE_URL: a GitHub that is not ours (npm `emulate`), on 127.0.0.1. Its command
// line wants a newer Node than Debian has, so its API is started here. BASE_URL is what its answers call it.
import { pathToFileURL } from "node:url";

const [api, port, baseUrl] = process.argv.slice(2);
const { createEmulator } = await import(pathToFileURL(api));
const seed = {
  tokens: { "real-test-token": { login: "ana", scopes: ["repo", "workflow", "user"] } },
  github: {
    users: [{ login: "ana", name: "Ana", email: "ana@example.invalid" }],
    repos: [{ owner: "ana", name: "shop", auto_init: true }],
  },
};
await createEmulator({ service: "github", port: Number(port), hostname: "127.0.0.1", seed, baseUrl });
console.log("ready");

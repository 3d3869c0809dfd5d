// The tables of Tests/SCENARIOS.md name tests that exist, and nothing is missing from them: each number, and each line of the checklist of serf.md,
// is in a table once. The protocol map's paths exist as well.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const tests = dirname(fileURLToPath(import.meta.url));
const page = readFileSync(join(tests, "SCENARIOS.md"), "utf8");
const specification = readFileSync(join(tests, "../Sources/Serf/Serf.docc/serf.md"), "utf8");

const numbers = (count) => Array.from({ length: count }, (_, index) => String(index + 1));
const checklist = [...specification.slice(specification.indexOf("\n## 24. ")).matchAll(/^- \[ \] (.+?) — /gm)].map((match) => match[1]);
const tables = [
  { heading: "The Rust port's scenarios", expected: numbers(68) },
  { heading: "The checklist of Go's tests (`serf.md` section 24)", expected: checklist },
  { heading: "The Rust port's hazards", expected: numbers(52) },
];

const problems = [];
const section = (heading) => page.split(/^## /m).find((part) => part.startsWith(heading + "\n")) ?? "";
const names = new Map();
/** The display names of the tests of a file, as they are written there. */
const displayNames = (file) => {
  if (!names.has(file)) {
    const path = join(tests, file);
    const source = existsSync(path) ? readFileSync(path, "utf8") : "";
    names.set(file, [...source.matchAll(/@Test\(\s*"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]));
  }
  return names.get(file);
};

let count = 0;
for (const { heading, expected } of tables) {
  const seen = [];
  for (const line of section(heading).split("\n").filter((line) => line.startsWith("| ")).slice(2)) {
    const [key, text, cell] = line.split(" | ").map((part) => part.replace(/^\| | \|$/g, ""));
    seen.push(key.replaceAll("`", ""));
    if (!text || !cell) problems.push(`${key}: a row has three cells`);
    const entries = (cell ?? "").split("<br>");
    if (entries[0].startsWith("does not apply: ")) entries.shift();
    for (const entry of entries) {
      const [, file, name] = entry.match(/^`([^`]+)`: (.+)$/) ?? [];
      if (!file) problems.push(`${key}: '${entry}' names no file and test`);
      else if (displayNames(file).filter((other) => other === name).length !== 1) problems.push(`${key}: not exactly one test '${name}' in ${file}`);
      else count += 1;
    }
  }
  for (const key of expected) if (seen.filter((other) => other === key).length !== 1) problems.push(`${heading}: ${key} is not there exactly once`);
  for (const key of seen) if (!expected.includes(key)) problems.push(`${heading}: ${key} is none`);
  console.log(`scenarios: ${heading}: ${seen.length} of ${expected.length}`);
}
// The map in the documentation leads to places that exist.
const map = readFileSync(join(tests, "../Sources/Serf/Serf.docc/protocol-map.md"), "utf8");
for (const [, path] of map.matchAll(/`((?:Sources|Tests)\/[^`]+)`/g)) {
  if (!existsSync(join(tests, "..", path))) problems.push(`protocol-map.md: ${path} does not exist`);
}
if (problems.length > 0) {
  console.error("scenarios:\n" + problems.join("\n"));
  process.exit(1);
}
console.log(`scenarios: ${count} tests named, all there`);

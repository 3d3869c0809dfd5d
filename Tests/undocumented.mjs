// Lists the public symbols without a comment in the symbol graphs under a directory, and ends with 1 if there are any. A symbol that implements
// another module's requirement (`==`, `next()`) has that one's documentation.
import { readFileSync, readdirSync } from "node:fs";

const directory = process.argv[2];
const missing = new Set();
let symbols = 0;
for (const file of readdirSync(directory, { recursive: true }).filter((name) => name.endsWith(".json"))) {
  const graph = JSON.parse(readFileSync(`${directory}/${file}`, "utf8"));
  const inherited = new Set(graph.relationships.filter((relation) => relation.sourceOrigin).map((relation) => relation.source));
  for (const symbol of graph.symbols) {
    symbols += 1;
    const id = symbol.identifier.precise;
    if (symbol.docComment || inherited.has(id) || id.includes("::SYNTHESIZED::")) continue;
    const place = symbol.location ? `${symbol.location.uri.replace(/.*\/Sources\//, "Sources/")}:${symbol.location.position.line + 1}` : file;
    missing.add(`${place}: ${symbol.pathComponents.join(".")}`);
  }
}
if (symbols < 500) throw new Error(`only ${symbols} symbols in ${directory}: the graphs are incomplete`);
if (missing.size > 0) {
  console.error("public symbols without a comment:\n" + [...missing].sort().join("\n"));
  process.exit(1);
}
console.log(`documentation: ${symbols} public symbols, each has a comment`);

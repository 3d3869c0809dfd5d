// The names that `import Serf` brings are those in this list, so that a new one is a decision and not an accident; and each stands among the
// topics of the documentation. Its arguments: the symbol graph of the module Serf, and the sources of that module.
import { readFileSync } from "node:fs";

const expected = [
  "AllowedNetworks", "CIDRBlock", "CertificateAuthority", "ClusterKeys", "Credentials", "JoinAttempt", "KeyReport", "Keyring",
  "MemberEvent", "MemberSnapshot", "MemberStatus", "NetTransport", "NodeAddress", "NodeCoordinate", "NodeName", "NodeStatus", "QueryAnswer",
  "QueryAnswers", "QuerySummary", "QuicTransport", "SecretKey", "SerfClosureDelegate", "SerfConfiguration", "SerfDelegate", "SerfError",
  "SerfEvent", "SerfMember", "SerfNode", "SerfQuery", "SerfSettings", "SerfStatistics", "SerfSubscription", "TLSTransport", "UserEvent",
];

const [graph, sources] = process.argv.slice(2);
const own = JSON.parse(readFileSync(graph, "utf8"))
  .symbols.filter((symbol) => symbol.pathComponents.length === 1)
  .map((symbol) => symbol.pathComponents[0]);
const exports = readFileSync(`${sources}/Exports.swift`, "utf8");
const exported = [...exports.matchAll(/^\s*@_exported public import \w+ \w+\.(\w+)$/gm)].map((match) => match[1]);
const whole = exports.match(/^\s*@_exported public import \w+$/gm);
const brought = new Set([...own, ...exported]);
const overview = readFileSync(`${sources}/Serf.docc/Documentation.md`, "utf8");

const problems = [
  ...(whole ?? []).map((line) => `${line.trim()} brings a whole module`),
  ...[...brought].filter((name) => !expected.includes(name)).map((name) => `${name} is new: is it what a service names? Then add it to this list`),
  ...expected.filter((name) => !brought.has(name)).map((name) => `${name} is gone`),
  ...expected.filter((name) => !overview.includes(`- \`\`${name}\`\`\n`)).map((name) => `${name} is not among the topics of Documentation.md`),
];
if (problems.length > 0) {
  console.error("import Serf:\n" + problems.join("\n"));
  process.exit(1);
}
console.log(`documentation: import Serf brings ${expected.length} names, and each is among the topics`);

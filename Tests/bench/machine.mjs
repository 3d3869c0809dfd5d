// What the figures were taken on.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";

/** The first line that a command prints; what it says instead if it cannot run. */
const firstLine = (command, ...words) => {
  try {
    const output = execFileSync(command, words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return output.split("\n")[0].trim();
  } catch {
    return `unknown (${command} failed)`;
  }
};

/** `program` is the path of our side, if it was not built from these sources. */
export function describeMachine(program) {
  const [, cpu] = readFileSync("/proc/cpuinfo", "utf8").match(/^model name\s*: (.*)$/m) ?? [];
  return {
    cores: os.cpus().length,
    cpu: cpu ?? os.arch(),
    memory_gib: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
    swift: firstLine("swift", "--version"),
    go: firstLine("go", "version").replace(/^go version /, ""),
    go_serf: firstLine("dpkg-query", "-W", "-f", "${Version}", "golang-github-hashicorp-serf-dev"),
    go_memberlist: firstLine("dpkg-query", "-W", "-f", "${Version}", "golang-github-hashicorp-memberlist-dev"),
    commit: program ?? firstLine("git", "describe", "--always", "--dirty"),
    date: new Date().toISOString().slice(0, 10),
  };
}

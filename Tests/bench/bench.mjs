// The body of Tests/bench/run: builds both programs, runs them in turns, keeps their lines, and prints the table.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import os from "node:os";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { extraJobs, jobs, sides } from "./jobs.mjs";
import { describeMachine } from "./machine.mjs";
import { parseResults, report } from "./table.mjs";

const root = resolve(import.meta.dirname ?? dirname(new URL(import.meta.url).pathname), "../..");
const allJobs = { ...jobs, ...extraJobs };
const column = (entries) => Object.entries(entries).map(([name, { about }]) => `  ${name.padEnd(18)}${about}`).join("\n");

const help = `Tests/bench/run measures serf-bench and the same program made with Go's Serf, in turns, never both at once. It appends each line of theirs to a
results file and prints a Markdown table: medians, and the median of the ratios (ours ÷ Go) within each run. A run that was stopped goes on where it
stopped: what the results file has is not measured again.

  --scenario NAME   what to measure, see below; may be repeated. Default: all of the first list
  --runs N          how often. Default 5
  --nodes N         how many nodes the cluster has. Default 50
  --profile NAME    the timings: lan, wan or local. Default lan
  --transport NAME  measure only tcp or quic of ours, beside Go; may be repeated. Default both
  --without-go      measure ours alone
  --quick           fewer events and shorter waits, to compare two builds within minutes; such figures stay apart
  --results FILE    the results file. Default .build/bench/results.jsonl
  --fresh           begin a new results file; the old one gets the suffix .old
  --ours PROGRAM    a serf-bench that is already built. Default: it is built from these sources
  --table FILE      measure nothing: print the table of a results file
  --help            this text

Scenarios:
${column(jobs)}

Scenarios that run only when they are named:
${column(extraJobs)}

The figures are explained by serf-bench --help. Nothing else should run meanwhile: the table says how busy the machine was. Each program has a
network namespace of its own, so this needs root or user namespaces. In 'wire' the packets on lo are those of a network card with 1,500 bytes.
`;

class Problem extends Error {}
const say = (line) => process.stderr.write(`${line}\n`);

function options() {
  const text = { type: "string" };
  const flag = { type: "boolean", default: false };
  const { values } = parseArgs({
    options: {
      scenario: { ...text, multiple: true }, runs: { ...text, default: "5" }, nodes: { ...text, default: "50" },
      profile: { ...text, default: "lan" }, transport: { ...text, multiple: true }, "without-go": flag, quick: flag,
      results: { ...text, default: resolve(root, ".build/bench/results.jsonl") }, fresh: flag, ours: text, table: text, help: flag,
    },
  });
  const wholeNumber = (name, least, most) => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < least || value > most) throw new Problem(`--${name} must be a number from ${least} to ${most}`);
    return value;
  };
  for (const name of values.scenario ?? []) {
    if (!allJobs[name]) throw new Problem(`unknown scenario '${name}': use ${Object.keys(allJobs).join(", ")}`);
  }
  for (const name of values.transport ?? []) if (!["tcp", "quic"].includes(name)) throw new Problem(`unknown transport '${name}': use tcp or quic`);
  if (!["lan", "wan", "local"].includes(values.profile)) throw new Problem(`unknown profile '${values.profile}': use lan, wan or local`);
  const transports = values.transport ?? ["tcp", "quic"];
  return {
    ...values, runs: wholeNumber("runs", 1, 1000), nodes: wholeNumber("nodes", 2, 1000), names: values.scenario ?? Object.keys(jobs),
    sides: sides.filter((side) => (side === "go" ? !values["without-go"] : transports.includes(side))),
  };
}

// MARK: Programs

/** Runs a step of the preparation; its output is shown, as progress. */
function prepare(title, command, words, environment = {}) {
  say(`==> ${title}`);
  const { status, error } = spawnSync(command, words, { cwd: root, stdio: ["ignore", 2, 2], env: { ...process.env, ...environment } });
  if (error || status !== 0) throw new Problem(`${title} failed: ${error?.message ?? `exit status ${status}`}`);
}

function build({ ours, sides: wanted }) {
  const packages = ["iproute2"];
  if (wanted.includes("go")) packages.push("golang-go", "golang-github-hashicorp-serf-dev");
  if (!ours) packages.push("libngtcp2-dev", "libngtcp2-crypto-gnutls-dev", "libgnutls28-dev", "libzstd-dev");
  prepare("Installing what is missing", "sh", ["Tests/install.sh", ...packages]);
  const programs = {};
  if (wanted.includes("go")) {
    programs.go = resolve(root, ".build/bench/gobench");
    prepare("Building the Go side", "go", ["build", "-o", programs.go, "./Tests/bench/gobench"], {
      GO111MODULE: "off", GOPATH: "/usr/share/gocode", GOCACHE: resolve(root, ".build/bench/gocache"),
    });
  }
  if (wanted.some((side) => side !== "go")) {
    const words = ["build", "-c", "release", "--enable-all-traits", "--product", "serf-bench"];
    if (ours) programs.ours = resolve(ours);
    else {
      prepare("Building ours", "swift", words);
      programs.ours = resolve(execFileSync("swift", [...words, "--show-bin-path"], { cwd: root, encoding: "utf8" }).trim(), "serf-bench");
    }
    if (!existsSync(programs.ours)) throw new Problem(`there is no program at ${programs.ours}`);
    programs.ours = realpathSync(programs.ours);
  }
  return programs;
}

const digest = (file) => createHash("sha256").update(readFileSync(file)).digest("hex").slice(0, 16);

/** A network namespace of its own, for a command that follows; as root of a user namespace where we are not root. */
const isolated = ["--net", ...(process.getuid() === 0 ? [] : ["--map-root-user"])];

function checkIsolation() {
  const { error, stderr, status } = spawnSync("unshare", [...isolated, "ip", "link", "set", "lo", "up"], { encoding: "utf8" });
  if (error || status !== 0) {
    const reason = error?.message ?? stderr.trim();
    throw new Problem(`cannot make a network namespace: ${reason}. Run this as root, or allow user namespaces`);
  }
}

let running;

/** Runs one program to its end, in a network namespace of its own. Returns its lines. */
function measure(program, words, minutes, isOnWire) {
  // What a network card would carry: no packet larger than that, and none that the kernel would split later.
  const link = isOnWire ? "ip link set lo mtu 1500 gso_max_size 1500 gso_max_segs 1 && " : "";
  const command = [...isolated, "sh", "-c", `${link}ip link set lo up && exec "$@"`, "sh", program, ...words];
  return new Promise((done, failed) => {
    const child = spawn("unshare", command, { stdio: ["ignore", "pipe", "pipe"], detached: true });
    running = child;
    let output = "";
    let errors = "";
    child.stdout.on("data", (data) => (output += data));
    child.stderr.on("data", (data) => (errors += data));
    const timer = setTimeout(() => {
      errors += `it did not end within ${minutes} minutes`;
      stop();
    }, minutes * 60_000);
    child.on("error", (error) => failed(new Problem(`cannot run unshare: ${error.message}`)));
    child.on("close", (status) => {
      clearTimeout(timer);
      running = undefined;
      done({ lines: parseResults(output), errors: errors.trim(), status });
    });
  });
}

/** Ends the program that runs, and what it has started. */
function stop() {
  try {
    if (running) process.kill(-running.pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/** Tests/static.sh measures both sides in one go. */
function measureAgents() {
  const { stdout } = spawnSync("sh", ["Tests/static.sh"], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", 2] });
  const found = { go: {}, quic: {} };
  for (const [, what, ours, go] of stdout.matchAll(/^(start|memory) .*: ours ([\d.]+), Go ([\d.]+), ratio/gm)) {
    const field = what === "start" ? "start_ms" : "pss_kb";
    found.quic[field] = Number(ours);
    found.go[field] = Number(go);
  }
  if (found.go.start_ms === undefined || found.go.pss_kb === undefined) throw new Problem(`Tests/static.sh did not say its figures:\n${stdout}`);
  return found;
}

// MARK: Runs

/** The results file, and what it already has. */
function openResults({ results, fresh, ours }, programs) {
  mkdirSync(dirname(resolve(results)), { recursive: true });
  if (fresh && existsSync(results)) execFileSync("mv", [results, `${results}.old`]);
  const lines = existsSync(results) ? parseResults(readFileSync(results, "utf8")) : [];
  const digests = Object.fromEntries(Object.entries(programs).map(([name, file]) => [name, digest(file)]));
  for (const { digests: earlier } of lines) {
    for (const name of Object.keys(digests)) {
      if (earlier?.[name] && earlier[name] !== digests[name]) {
        throw new Problem(`${results} has figures of another build: use --fresh, or --results with another file`);
      }
    }
  }
  // A line that a stopped run left unfinished gets its end.
  const append = (line) => appendFileSync(results, `${JSON.stringify(line)}\n`);
  if (existsSync(results) && !readFileSync(results, "utf8").endsWith("\n")) appendFileSync(results, "\n");
  append({ machine: describeMachine(ours), digests });
  return { lines, append };
}

async function runAll(wanted) {
  const programs = build(wanted);
  checkIsolation();
  const { lines, append } = openResults(wanted, programs);
  const setup = { nodes: wanted.nodes, profile: wanted.profile, quick: wanted.quick };
  const has = (run, job, side) => {
    const what = Object.entries({ run, job, side, isLast: true, ...setup });
    return lines.some((line) => what.every(([field, value]) => line[field] === value));
  };
  let failures = 0;
  const keep = (run, job, side, of, load) => {
    of.forEach((line, index) => {
      const kept = { run, job, side, load, ...line, ...setup, isLast: index === of.length - 1 };
      append(kept);
      lines.push(kept);
    });
  };

  for (let run = 1; run <= wanted.runs; run++) {
    for (const name of wanted.names) {
      const job = allJobs[name];
      const taking = wanted.sides.filter((side) => (job.sides ?? sides).includes(side));
      // Each side is the first in turn.
      const order = taking.map((_, index) => taking[(index + run - 1) % taking.length]).filter((side) => !has(run, name, side));
      const load = os.loadavg()[0];
      if (name === "agent") {
        if (order.length === 0) continue;
        say(`run ${run} of ${wanted.runs}: agent, both sides`);
        const found = measureAgents();
        for (const side of taking) keep(run, name, side, [{ scenario: "agent", ...found[side] }], load);
        continue;
      }
      for (const side of order) {
        const dashes = side === "go" ? "-" : "--";
        const scenario = job.scenario ?? name;
        const chosen = (wanted.quick && job.quick) || job.options;
        const words = [`nodes=${wanted.nodes}`, `profile=${wanted.profile}`, `scenario=${scenario}`, ...chosen].map((word) => dashes + word);
        if (side !== "go") words.push(`--transport=${side}`);
        const began = Date.now();
        const load = os.loadavg()[0];
        process.stderr.write(`run ${run} of ${wanted.runs}: ${name}, ${side} … `);
        const { lines: found, errors, status } = await measure(side === "go" ? programs.go : programs.ours, words, job.minutes ?? 10, name === "wire");
        const isWhole = found.at(-1)?.scenario === scenario;
        say(`${((Date.now() - began) / 1000).toFixed(0)} s${errors ? `; it says: ${errors}` : ""}`);
        if (isWhole) keep(run, name, side, found, load);
        else {
          failures += 1;
          say(`  it ended with status ${status} and without its line, so this is missing in the table; run this again to measure it`);
        }
      }
    }
  }
  process.stdout.write(report(parseResults(readFileSync(wanted.results, "utf8"))));
  if (failures > 0) throw new Problem(`${failures} measurements are missing`);
}

async function main() {
  let wanted;
  try {
    wanted = options();
  } catch (error) {
    throw new Problem(`${error.message}\nTests/bench/run --help lists the options`);
  }
  if (wanted.help) return process.stdout.write(help);
  if (wanted.table !== undefined) {
    if (!existsSync(wanted.table)) throw new Problem(`there is no results file at ${wanted.table}`);
    return process.stdout.write(report(parseResults(readFileSync(wanted.table, "utf8"))));
  }
  for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]]) {
    process.on(signal, () => {
      stop();
      process.exit(status);
    });
  }
  await runAll(wanted);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Problem)) throw error;
  say(error.message);
  process.exitCode = 1;
}

// Makes the table of medians and ratios of a results file.
import { extraJobs, jobs, sides } from "./jobs.mjs";

/** The lines of a results file; a line that a stopped run left unfinished is left out. */
export function parseResults(text) {
  return text.split("\n").flatMap((line) => {
    try {
      return line ? [JSON.parse(line)] : [];
    } catch {
      return [];
    }
  });
}

/** The whole report in Markdown. */
export function report(lines) {
  const setups = lines.filter((line) => line.machine);
  const results = lines.filter((line) => line.job);
  if (results.length === 0) return "There are no results.\n";
  const text = [];
  const { machine } = setups.at(-1) ?? {};
  if (machine) {
    text.push(
      `${machine.cores} cores (${machine.cpu}), ${machine.memory_gib} GiB, Linux ${machine.kernel}; ${machine.swift}; ${machine.go} with ` +
        `serf ${machine.go_serf} and memberlist ${machine.go_memberlist}; swift-serf ${machine.commit}; ${machine.date}.`,
    );
  }
  const setup = ({ nodes, profile, quick }) => `${nodes} nodes in one process on loopback, profile ${profile}${quick ? ", quick runs" : ""}`;
  for (const title of unique(results.map(setup))) {
    text.push("", `${title}; medians, with the least and the most in brackets:`, "", ...table(results.filter((line) => setup(line) === title)));
  }
  const busiest = Math.max(...results.map((line) => line.load ?? 0));
  const quiet = results.filter((line) => (line.load ?? 0) <= 0.5).length;
  text.push("", `${quiet} of ${results.length} lines began with a load of at most 0.5; the highest was ${busiest.toFixed(1)}.`);
  return text.join("\n") + "\n";
}

function table(lines) {
  const rows = ["| Figure | Go | TCP/UDP | ÷ Go | QUIC, mutual TLS | ÷ Go | runs |", "| --- | --- | --- | --- | --- | --- | --- |"];
  for (const [name, job] of Object.entries({ ...jobs, ...extraJobs })) {
    // Every run begins with converge, so all of them count there.
    const scenario = job.scenario ?? name;
    const of = lines.filter((line) => line.scenario === scenario && (name === "converge" || line.job === name));
    if (of.length === 0) continue;
    rows.push(...job.figures.flatMap((figure) => row(figure, of)));
  }
  return rows;
}

/** No row if no run has the figure. */
function row({ field, title, sum, againstBest, only }, lines) {
  const values = {};
  for (const side of sides) {
    const of = lines.filter((line) => line.side === side && typeof line[field] === "number" && (!only || only === side));
    values[side] = of.map((line) => ({ run: line.run, value: line[field] }));
  }
  if (sides.every((side) => values[side].length === 0)) return [];
  const cells = [title, shown(values.go, sum)];
  for (const side of ["tcp", "quic"]) cells.push(shown(values[side], sum), sum ? "" : ratio(values[side], values.go, againstBest));
  const counts = unique(sides.map((side) => values[side].length).filter((count) => count > 0));
  cells.push(counts.join("/"));
  return [`| ${cells.join(" | ")} |`];
}

function shown(values, sum) {
  if (values.length === 0) return "–";
  const numbers = values.map(({ value }) => value);
  if (sum) return String(numbers.reduce((total, value) => total + value, 0));
  const middle = digits(median(numbers));
  return numbers.length === 1 ? middle : `${middle} (${digits(Math.min(...numbers))}–${digits(Math.max(...numbers))})`;
}

/** The median of the ratios within each run, or against Go's best run. */
function ratio(ours, go, againstBest) {
  if (ours.length === 0 || go.length === 0) return "";
  const best = Math.min(...go.map(({ value }) => value));
  if (againstBest) return best > 0 ? factor(median(ours.map(({ value }) => value)) / best) : "";
  const ratios = ours.flatMap(({ run, value }) => go.filter((other) => other.run === run && other.value > 0).map((other) => value / other.value));
  return ratios.length > 0 ? factor(median(ratios)) : "";
}

/** A ratio below 1 as a part, as goals are written. */
function factor(value) {
  if (value === 0) return "0";
  return value < 0.5 ? `1/${digits(1 / value)}` : digits(value);
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Three digits that count, and no more. */
export function digits(value) {
  if (value === 0) return "0";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-US");
  return String(Number(value.toPrecision(3)));
}

const unique = (values) => [...new Set(values)];

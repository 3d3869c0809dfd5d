// What is measured: each job is one call of both programs, and rows of the table.

/** The three things that are set side by side. Go speaks TCP and UDP in clear text. */
export const sides = ["go", "tcp", "quic"];

/**
 * Jobs in the order in which a run does them. `options` are those of both programs, and `quick` those of a short run; `sides` tells which of the three
 * take part; `minutes` bounds one call. A figure is a row: the field of the program's line, what it is called, and `sum` if all runs count together. Rows of Go's fastest run are
 * `againstBest`.
 */
export const jobs = {
  converge: {
    about: "all nodes join one, and see all others",
    options: [],
    figures: [
      { field: "converge_s", title: "converged, s", againstBest: true },
      { field: "cpu_s", title: "… CPU, s" },
    ],
  },
  idle: {
    about: "an idle cluster, from minute 2 on",
    options: ["settle=120", "idle=60"],
    quick: ["settle=20", "idle=10"],
    figures: [
      { field: "cpu_ms_per_node_s", title: "idle: CPU per node and second, ms" },
      { field: "rss_kib_per_node", title: "… memory per node, KiB" },
      { field: "connections", title: "… ends of connections" },
      { field: "rss_kib_per_connection", title: "… memory per end of a connection, KiB", only: "quic" },
      { field: "handshakes_while_idle", title: "… handshakes meanwhile", only: "quic" },
    ],
  },
  event: {
    about: "200 events, one at a time, from changing nodes",
    options: ["settle=30", "count=200"],
    quick: ["settle=10", "count=30"],
    figures: [
      { field: "all_nodes_p50_s", title: "event at all nodes: p50, s" },
      { field: "all_nodes_max_s", title: "… slowest, s" },
      { field: "lost", title: "… not there after 10 s, all runs", sum: true },
    ],
  },
  "throughput-500": {
    about: "500 events of one node at once",
    options: ["settle=30", "count=500"],
    quick: ["settle=10", "count=500", "patience=12"],
    scenario: "throughput",
    figures: flood("500 events of one node"),
  },
  "throughput-5000": {
    about: "5,000 events of one node at once",
    options: ["settle=30", "count=5000"],
    quick: ["settle=10", "count=5000", "patience=12"],
    scenario: "throughput",
    figures: flood("5,000 events of one node"),
  },
  wire: {
    about: "500 events of one node at once: what they cost on the wire and afterwards, less an idle cluster of equal time",
    options: ["settle=60", "count=500", "idle=30", "tail=30"],
    quick: ["settle=10", "count=500", "patience=12", "idle=10", "tail=5"],
    minutes: 8,
    figures: [
      { field: "wire_bytes_per_delivery", title: "bytes on the wire per delivery" },
      { field: "wire_packets_per_delivery", title: "… packets per delivery" },
      { field: "cpu_us_per_delivery_all", title: "… CPU per delivery with all that follows, µs" },
      { field: "idle_bytes_per_node_s", title: "idle: bytes on the wire per node and second" },
    ],
  },
  query: {
    about: "50 queries, one at a time, from changing nodes",
    options: ["settle=30", "count=50"],
    quick: ["settle=10", "count=15"],
    figures: [
      { field: "all_answers_p50_s", title: "query answered by all: p50, s" },
      { field: "all_answers_max_s", title: "… slowest, s" },
      { field: "unanswered", title: "… queries not answered by all, all runs", sum: true },
      { field: "cpu_us_per_answer", title: "… CPU per answer, µs" },
    ],
  },
  fail: {
    about: "three members in processes of their own are killed, one after another",
    options: ["count=3"],
    quick: ["settle=10", "count=1"],
    figures: [
      { field: "first_detect_s", title: "crash known to the first, s" },
      { field: "all_detect_s", title: "crash known to all, s" },
    ],
  },
  codec: {
    about: "messages of the membership are encoded and decoded, in one thread",
    options: [],
    quick: ["seconds=1"],
    sides: ["go", "tcp"],
    figures: [
      { field: "alive_encode_ns", title: "alive: encode, ns" },
      { field: "alive_decode_ns", title: "… decode, ns" },
      { field: "pushpull_encode_ns", title: "push/pull of 20 nodes: encode, ns" },
      { field: "pushpull_decode_ns", title: "… decode, ns" },
    ],
  },
  handshakes: {
    about: "QUIC handshakes of one process, both ends in it",
    options: [],
    quick: ["seconds=1"],
    sides: ["quic"],
    figures: [
      { field: "handshakes_per_s", title: "handshakes per s" },
      { field: "cpu_ms_per_handshake", title: "… CPU of both ends, ms" },
    ],
  },
  exchange: {
    about: "requests and answers of 8 KiB on streams, both ends in one process",
    options: [],
    quick: ["seconds=1"],
    sides: ["tcp", "quic"],
    figures: [
      { field: "exchanges_per_s", title: "exchanges of 8 KiB per s" },
      { field: "cpu_us_per_exchange", title: "… CPU of both ends, µs" },
    ],
  },
  datagrams: {
    about: "packets of 512 bytes to and fro, both ends in one process",
    options: [],
    quick: ["seconds=1"],
    sides: ["tcp", "quic"],
    figures: [
      { field: "packets_per_s", title: "packets of 512 bytes per s" },
      { field: "cpu_us_per_packet", title: "… CPU of both ends, µs" },
    ],
  },
};

/** Jobs that run only when they are named. */
export const extraJobs = {
  agent: {
    about: "start and memory of the agent's static binary beside Debian's, by Tests/static.sh (4 minutes and a build of its own; needs /usr/bin/serf)",
    sides: ["go", "quic"],
    figures: [
      { field: "start_ms", title: "`serf version`, ms" },
      { field: "pss_kb", title: "idle agent: memory (PSS), kB" },
    ],
  },
};

function flood(title) {
  return [
    { field: "deliveries_per_s", title: `${title}: deliveries per s` },
    { field: "deliveries_per_s_10s", title: "… of those within 10 s" },
    { field: "p50_s", title: "… half delivered after, s" },
    { field: "p99_s", title: "… 99 % delivered after, s" },
    { field: "cpu_us_per_delivery", title: "… CPU per delivery, µs" },
    { field: "missing_10s", title: "… missing after 10 s, all runs", sum: true },
    { field: "lost", title: "… never came, all runs", sum: true },
    { field: "receiver_lost", title: "… lost by a receiver, all runs", sum: true },
  ];
}

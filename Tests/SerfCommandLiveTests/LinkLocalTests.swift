import RPCTestSupport
import Testing

/// Agents at link-local addresses, in their own network namespace.
@Suite struct LinkLocalTests {
  private static let unshare = "/usr/bin/unshare"

  /// $1 is the program, $2 the directory of the certificates.
  private static let script = """
    set -eu
    ip link set lo up
    for host in 1 2 3; do ip address add fe80::$host/64 dev lo nodad; done
    agent() {
      name=$1 port=$2; shift 2
      "$serf" agent -node "$name" -rpc-addr "127.0.0.1:737$port" -profile local -tls-ca "$dir/ca.pem" -tls-cert "$dir/$name.pem" \
        -tls-key "$dir/$name.key" "$@" >"$dir/$name.log" 2>&1 &
      pids="$pids $!"
    }
    await() {
      tries=150
      until "$@"; do tries=$((tries - 1)); [ $tries -gt 0 ] || { echo "not: $*"; cat "$dir"/*.log; exit 1; }; sleep 0.1; done
    }
    sees() { "$serf" members -rpc-addr "127.0.0.1:737$1" -status alive 2>/dev/null | wc -l | grep -qx "$2"; }
    serf=$1 dir=$2 pids=
    trap 'kill $pids' EXIT
    agent n1 1 -bind '[fe80::1%lo]:7946'
    await sees 1 1
    agent n2 2 -bind fe80::2%1 -join fe80::1%lo
    agent n3 3 -bind fe80::3 -iface lo -join '[fe80::1%1]:7946'
    for node in 1 2 3; do await sees $node 3; done
    "$serf" members -rpc-addr 127.0.0.1:7372
    """

  @Test(
    "link-local addresses with interfaces by name, by number and by -iface form a cluster",
    .enabled("needs a network namespace of its own") {
      guard let probe = try? await Executable.run(["-n", "true"], path: unshare) else { return false }
      return probe.status == 0
    })
  func cluster() async throws {
    let cluster = try await AgentCluster("n1", "n2", "n3")
    let run = try await Executable.run(["-n", "sh", "-c", Self.script, "sh", Executable.serf, cluster.directory], path: Self.unshare)
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    let lines = run.output.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
    #expect(lines.sorted() == ["n1 [fe80::1]:7946 alive", "n2 [fe80::2]:7946 alive", "n3 [fe80::3]:7946 alive"], "\(run.output)")
  }

  @Test("a link-local address without its interface is refused with the next step")
  func withoutInterface() async throws {
    let cluster = try await AgentCluster("n1")
    for (bind, words) in [("fe80::1", "%eth0"), ("fe80::1%nope0", "no network interface 'nope0'")] {
      let run = try await Executable.run(cluster.flags("n1") + ["-bind", bind])
      #expect(run.status == 1 && run.errors.contains(words), "\(run.errors)")
    }
  }
}

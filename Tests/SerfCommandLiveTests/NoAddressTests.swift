import RPCTestSupport
import Testing

/// Agents on machines that have no address yet, or only IPv6: each in its own network namespace.
@Suite struct NoAddressTests {
  private static let unshare = "/usr/bin/unshare"

  /// $1 is the program, $2 the directory of the certificates.
  private static let script = """
    set -eu
    serf=$1 dir=$2 pids=
    trap 'kill $pids 2>/dev/null || true' EXIT
    flags() {
      case $1 in
        tcp) echo "-transport tcp -node n1" ;;
        quic) echo "-tls-ca $dir/ca.pem -tls-cert $dir/n1.pem -tls-key $dir/n1.key" ;;
      esac
    }
    refuses() {
      transport=$1 bind=$2 words=$3; shift 3
      if "$serf" agent $(flags "$transport") -bind "$bind" -rpc-addr 127.0.0.1:0 "$@" >"$dir/out" 2>&1; then echo "$bind starts"; exit 1; fi
      grep -q "$words" "$dir/out" || { echo "$transport $bind: no word of: $words"; cat "$dir/out"; exit 1; }
    }
    await() {
      tries=150
      until "$@"; do tries=$((tries - 1)); [ $tries -gt 0 ] || { echo "not: $*"; cat "$dir"/*.log; exit 1; }; sleep 0.1; done
    }
    for transport in tcp quic; do
      # Not even loopback is up.
      refuses $transport 0.0.0.0 'no interface of this machine has an IPv4 address'
      refuses $transport '[::]' 'no interface of this machine has an address'
    done
    ip link set lo up
    ip address add fd00::5/64 dev lo nodad
    for transport in tcp quic; do refuses $transport 0.0.0.0 'bind to \\[::\\]:7946 where there is only IPv6'; done
    # IPv6 only, bound to any address of both kinds.
    "$serf" agent $(flags tcp) -bind '[::]' -rpc-addr 127.0.0.1:7371 >"$dir/six.log" 2>&1 & pids="$pids $!"
    await grep -q 'Log data' "$dir/six.log"
    "$serf" members -rpc-addr 127.0.0.1:7371 | grep -q '\\[fd00::5\\]:7946' || { echo "does not advertise what it has"; cat "$dir/six.log"; exit 1; }
    # Sockets for IPv6 take no IPv4 here unless they are told to, and a node bound to both kinds advertises IPv4 first.
    if { echo 1 >/proc/sys/net/ipv6/bindv6only; } 2>/dev/null; then
      ip address add 10.1.2.4/32 dev lo
      "$serf" agent -transport tcp -node n3 -bind '[::]:7960' -rpc-addr 127.0.0.1:7373 >"$dir/n3.log" 2>&1 & pids="$pids $!"
      await grep -q 'Log data' "$dir/n3.log"
      "$serf" members -rpc-addr 127.0.0.1:7373 | grep -q '10.1.2.4:7960' || { echo "another address"; cat "$dir/n3.log"; exit 1; }
      "$serf" agent -transport tcp -node n4 -bind 127.0.0.1:7961 -rpc-addr 127.0.0.1:7374 -join 10.1.2.4:7960 >"$dir/n4.log" 2>&1 & pids="$pids $!"
      await grep -q 'Join completed. Synced with 1' "$dir/n4.log"
      ip address del 10.1.2.4/32 dev lo
    fi
    # The machine gets its address after the agent was started.
    for transport in tcp quic; do
      "$serf" agent $(flags $transport) -bind 0.0.0.0:7950 -rpc-addr 127.0.0.1:7372 -profile local -retry-join 127.0.0.1:7951 \\
        >"$dir/$transport.log" 2>&1 & pid=$!; pids="$pids $pid"
      await grep -q 'Waiting for an address' "$dir/$transport.log"
      ip address add 10.1.2.3/32 dev lo
      await grep -q 'Log data' "$dir/$transport.log"
      "$serf" members -rpc-addr 127.0.0.1:7372 | grep -q '10.1.2.3:7950' || { echo "$transport: another address"; cat "$dir/$transport.log"; exit 1; }
      kill $pid; wait $pid || true
      ip address del 10.1.2.3/32 dev lo
    done
    """

  @Test(
    "no node advertises an address at which it receives nothing: it refuses to start, or waits with -retry-join",
    .enabled("needs a network namespace of its own") {
      guard let probe = try? await Executable.run(["-n", "true"], path: unshare) else { return false }
      return probe.status == 0
    })
  func noAddress() async throws {
    let cluster = try await AgentCluster("n1")
    let run = try await Executable.run(["-n", "sh", "-c", Self.script, "sh", Executable.serf, cluster.directory], path: Self.unshare)
    #expect(run.status == 0, "\(run.output)\(run.errors)")
  }

  @Test(
    "an address that others cannot send to is not advertised",
    arguments: ["0.0.0.0", "[::]:7946", "10.0.0.1:0", "224.0.0.1", "255.255.255.255", "ff02::1"])
  func advertise(address: String) async throws {
    let run = try await Executable.run([
      "agent", "-transport", "tcp", "-bind", "127.0.0.1:0", "-rpc-addr", "127.0.0.1:0", "-advertise", address,
    ])
    #expect(run.status == 1 && run.errors.contains("is no address that others can use"), "\(run.errors)")
  }
}

import CAllocations
import Glibc
import Serf
import SerfIdentity
import SerfPrimitives
import SerfTransport

/// Counts what the core allocates for each packet of a cluster at work: `swift run -c release CountAllocations [packets]`. A debug build allocates for
/// what the optimiser removes. Then it measures what a whole node allocates, from socket to socket.
///
/// It fails when the core allocates for a packet without news, or when the hook does not see an allocation that was planted
/// for each packet. With `SERF_TRACE` in the environment it prints where the allocations are made, for `llvm-symbolizer`.
@main enum CountAllocations {
  static func main() throws {
    let count = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 100_000
    let isTracing = getenv("SERF_TRACE") != nil
    var isClean = true
    for provesNames in [false, true] {
      let run = try Run(provesNames: provesNames)
      try run.warmUp()
      allocations_trace(isTracing)
      try run.count(packets: count)
      allocations_trace(false)
      run.print(title: provesNames ? "Names are proven (QUIC)" : "Names are not proven (TCP and UDP)")
      isClean = isClean && run.isClean
      try run.count(packets: count, planting: true)
      let after = run.steady
      print("  planted one in each of \(after.packets) packets: \(after.allocating) seen\n")
      isClean = isClean && after.allocating == after.packets
    }
    try measureWholePath(packets: count, isTracing: isTracing)
    if isTracing { allocations_print_trace() }
    guard !isClean else { return }
    print("the core allocates for packets without news, or the hook does not count")
    exit(1)
  }

  private static func measureWholePath(packets: Int, isTracing: Bool) throws {
    let path = WholePath()
    try path.measure("TCP and UDP", packets: packets, isTracing: isTracing) { _ in
      NetTransport(bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0))
    }
    #if QUIC
      let authority = try CertificateAuthority()
      try path.measure("QUIC", packets: packets, isTracing: isTracing) { name in
        let issued = try authority.issue(node: name.string)
        let credentials = try Credentials(
          pem: .init(authorities: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM))
        return try QuicTransport(credentials, bind: "127.0.0.1:0")
      }
    #endif
  }
}

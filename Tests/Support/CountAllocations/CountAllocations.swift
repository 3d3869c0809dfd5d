import CAllocations
import Glibc

/// Counts what the core allocates for each packet of a cluster at work: `swift run -c release CountAllocations [packets]`. A debug build allocates for
/// what the optimiser removes.
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
    if isTracing { allocations_print_trace() }
    guard !isClean else { return }
    print("the core allocates for packets without news, or the hook does not count")
    exit(1)
  }
}

import Foundation
import SerfPrimitives
import VectorSupport

/// Runs every decoder over mutations of all vectors: `MutateVectors [count] [seed] [budget in MiB]`.
///
/// It fails by crashing, by a broken invariant (`Decoders`), by a decoder that never accepts anything, or when memory grows by more than
/// the budget (default 64; 0 only reports: under a sanitizer the allocator keeps what is freed). Run it also with
/// `--sanitize=address` and `SWIFT_BACKTRACE=enable=no`.
@main enum MutateVectors {
  static func main() throws {
    let arguments = CommandLine.arguments.dropFirst().map { Int($0) }
    let count = arguments.first.flatMap { $0 } ?? 10_000
    let seed = arguments.dropFirst().first.flatMap { $0 } ?? 1
    let budget = arguments.dropFirst(2).first.flatMap { $0 } ?? 64

    let corpus = try loadCorpus()
    let decoders = Decoders()
    for bytes in corpus { decoders.run(bytes, pieces: max(1, bytes.count)) }
    let before = residentKilobytes()

    var mutator = Mutator(random: SeededRandom(seed: UInt64(bitPattern: Int64(seed))))
    for _ in 0..<count {
      let bytes = mutator.next(corpus)
      decoders.run(bytes, pieces: 1 + mutator.random.below(8))
    }

    let growth = (residentKilobytes() - before) / 1_024
    print("\(count) mutations of \(corpus.count) inputs, seed \(seed): memory grew by \(growth) MiB,")
    print("largest expansion \(decoders.largestExpansion) bytes of \(Decoders.streamLimit) allowed; accepted:")
    for (name, accepted) in decoders.accepted.sorted(by: { $0.key < $1.key }) { print("  \(name): \(accepted)") }
    guard decoders.accepted.count == 34 else { fatalError("a decoder has accepted nothing") }
    guard budget == 0 || growth <= budget else { fatalError("memory grew by more than \(budget) MiB") }
  }

  /// The largest resident size so far.
  private static func residentKilobytes() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line.flatMap { Int($0.split(whereSeparator: { !$0.isNumber }).last ?? "") } ?? 0
  }
}

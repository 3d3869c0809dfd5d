#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What has crossed `lo` of this network namespace so far: each packet counts once, with its IP header, acknowledgements included.
struct Loopback {
  struct NoCounters: Error, CustomStringConvertible {
    let description = "/proc/net/dev has no counters of lo: bytes on the wire cannot be measured here"
  }

  var bytes: Int
  var packets: Int
  var moment: ContinuousClock.Instant

  static func now() throws -> Loopback {
    guard let file = fopen("/proc/net/dev", "r") else { throw NoCounters() }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let fields = text.split(whereSeparator: { $0 == " " || $0 == ":" || $0 == "\n" })
      guard fields.first == "lo", fields.count > 2, let bytes = Int(fields[1]), let packets = Int(fields[2]) else { continue }
      return Loopback(bytes: bytes, packets: packets, moment: .now)
    }
    throw NoCounters()
  }

  /// What crossed between two moments.
  static func - (later: Loopback, earlier: Loopback) -> (bytes: Int, packets: Int, seconds: Double) {
    (later.bytes - earlier.bytes, later.packets - earlier.packets, (later.moment - earlier.moment).seconds)
  }
}

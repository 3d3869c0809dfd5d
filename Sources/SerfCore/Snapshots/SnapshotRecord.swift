package import SerfPrimitives

/// One line of a snapshot file, in Go Serf's format (`serf.md` section 15).
package enum SnapshotRecord: Hashable, Sendable {
  /// `alive: NAME ADDRESS`: the member is in the cluster, at this address.
  case alive(NodeName, NodeAddress)
  /// `not-alive: NAME`: the member left or failed.
  case gone(NodeName)
  /// `clock: N`: the newest time of the member clock.
  case memberTime(LamportTime)
  /// `event-clock: N`: the newest time of a user event.
  case eventTime(LamportTime)
  /// `query-clock: N`: the newest time of a query.
  case queryTime(LamportTime)
  /// `# remembered: NAME ADDRESS`: the member failed here, and did not leave. A comment to Go, and to nodes that do not know it.
  case remembered(NodeName, NodeAddress)
  /// `leave`: this node left the cluster.
  case leave
  /// A comment, an empty line, or the `coordinate: …` of old versions of Go Serf: it says nothing about members and clocks.
  case nothing

  /// Whether a name survives the format: a line break would end its line, and the other control characters are what a broken disk leaves behind.
  package static func canHold(_ name: NodeName) -> Bool { !name.isEmpty && !name.bytes.contains { $0 < 0x20 || $0 == 0x7f } }
}

// MARK: - Lines

extension SnapshotRecord {
  /// The record in a line, which is without its line break; nil when there is none that we know, or a clock beyond `highestTime`. The name may contain spaces:
  /// the address stands behind the last one.
  package init?(line: ArraySlice<UInt8>, highestTime: LamportTime = Self.honestTime) {
    guard let first = line.first, first != UInt8(ascii: "#") else {
      let member = Self.rest(of: line, behind: Self.rememberedWord).flatMap { Self.member($0) }
      self = member.map { .remembered($0.name, $0.address) } ?? .nothing
      return
    }
    if let rest = Self.rest(of: line, behind: Self.aliveWord) {
      guard let member = Self.member(rest) else { return nil }
      self = .alive(member.name, member.address)
    } else if let rest = Self.rest(of: line, behind: Self.goneWord) {
      self = .gone(NodeName(bytes: Array(rest)))
    } else if let rest = Self.rest(of: line, behind: Self.memberTimeWord) {
      guard let time = Self.time(rest), time <= highestTime else { return nil }
      self = .memberTime(time)
    } else if let rest = Self.rest(of: line, behind: Self.eventTimeWord) {
      guard let time = Self.time(rest), time <= highestTime else { return nil }
      self = .eventTime(time)
    } else if let rest = Self.rest(of: line, behind: Self.queryTimeWord) {
      guard let time = Self.time(rest), time <= highestTime else { return nil }
      self = .queryTime(time)
    } else if line.elementsEqual(Self.leaveWord) {
      self = .leave
    } else if Self.rest(of: line, behind: Self.coordinateWord) != nil {
      self = .nothing
    } else {
      return nil
    }
  }

  /// Appends the line, with its line break. A name must be one that the format can hold.
  package func encode(into bytes: inout [UInt8]) {
    switch self {
    case .alive(let name, let address): Self.encode(Self.aliveWord, name, address, into: &bytes)
    case .remembered(let name, let address): Self.encode(Self.rememberedWord, name, address, into: &bytes)
    case .gone(let name):
      bytes += Self.goneWord
      bytes += name.bytes
    case .memberTime(let time): Self.encode(Self.memberTimeWord, time, into: &bytes)
    case .eventTime(let time): Self.encode(Self.eventTimeWord, time, into: &bytes)
    case .queryTime(let time): Self.encode(Self.queryTimeWord, time, into: &bytes)
    case .leave: bytes += Self.leaveWord
    case .nothing: return
    }
    bytes.append(UInt8(ascii: "\n"))
  }

  private static func encode(_ word: [UInt8], _ name: NodeName, _ address: NodeAddress, into bytes: inout [UInt8]) {
    bytes += word
    bytes += name.bytes
    bytes.append(UInt8(ascii: " "))
    bytes.append(contentsOf: address.description.utf8)
  }

  /// `NAME ADDRESS`; nil when it is none.
  private static func member(_ rest: ArraySlice<UInt8>) -> (name: NodeName, address: NodeAddress)? {
    guard let space = rest.lastIndex(of: UInt8(ascii: " ")),
      let address = NodeAddress(parsing: String(decoding: rest[(space + 1)...], as: UTF8.self), defaultPort: 0), address.isUsableAsPeer
    else { return nil }
    let name = NodeName(bytes: Array(rest[..<space]))
    return Self.canHold(name) ? (name, address) : nil
  }

  private static func encode(_ word: [UInt8], _ time: LamportTime, into bytes: inout [UInt8]) {
    bytes += word
    bytes.append(contentsOf: String(time).utf8)
  }

  private static func rest(of line: ArraySlice<UInt8>, behind word: [UInt8]) -> ArraySlice<UInt8>? {
    line.starts(with: word) ? line.dropFirst(word.count) : nil
  }

  /// What a clock of an honest cluster can reach. In a line without a sum, a higher one is taken for damage; push/pull brings the clock to where the cluster's is.
  package static let honestTime = LamportClock.gossipHeight - 1

  private static func time(_ digits: ArraySlice<UInt8>) -> LamportTime? {
    guard !digits.isEmpty else { return nil }
    var time: LamportTime = 0
    for digit in digits {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      let (product, overflow) = time.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(LamportTime(digit - UInt8(ascii: "0")))
      guard !overflow, !carry else { return nil }
      time = sum
    }
    return time
  }

  /// What lines begin with, our comments included.
  static let words = [
    aliveWord, goneWord, memberTimeWord, eventTimeWord, queryTimeWord, coordinateWord, rememberedWord, Array("# crc32=".utf8),
  ]

  private static let aliveWord = Array("alive: ".utf8)
  private static let rememberedWord = Array("# remembered: ".utf8)
  private static let goneWord = Array("not-alive: ".utf8)
  private static let memberTimeWord = Array("clock: ".utf8)
  private static let eventTimeWord = Array("event-clock: ".utf8)
  private static let queryTimeWord = Array("query-clock: ".utf8)
  private static let coordinateWord = Array("coordinate: ".utf8)
  private static let leaveWord = Array("leave".utf8)
}

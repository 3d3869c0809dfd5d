/// Collects, from datagrams as they pass, what clients send before anything is secret: their ClientHello (RFC 9001, section 5).
package struct ClientHellos {
  /// The hellos that are complete, in the order in which their first packets came.
  package var complete: [ClientHello] { order.compactMap { gathered[$0].flatMap { ClientHello($0.bytes) } } }
  /// Initial packets that were opened. Those of servers, and a client's once it uses the server's own ID, have other keys.
  package private(set) var opened = 0

  private var gathered: [[UInt8]: Gathered] = [:]
  private var order: [[UInt8]] = []

  package init() {}

  /// Adds a datagram of any kind.
  package mutating func add(_ datagram: [UInt8]) {
    var rest = datagram[...]
    while let packet = LongHeaderPacket(rest) {
      rest = rest.dropFirst(packet.count)
      guard packet.isInitial, let frames = packet.open(InitialKeys(destination: packet.destination)) else { continue }
      opened += 1
      if gathered[packet.destination] == nil { order.append(packet.destination) }
      gathered[packet.destination, default: Gathered()].add(frames)
    }
  }

  /// The beginning of a CRYPTO stream.
  private struct Gathered {
    private var pieces: [Int: [UInt8]] = [:]

    /// The bytes from the beginning up to the first gap.
    var bytes: [UInt8] {
      var bytes: [UInt8] = []
      while let piece = pieces.first(where: { $0.key <= bytes.count && $0.key + $0.value.count > bytes.count }) {
        bytes += piece.value.dropFirst(bytes.count - piece.key)
      }
      return bytes
    }

    /// The frames of one packet; stops at one that a client's first flight cannot hold.
    mutating func add(_ frames: [UInt8]) {
      var cursor = ByteCursor(frames)
      while let type = cursor.variableNumber() {
        switch type {
        case 0, 1: break  // PADDING, PING
        case 2, 3:  // ACK, with or without counts of ECN
          _ = cursor.variableNumber()
          _ = cursor.variableNumber()
          guard let ranges = cursor.variableNumber() else { return }
          for _ in 0..<(2 * ranges + 1 + (type == 3 ? 3 : 0)) where cursor.variableNumber() == nil { return }
        case 6:  // CRYPTO
          guard let offset = cursor.variableNumber(), let piece = cursor.variableNumber().flatMap({ cursor.take($0) }) else { return }
          pieces[offset] = piece
        default: return
        }
      }
    }
  }
}

/// A packet with a long header of QUIC version 1, still protected (RFC 9000, section 17.2).
struct LongHeaderPacket {
  let isInitial: Bool
  let destination: [UInt8]
  /// Bytes of the datagram that are its own; others may follow.
  let count: Int
  private let bytes: [UInt8]
  private let packetNumberOffset: Int

  init?(_ datagram: ArraySlice<UInt8>) {
    var cursor = ByteCursor(datagram)
    guard let first = cursor.number(1), first & 0xc0 == 0xc0, cursor.number(4) == 1, let destination = cursor.vector(1),
      cursor.vector(1) != nil, first & 0x30 != 0x30
    else { return nil }
    isInitial = first & 0x30 == 0
    if isInitial, cursor.variableNumber().flatMap({ cursor.take($0) }) == nil { return nil }
    guard let length = cursor.variableNumber() else { return nil }
    packetNumberOffset = cursor.position
    count = cursor.position + length
    guard count <= datagram.count, length >= 4 + 16 else { return nil }
    self.destination = destination
    bytes = Array(datagram.prefix(count))
  }

  /// Removes the protection (RFC 9001, sections 5.3 and 5.4). The packets of a first flight have small numbers, which are not shortened.
  func open(_ keys: InitialKeys) -> [UInt8]? {
    let mask = keys.mask(Array(bytes[(packetNumberOffset + 4)..<(packetNumberOffset + 20)]))
    var header = Array(bytes[..<packetNumberOffset])
    header[0] ^= mask[0] & 0x0f
    let length = Int(header[0] & 3) + 1
    let number = zip(bytes[packetNumberOffset..<(packetNumberOffset + length)], mask.dropFirst()).map { $0 ^ $1 }
    return keys.open(
      Array(bytes[(packetNumberOffset + length)...]), header: header + number, packetNumber: number.reduce(0) { $0 << 8 | Int($1) })
  }
}

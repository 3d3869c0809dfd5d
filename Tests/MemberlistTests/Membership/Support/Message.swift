import Memberlist
import SerfPrimitives
import SerfWire

/// Messages as bytes, with defaults for the fields that a test does not care about.
enum Message {
  static func alive(
    _ node: NodeName, _ incarnation: UInt32, address: NodeAddress? = nil, meta: [UInt8]? = nil, versions: ProtocolVersions? = .current
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    let meta = meta ?? []
    Alive(
      incarnation: incarnation, node: node.bytes.span.bytes, address: address ?? Subject.address(node), meta: meta.span.bytes,
      versions: versions
    ).encode(into: &bytes)
    return bytes
  }

  static func suspect(_ node: NodeName, _ incarnation: UInt32, by accuser: NodeName) -> [UInt8] {
    var bytes: [UInt8] = []
    Suspect(incarnation: incarnation, node: node.bytes.span.bytes, from: accuser.bytes.span.bytes).encode(into: &bytes)
    return bytes
  }

  static func dead(_ node: NodeName, _ incarnation: UInt32, by accuser: NodeName) -> [UInt8] {
    var bytes: [UInt8] = []
    Dead(incarnation: incarnation, node: node.bytes.span.bytes, from: accuser.bytes.span.bytes).encode(into: &bytes)
    return bytes
  }

  static func left(_ node: NodeName, _ incarnation: UInt32) -> [UInt8] { dead(node, incarnation, by: node) }

  static func ping(_ sequenceNumber: UInt32, to node: NodeName, from source: NodeName? = nil, at address: NodeAddress? = nil) -> [UInt8] {
    var bytes: [UInt8] = []
    let source = source ?? NodeName(bytes: [])
    Ping(
      sequenceNumber: sequenceNumber, node: node.bytes.span.bytes, source: address, sourceNode: source.bytes.span.bytes
    ).encode(into: &bytes)
    return bytes
  }

  static func indirectPing(
    _ sequenceNumber: UInt32, to node: NodeName, target: NodeAddress?, from source: NodeName, at address: NodeAddress? = nil,
    nack: Bool = true
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    IndirectPing(
      sequenceNumber: sequenceNumber, node: node.bytes.span.bytes, target: target, wantsNack: nack, source: address,
      sourceNode: source.bytes.span.bytes
    ).encode(into: &bytes)
    return bytes
  }

  static func ack(_ sequenceNumber: UInt32, payload: [UInt8]? = nil) -> [UInt8] {
    var bytes: [UInt8] = []
    if let payload {
      Ack(sequenceNumber: sequenceNumber, payload: payload.span.bytes).encode(into: &bytes)
    } else {
      Ack(sequenceNumber: sequenceNumber, payload: nil).encode(into: &bytes)
    }
    return bytes
  }

  static func nack(_ sequenceNumber: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    Nack(sequenceNumber: sequenceNumber).encode(into: &bytes)
    return bytes
  }

  static func compound(_ messages: [UInt8]...) -> [UInt8] {
    var writer = CompoundWriter()
    for message in messages { writer.add(message.span.bytes) }
    var bytes: [UInt8] = []
    writer.finish(into: &bytes)
    return bytes
  }

  /// An entry of a push/pull.
  struct Entry {
    var name: NodeName
    var incarnation: UInt32 = 1
    var state: Int = 0
    var versions: ProtocolVersions? = .current
    var address: NodeAddress?
  }

  static func pushPull(isJoin: Bool = false, _ entries: [Entry], userState: [UInt8] = []) -> [UInt8] {
    var bytes: [UInt8] = []
    PushPullHeader(isJoin: isJoin, nodeCount: entries.count, userStateLength: userState.count).encode(into: &bytes)
    for entry in entries {
      PushPullNode(
        name: entry.name.bytes.span.bytes, address: entry.address ?? Subject.address(entry.name), meta: nil,
        incarnation: entry.incarnation, state: entry.state, versions: entry.versions
      ).encode(into: &bytes)
    }
    return bytes + userState
  }

  static func error(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    let text = Array(text.utf8)
    ErrorMessage(text: text.span.bytes).encode(into: &bytes)
    return bytes
  }
}

extension Subject {
  func alive(
    _ node: NodeName, _ incarnation: UInt32 = 1, address: NodeAddress? = nil, meta: [UInt8]? = nil,
    versions: ProtocolVersions? = .current, from peer: Peer? = nil
  ) {
    receive(
      Message.alive(node, incarnation, address: address, meta: meta, versions: versions), from: peer ?? defaultPeer(node))
  }

  func suspect(_ node: NodeName, _ incarnation: UInt32 = 1, by accuser: NodeName, from peer: Peer? = nil) {
    receive(Message.suspect(node, incarnation, by: accuser), from: peer ?? defaultPeer(accuser))
  }

  func dead(_ node: NodeName, _ incarnation: UInt32 = 1, by accuser: NodeName, from peer: Peer? = nil) {
    receive(Message.dead(node, incarnation, by: accuser), from: peer ?? defaultPeer(accuser))
  }

  func left(_ node: NodeName, _ incarnation: UInt32 = 1, from peer: Peer? = nil) {
    receive(Message.left(node, incarnation), from: peer ?? defaultPeer(node))
  }
}

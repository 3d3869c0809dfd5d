package import SerfPrimitives

/// A member's claim about the life of a member at one incarnation: the shape of messages 3 and 5.
package struct Accusation: ~Escapable {
  /// The incarnation that is accused.
  package var incarnation: UInt32
  /// The member that is accused.
  package var node: RawSpan
  /// The member that accuses. A member that declares itself dead leaves.
  package var from: RawSpan

  @_lifetime(copy node, copy from)
  package init(incarnation: UInt32, node: RawSpan, from: RawSpan) {
    self.incarnation = incarnation
    self.node = node
    self.from = from
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    incarnation = 0
    node = RawSpan()
    from = RawSpan()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Incarnation Node From") {
      if key.equals("From") {
        from = try reader.readString()
      } else if key.equals("Incarnation") {
        incarnation = try reader.readInteger()
      } else if key.equals("Node") {
        node = try reader.readString()
      } else {
        try reader.skip()
      }
    }
  }

  /// Appends the type byte and the map.
  package func encode(_ type: MessageType, into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(type.rawValue)
    writer.map(3)
    writer.field("From", string: from)
    writer.field("Incarnation", incarnation)
    writer.field("Node", string: node)
    writer.finish(into: &bytes)
  }
}

/// A member did not answer a probe (message 3).
package struct Suspect: ~Escapable {
  /// The accused member, the incarnation, and the accuser.
  package var accusation: Accusation
  package var incarnation: UInt32 { accusation.incarnation }
  package var node: RawSpan { @_lifetime(copy self) get { accusation.node } }
  package var from: RawSpan { @_lifetime(copy self) get { accusation.from } }

  @_lifetime(copy node, copy from)
  package init(incarnation: UInt32, node: RawSpan, from: RawSpan) {
    accusation = Accusation(incarnation: incarnation, node: node, from: from)
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) { accusation = try Accusation(decoding: body) }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) { accusation.encode(.suspect, into: &bytes) }
}

/// A member has failed, or, when `node` and `from` are one, has left (message 5).
package struct Dead: ~Escapable {
  /// The accused member, the incarnation, and the accuser.
  package var accusation: Accusation
  package var incarnation: UInt32 { accusation.incarnation }
  package var node: RawSpan { @_lifetime(copy self) get { accusation.node } }
  package var from: RawSpan { @_lifetime(copy self) get { accusation.from } }
  /// Whether the member says it of itself: a graceful leave.
  package var isLeave: Bool { node.equals(from) }

  @_lifetime(copy node, copy from)
  package init(incarnation: UInt32, node: RawSpan, from: RawSpan) {
    accusation = Accusation(incarnation: incarnation, node: node, from: from)
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) { accusation = try Accusation(decoding: body) }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) { accusation.encode(.dead, into: &bytes) }
}

/// A member is alive, with this address, meta and versions (message 4).
package struct Alive: ~Escapable {
  /// Raised by the member itself to outdo an accusation.
  package var incarnation: UInt32
  /// The member's name.
  package var node: RawSpan
  /// Where it is reached; nil when the bytes are no address.
  package var address: NodeAddress?
  /// What the layer above says about the member (Serf: its tags); nil and empty differ on the wire only.
  package let meta: RawSpan?
  /// The member's versions; nil when there are not six.
  package var versions: ProtocolVersions?

  @_lifetime(copy node, copy meta)
  package init(incarnation: UInt32, node: RawSpan, address: NodeAddress?, meta: RawSpan?, versions: ProtocolVersions?) {
    self.incarnation = incarnation
    self.node = node
    self.address = address
    self.meta = meta
    self.versions = versions
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    incarnation = 0
    node = RawSpan()
    address = nil
    var meta: RawSpan? = nil
    versions = nil
    var port: UInt16 = 0
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Incarnation Node Addr Port Meta Vsn") {
      if key.equals("Addr") {
        address = try reader.readAddress()
      } else if key.equals("Incarnation") {
        incarnation = try reader.readInteger()
      } else if key.equals("Meta") {
        meta = try reader.readBytes()
      } else if key.equals("Node") {
        node = try reader.readString()
      } else if key.equals("Port") {
        port = try reader.readInteger()
      } else if key.equals("Vsn") {
        versions = try reader.readVersions()
      } else {
        try reader.skip()
      }
    }
    address?.port = port
    self.meta = meta
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(MessageType.alive.rawValue)
    writer.map(6)
    writer.field("Addr", address: address)
    writer.field("Incarnation", incarnation)
    writer.field("Meta", binary: meta)
    writer.field("Node", string: node)
    writer.field("Port", address?.port ?? 0)
    writer.field("Vsn", versions)
    writer.finish(into: &bytes)
  }
}

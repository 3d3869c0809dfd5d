package import SerfPrimitives

/// What comes before the nodes of a push/pull (message 6).
package struct PushPullHeader: Hashable, Sendable {
  /// Whether the exchange is a join; the reply repeats the requester's value.
  package var isJoin: Bool
  /// How many node maps follow.
  package var nodeCount: Int
  /// How many bytes of the layer above's state follow the nodes.
  package var userStateLength: Int

  package init(isJoin: Bool, nodeCount: Int, userStateLength: Int) {
    self.isJoin = isJoin
    self.nodeCount = nodeCount
    self.userStateLength = userStateLength
  }

  /// Decodes the map behind the type byte. The numbers are as sent: ``PushPull`` checks them.
  @_lifetime(reader: copy reader)
  package init(_ reader: inout MessagePackReader) throws(WireError) {
    isJoin = false
    nodeCount = 0
    userStateLength = 0
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Nodes UserStateLen Join") {
      if key.equals("Join") {
        isJoin = try reader.readBool()
      } else if key.equals("Nodes") {
        nodeCount = try reader.readInteger()
      } else if key.equals("UserStateLen") {
        userStateLength = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
  }

  /// Appends the type byte and the map; ``PushPullNode/encode(into:)`` for each node and the user state follow.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(MessageType.pushPull.rawValue)
    encode(&writer)
    writer.finish(into: &bytes)
  }

  func encode(_ writer: inout MessagePackWriter) {
    writer.map(3)
    writer.field("Join", isJoin)
    writer.field("Nodes", nodeCount)
    writer.field("UserStateLen", userStateLength)
  }
}

/// What a push/pull says about one node.
package struct PushPullNode: ~Escapable {
  package var name: RawSpan
  /// Where it is reached; nil when the bytes are no address. A port of 0 means the receiver's own port.
  package var address: NodeAddress?
  package let meta: RawSpan?
  package var incarnation: UInt32
  /// 0 alive, 1 suspect, 2 dead, 3 left; as sent, so it may be any number.
  package var state: Int
  /// The node's versions; nil when there are not six.
  package var versions: ProtocolVersions?

  @_lifetime(copy name, copy meta)
  package init(
    name: RawSpan, address: NodeAddress?, meta: RawSpan?, incarnation: UInt32, state: Int, versions: ProtocolVersions?
  ) {
    self.name = name
    self.address = address
    self.meta = meta
    self.incarnation = incarnation
    self.state = state
    self.versions = versions
  }

  /// Decodes one map.
  @_lifetime(copy reader) @_lifetime(reader: copy reader)
  package init(_ reader: inout MessagePackReader) throws(WireError) {
    name = RawSpan()
    address = nil
    var meta: RawSpan? = nil
    incarnation = 0
    state = 0
    versions = nil
    var port: UInt16 = 0
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Name Addr Port Meta Incarnation State Vsn") {
      if key.equals("Addr") {
        address = try reader.readAddress()
      } else if key.equals("Incarnation") {
        incarnation = try reader.readInteger()
      } else if key.equals("Meta") {
        meta = try reader.readBytes()
      } else if key.equals("Name") {
        name = try reader.readString()
      } else if key.equals("Port") {
        port = try reader.readInteger()
      } else if key.equals("State") {
        state = try reader.readInteger()
      } else if key.equals("Vsn") {
        versions = try reader.readVersions()
      } else {
        try reader.skip()
      }
    }
    address?.port = port
    self.meta = meta
  }

  /// Appends the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.map(7)
    writer.field("Addr", address: address)
    writer.field("Incarnation", incarnation)
    writer.field("Meta", binary: meta)
    writer.field("Name", string: name)
    writer.field("Port", address?.port ?? 0)
    writer.field("State", state)
    writer.field("Vsn", versions)
    writer.finish(into: &bytes)
  }
}

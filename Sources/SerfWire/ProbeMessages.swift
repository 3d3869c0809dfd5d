package import SerfPrimitives

/// Asks a member for an ack (message 0). On a stream it is the fallback ping.
package struct Ping: ~Escapable {
  /// Pairs the ack with this ping.
  package var sequenceNumber: UInt32
  /// The name of the member that is asked; another node stays silent.
  package var node: RawSpan
  /// Where the asking member wants the answer; nil in pings of old versions, which are answered at the address they came from.
  package var source: NodeAddress?
  /// The asking member's name; empty when not stated.
  package var sourceNode: RawSpan

  @_lifetime(copy node, copy sourceNode)
  package init(sequenceNumber: UInt32, node: RawSpan, source: NodeAddress?, sourceNode: RawSpan) {
    self.sequenceNumber = sequenceNumber
    self.node = node
    self.source = source
    self.sourceNode = sourceNode
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    try self.init(&reader)
  }

  @_lifetime(copy reader)
  package init(_ reader: inout MessagePackReader) throws(WireError) {
    sequenceNumber = 0
    node = RawSpan()
    source = nil
    sourceNode = RawSpan()
    var port: UInt16 = 0
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "SeqNo Node SourceAddr SourcePort SourceNode") {
      if key.equals("Node") {
        node = try reader.readString()
      } else if key.equals("SeqNo") {
        sequenceNumber = try reader.readInteger()
      } else if key.equals("SourceAddr") {
        source = try reader.readAddress()
      } else if key.equals("SourceNode") {
        sourceNode = try reader.readString()
      } else if key.equals("SourcePort") {
        port = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
    source?.port = port
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(MessageType.ping.rawValue)
    let port = source?.port ?? 0
    writer.map(2 + (source == nil ? 0 : 1) + (sourceNode.isEmpty ? 0 : 1) + (port == 0 ? 0 : 1))
    writer.field("Node", string: node)
    writer.field("SeqNo", sequenceNumber)
    if let source { writer.field("SourceAddr", address: source) }
    if !sourceNode.isEmpty { writer.field("SourceNode", string: sourceNode) }
    if port != 0 { writer.field("SourcePort", port) }
    writer.finish(into: &bytes)
  }
}

/// Asks a member to ping a third one (message 1).
package struct IndirectPing: ~Escapable {
  /// Pairs the ack or nack with this request.
  package var sequenceNumber: UInt32
  /// The name of the member to ping.
  package var node: RawSpan
  /// The address of the member to ping; nil when the bytes are no address.
  package var target: NodeAddress?
  /// Whether the asking member wants a nack when the target is silent.
  package var wantsNack: Bool
  /// Where the asking member wants the answer; nil in requests of old versions.
  package var source: NodeAddress?
  /// The asking member's name; empty when not stated.
  package var sourceNode: RawSpan

  @_lifetime(copy node, copy sourceNode)
  package init(
    sequenceNumber: UInt32, node: RawSpan, target: NodeAddress?, wantsNack: Bool, source: NodeAddress?, sourceNode: RawSpan
  ) {
    self.sequenceNumber = sequenceNumber
    self.node = node
    self.target = target
    self.wantsNack = wantsNack
    self.source = source
    self.sourceNode = sourceNode
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    sequenceNumber = 0
    node = RawSpan()
    target = nil
    wantsNack = false
    source = nil
    sourceNode = RawSpan()
    var port: UInt16 = 0
    var sourcePort: UInt16 = 0
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "SeqNo Target Port Node Nack SourceAddr SourcePort SourceNode") {
      if key.equals("Nack") {
        wantsNack = try reader.readBool()
      } else if key.equals("Node") {
        node = try reader.readString()
      } else if key.equals("Port") {
        port = try reader.readInteger()
      } else if key.equals("SeqNo") {
        sequenceNumber = try reader.readInteger()
      } else if key.equals("SourceAddr") {
        source = try reader.readAddress()
      } else if key.equals("SourceNode") {
        sourceNode = try reader.readString()
      } else if key.equals("SourcePort") {
        sourcePort = try reader.readInteger()
      } else if key.equals("Target") {
        target = try reader.readAddress()
      } else {
        try reader.skip()
      }
    }
    target?.port = port
    source?.port = sourcePort
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(MessageType.indirectPing.rawValue)
    let sourcePort = source?.port ?? 0
    writer.map(5 + (source == nil ? 0 : 1) + (sourceNode.isEmpty ? 0 : 1) + (sourcePort == 0 ? 0 : 1))
    writer.field("Nack", wantsNack)
    writer.field("Node", string: node)
    writer.field("Port", target?.port ?? 0)
    writer.field("SeqNo", sequenceNumber)
    if let source { writer.field("SourceAddr", address: source) }
    if !sourceNode.isEmpty { writer.field("SourceNode", string: sourceNode) }
    if sourcePort != 0 { writer.field("SourcePort", sourcePort) }
    writer.field("Target", address: target)
    writer.finish(into: &bytes)
  }
}

/// Answers a ping, or an indirect ping on behalf of its target (message 2).
package struct Ack: ~Escapable {
  /// The sequence number of the ping.
  package var sequenceNumber: UInt32
  /// What the layer above adds (Serf: its coordinate); nil on a stream and in acks of an indirect ping.
  package let payload: RawSpan?

  @_lifetime(copy payload)
  package init(sequenceNumber: UInt32, payload: RawSpan?) {
    self.sequenceNumber = sequenceNumber
    self.payload = payload
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    sequenceNumber = 0
    var payload: RawSpan? = nil
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "SeqNo Payload") {
      if key.equals("Payload") {
        payload = try reader.readBytes()
      } else if key.equals("SeqNo") {
        sequenceNumber = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
    self.payload = payload
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(MessageType.ack.rawValue)
    writer.map(2)
    writer.field("Payload", binary: payload)
    writer.field("SeqNo", sequenceNumber)
    writer.finish(into: &bytes)
  }
}

/// Answers an indirect ping whose target stayed silent (message 11).
package struct Nack: Hashable, Sendable {
  /// The sequence number of the indirect ping.
  package var sequenceNumber: UInt32

  package init(sequenceNumber: UInt32) { self.sequenceNumber = sequenceNumber }

  /// Decodes the map behind the type byte.
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    sequenceNumber = 0
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "SeqNo") {
      if key.equals("SeqNo") { sequenceNumber = try reader.readInteger() } else { try reader.skip() }
    }
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(MessageType.nack.rawValue)
    writer.map(1)
    writer.field("SeqNo", sequenceNumber)
    writer.finish(into: &bytes)
  }
}

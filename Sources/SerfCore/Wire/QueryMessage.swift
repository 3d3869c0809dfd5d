package import SerfPrimitives
package import SerfWire

/// A question to every member, or to those that its filters name (message 4).
package struct QueryMessage: ~Escapable {
  package struct Flags: OptionSet, Hashable, Sendable {
    package var rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Every member that is asked must say so.
    package static let wantsAck = Flags(rawValue: 1)
    /// Members must not pass the query on.
    package static let noBroadcast = Flags(rawValue: 2)
  }

  package var time: LamportTime
  /// Tells queries of one Lamport time apart; 31 random bits.
  package var id: UInt32
  /// Where the answers go; nil when the bytes are no address.
  package var source: NodeAddress?
  /// The asking member; empty from old versions.
  package var sourceNode: RawSpan
  /// The filters as one MessagePack value; read them with ``QueryFilterList``. Empty bytes mean no filters.
  package var filters: RawSpan
  package var flags: Flags
  /// Through how many other members each answer is sent, besides directly.
  package var relayFactor: UInt8
  /// How long answers are waited for. As sent: may be negative.
  package var timeoutNanoseconds: Int64
  package var name: RawSpan
  package let payload: RawSpan?

  @_lifetime(copy sourceNode, copy filters, copy name, copy payload)
  package init(
    time: LamportTime, id: UInt32, source: NodeAddress?, sourceNode: RawSpan, filters: RawSpan, flags: Flags,
    relayFactor: UInt8, timeoutNanoseconds: Int64, name: RawSpan, payload: RawSpan?
  ) {
    self.time = time
    self.id = id
    self.source = source
    self.sourceNode = sourceNode
    self.filters = filters
    self.flags = flags
    self.relayFactor = relayFactor
    self.timeoutNanoseconds = timeoutNanoseconds
    self.name = name
    self.payload = payload
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    time = 0
    id = 0
    source = nil
    sourceNode = RawSpan()
    filters = RawSpan()
    flags = []
    relayFactor = 0
    timeoutNanoseconds = 0
    name = RawSpan()
    var payload: RawSpan? = nil
    var port: UInt16 = 0
    var fields = try reader.readStruct()
    while let key = try reader.nextField(
      &fields, declared: "LTime ID Addr Port SourceNode Filters Flags RelayFactor Timeout Name Payload")
    {
      if key.equals("Addr") {
        source = try reader.readAddress()
      } else if key.equals("Filters") {
        let start = reader.offset
        try QueryFilterList.validate(&reader)
        filters = body.extracting(start..<reader.offset)
      } else if key.equals("Flags") {
        flags = Flags(rawValue: try reader.readInteger())
      } else if key.equals("ID") {
        id = try reader.readInteger()
      } else if key.equals("LTime") {
        time = try reader.readInteger()
      } else if key.equals("Name") {
        name = try reader.readString()
      } else if key.equals("Payload") {
        payload = try reader.readBytes()
      } else if key.equals("Port") {
        port = try reader.readInteger()
      } else if key.equals("RelayFactor") {
        relayFactor = try reader.readInteger()
      } else if key.equals("SourceNode") {
        sourceNode = try reader.readString()
      } else if key.equals("Timeout") {
        timeoutNanoseconds = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
    source?.port = port
    self.payload = payload
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(SerfMessageType.query.rawValue)
    writer.map(11)
    writer.field("Addr", address: source)
    writer.string("Filters")
    if filters.isEmpty { writer.null() } else { writer.raw(filters) }
    writer.field("Flags", flags.rawValue)
    writer.field("ID", id)
    writer.field("LTime", time)
    writer.field("Name", string: name)
    writer.field("Payload", binary: payload)
    writer.field("Port", source?.port ?? 0)
    writer.field("RelayFactor", relayFactor)
    writer.field("SourceNode", string: sourceNode)
    writer.string("Timeout")
    writer.integer(timeoutNanoseconds)
    writer.finish(into: &bytes)
  }
}

/// An answer to a query, or the note that it arrived (message 5).
package struct QueryResponseMessage: ~Escapable {
  package var time: LamportTime
  package var id: UInt32
  /// The member that answers.
  package var from: RawSpan
  /// As sent; see ``isAck``.
  package var flags: UInt32
  package let payload: RawSpan?

  /// Whether it only says that the query arrived.
  package var isAck: Bool { flags & 1 != 0 }

  @_lifetime(copy from, copy payload)
  package init(time: LamportTime, id: UInt32, from: RawSpan, flags: UInt32, payload: RawSpan?) {
    self.time = time
    self.id = id
    self.from = from
    self.flags = flags
    self.payload = payload
  }

  /// Decodes the map behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    time = 0
    id = 0
    from = RawSpan()
    flags = 0
    var payload: RawSpan? = nil
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "LTime ID From Flags Payload") {
      if key.equals("Flags") {
        flags = try reader.readInteger()
      } else if key.equals("From") {
        from = try reader.readString()
      } else if key.equals("ID") {
        id = try reader.readInteger()
      } else if key.equals("LTime") {
        time = try reader.readInteger()
      } else if key.equals("Payload") {
        payload = try reader.readBytes()
      } else {
        try reader.skip()
      }
    }
    self.payload = payload
  }

  /// Appends the type byte and the map.
  package func encode(into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(SerfMessageType.queryResponse.rawValue)
    writer.map(5)
    writer.field("Flags", flags)
    writer.field("From", string: from)
    writer.field("ID", id)
    writer.field("LTime", time)
    writer.field("Payload", binary: payload)
    writer.finish(into: &bytes)
  }
}

package import SerfPrimitives
package import SerfWire

// Requests that act on the cluster or on the agent's own member.

/// Sends a user event to the whole cluster.
package struct EventRequest: RPCBody, Hashable {
  /// Whether receivers may merge it with later events of the same name.
  package var coalesce: Bool
  package var name: String
  package var payload: [UInt8]?

  package init(coalesce: Bool = false, name: String = "", payload: [UInt8]? = nil) {
    self.coalesce = coalesce
    self.name = name
    self.payload = payload
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Name Payload Coalesce") {
      if key.equals("Coalesce") {
        coalesce = try reader.readBool()
      } else if key.equals("Name") {
        name = try reader.readText()
      } else if key.equals("Payload") {
        payload = try reader.readData()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(3)
    writer.field("Coalesce", coalesce)
    writer.field("Name", text: name)
    writer.field("Payload", data: payload)
  }
}

/// Declares a failed member as left.
package struct ForceLeaveRequest: RPCBody, Hashable {
  package var node: NodeName
  /// Whether to forget it at once instead of after the tombstone timeout.
  package var prune: Bool

  package init(node: NodeName = "", prune: Bool = false) {
    self.node = node
    self.prune = prune
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Node Prune") {
      if key.equals("Node") {
        node = try reader.readName()
      } else if key.equals("Prune") {
        prune = try reader.readBool()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(2)
    writer.field("Node", string: node.bytes.span.bytes)
    writer.field("Prune", prune)
  }
}

/// Contacts members of a cluster.
package struct JoinRequest: RPCBody, Hashable {
  /// The addresses to contact.
  package var existing: [String]
  /// Whether to deliver user events from before the join.
  package var replay: Bool

  package init(existing: [String] = [], replay: Bool = false) {
    self.existing = existing
    self.replay = replay
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Existing Replay") {
      if key.equals("Existing") {
        existing = try reader.readTexts()
      } else if key.equals("Replay") {
        replay = try reader.readBool()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(2)
    writer.field("Existing", texts: existing)
    writer.field("Replay", replay)
  }
}

/// Changes the agent's own tags: those named in `delete` are removed, then those in `set` are added.
package struct TagsRequest: RPCBody, Hashable {
  package var delete: [String]?
  package var set: [String: String]

  package init(delete: [String]? = nil, set: [String: String] = [:]) {
    self.delete = delete
    self.set = set
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Tags DeleteTags") {
      if key.equals("DeleteTags") {
        delete = reader.readNil() ? nil : try reader.readTexts()
      } else if key.equals("Tags") {
        set = try reader.readTextMap()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(2)
    writer.field("DeleteTags", texts: delete)
    writer.field("Tags", map: set)
  }
}

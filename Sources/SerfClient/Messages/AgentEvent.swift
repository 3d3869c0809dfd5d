import SerfPrimitives
package import SerfWire

/// One record of the agent's event stream.
@nonexhaustive
public enum AgentEvent: Hashable, Sendable {
  /// Members joined, left, failed, changed or were forgotten: `member-join`, `member-leave`, `member-failed`, `member-update`,
  /// `member-reap`.
  case members(String, [AgentMember])
  /// A user event arrived.
  case user(UserEvent)
  /// A query arrived.
  case query(Query)
  /// This many events are missing here, because this client read too slowly and the agent keeps at most ``RPCStream/bufferLimit`` of them. Only our
  /// own agents report this.
  case dropped(Int)

  /// A user event.
  public struct UserEvent: Hashable, Sendable {
    /// The name that its sender gave it, verbatim; it may be empty.
    public var nameBytes: [UInt8]
    /// Nil if the sender gave none.
    public var payload: [UInt8]?
    /// The Lamport time at which it was sent.
    public var time: UInt64
    /// Whether it may be merged with later events with the same name.
    public var coalesce: Bool

    /// The name as text, with `\xNN` for each byte that is not UTF-8.
    public var name: String { readableText(of: nameBytes) }

    /// An event with these parts.
    public init(name: String, payload: [UInt8]?, time: UInt64, coalesce: Bool) {
      self.init(nameBytes: Array(name.utf8), payload: payload, time: time, coalesce: coalesce)
    }

    /// An event whose name need not be text.
    public init(nameBytes: [UInt8], payload: [UInt8]?, time: UInt64, coalesce: Bool) {
      self.nameBytes = nameBytes
      self.payload = payload
      self.time = time
      self.coalesce = coalesce
    }
  }

  /// A query.
  public struct Query: Hashable, Sendable {
    /// Names the query on this connection, for an answer.
    public var id: UInt64
    /// The query's name, verbatim.
    public var nameBytes: [UInt8]
    /// Nil if the sender gave none.
    public var payload: [UInt8]?
    /// The Lamport time at which it was sent.
    public var time: UInt64

    /// The name as text, with `\xNN` for each byte that is not UTF-8.
    public var name: String { readableText(of: nameBytes) }

    /// A query with these parts.
    public init(id: UInt64, name: String, payload: [UInt8]?, time: UInt64) {
      self.init(id: id, nameBytes: Array(name.utf8), payload: payload, time: time)
    }

    /// A query whose name need not be text.
    public init(id: UInt64, nameBytes: [UInt8], payload: [UInt8]?, time: UInt64) {
      self.id = id
      self.nameBytes = nameBytes
      self.payload = payload
      self.time = time
    }
  }

  /// The value of the record's `Event`.
  public var type: String {
    switch self {
    case .members(let type, _): type
    case .user: "user"
    case .query: "query"
    case .dropped: "dropped"
    }
  }
}

extension AgentEvent: RPCBody {
  package init(from reader: inout MessagePackReader) throws(WireError) {
    var type = ""
    var members: [AgentMember] = []
    var name: [UInt8] = []
    var payload: [UInt8]?
    var (id, time): (UInt64, UInt64) = (0, 0)
    var count: UInt64 = 0
    var coalesce = false
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Event") {
      if key.equals("Event") {
        type = try reader.readText()
      } else if key.equals("Members") {
        members = try reader.readMembers()
      } else if key.equals("Name") {
        name = [UInt8](copying: try reader.readString())
      } else if key.equals("Payload") {
        payload = try reader.readData()
      } else if key.equals("LTime") {
        time = try reader.readInteger()
      } else if key.equals("ID") {
        id = try reader.readInteger()
      } else if key.equals("Coalesce") {
        coalesce = try reader.readBool()
      } else if key.equals("Count") {
        count = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
    switch type {
    case "user": self = .user(UserEvent(nameBytes: name, payload: payload, time: time, coalesce: coalesce))
    case "query": self = .query(Query(id: id, nameBytes: name, payload: payload, time: time))
    case "dropped": self = .dropped(Int(clamping: count))
    default: self = .members(type, members)
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    switch self {
    case .members(let type, let members):
      writer.map(2)
      writer.field("Event", text: type)
      writer.field("Members", members: members)
    case .user(let event):
      writer.map(5)
      writer.field("Coalesce", event.coalesce)
      writer.field("Event", text: type)
      writer.field("LTime", event.time)
      writer.field("Name", name: event.nameBytes)
      writer.field("Payload", data: event.payload)
    case .query(let query):
      writer.map(5)
      writer.field("Event", text: type)
      writer.field("ID", query.id)
      writer.field("LTime", query.time)
      writer.field("Name", name: query.nameBytes)
      writer.field("Payload", data: query.payload)
    case .dropped(let count):
      writer.map(2)
      writer.field("Count", UInt64(count))
      writer.field("Event", text: type)
    }
  }
}

public import SerfPrimitives
package import SerfWire

// A query that the agent asks for the client, what comes back, and the client's answer to a query of another member.

/// How an agent asks a query.
public struct AgentQueryOptions: Hashable, Sendable {
  /// The members that are asked; default nil, which asks every member.
  public var members: [NodeName]?
  /// Only members whose tag matches are asked: an RE2 pattern for each of these tags, which must occur in the tag's value. Default nil: any tags.
  public var tags: [String: String]?
  /// Whether each member that is asked says so at once, whether it answers or not. Default true.
  public var wantsAcks = true
  /// Through how many other members each answer is sent, besides directly. Default 0.
  public var relayFactor: UInt8 = 0
  /// How long the agent waits for answers, at most. Default nil: the agent chooses it by the number of members, 3.2 s for up to nine.
  public var timeout: Duration?

  /// The defaults.
  public init() {}
}

/// What a query of ``SerfRPCClient/query(_:payload:options:)`` brings, one by one.
@nonexhaustive
public enum AgentQueryReply: Hashable, Sendable {
  /// This member says that the query arrived.
  case acknowledgement(NodeName)
  /// This member's answer; nil if it has no bytes.
  case answer(NodeName, [UInt8]?)
}

/// Asks the cluster.
package struct QueryRequest: RPCBody, Hashable {
  /// Nil for all.
  package var members: [NodeName]?
  package var tags: [String: String]?
  package var name: String
  package var payload: [UInt8]?
  package var relayFactor: UInt8
  package var wantsAcks: Bool
  /// In nanoseconds; 0 leaves it to the agent.
  package var timeout: Int64

  package init(name: String = "", payload: [UInt8]? = nil, options: AgentQueryOptions = AgentQueryOptions()) {
    members = options.members
    tags = options.tags
    self.name = name
    self.payload = payload
    relayFactor = options.relayFactor
    wantsAcks = options.wantsAcks
    timeout = options.timeout?.nanoseconds ?? 0
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    wantsAcks = false
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "FilterNodes FilterTags RequestAck RelayFactor Timeout Name Payload") {
      if key.equals("FilterNodes") {
        members = try reader.readNames()
      } else if key.equals("FilterTags") {
        tags = reader.readNil() ? nil : try reader.readTextMap()
      } else if key.equals("Name") {
        name = try reader.readText()
      } else if key.equals("Payload") {
        payload = try reader.readData()
      } else if key.equals("RelayFactor") {
        relayFactor = try reader.readInteger()
      } else if key.equals("RequestAck") {
        wantsAcks = try reader.readBool()
      } else if key.equals("Timeout") {
        timeout = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(7)
    writer.field("FilterNodes", names: members)
    writer.string("FilterTags")
    if let tags { writer.textMap(tags) } else { writer.null() }
    writer.field("Name", text: name)
    writer.field("Payload", data: payload)
    writer.field("RelayFactor", relayFactor)
    writer.field("RequestAck", wantsAcks)
    writer.string("Timeout")
    writer.integer(timeout)
  }
}

/// One record of a query.
package enum QueryRecord: RPCBody, Hashable {
  case reply(AgentQueryReply)
  /// The query has ended; no record follows.
  case done

  package init(from reader: inout MessagePackReader) throws(WireError) {
    var (type, member, payload): (String, NodeName, [UInt8]?) = ("", "", nil)
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Type From Payload") {
      if key.equals("From") {
        member = try reader.readName()
      } else if key.equals("Payload") {
        payload = try reader.readData()
      } else if key.equals("Type") {
        type = try reader.readText()
      } else {
        try reader.skip()
      }
    }
    switch type {
    case "ack": self = .reply(.acknowledgement(member))
    case "response": self = .reply(.answer(member, payload))
    case "done": self = .done
    default: throw .unexpectedType
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    let (type, member, payload): (String, NodeName, [UInt8]?) =
      switch self {
      case .reply(.acknowledgement(let member)): ("ack", member, nil)
      case .reply(.answer(let member, let payload)): ("response", member, payload)
      case .done: ("done", "", nil)
      }
    writer.map(3)
    writer.field("From", name: member.bytes)
    writer.field("Payload", data: payload)
    writer.field("Type", text: type)
  }
}

/// Answers a query that a stream of this connection has shown.
package struct RespondRequest: RPCBody, Hashable {
  /// The number under which the stream showed it.
  package var id: UInt64
  package var payload: [UInt8]?

  package init(id: UInt64 = 0, payload: [UInt8]? = nil) {
    self.id = id
    self.payload = payload
  }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "ID Payload") {
      if key.equals("ID") {
        id = try reader.readInteger()
      } else if key.equals("Payload") {
        payload = try reader.readData()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(2)
    writer.field("ID", id)
    writer.field("Payload", data: payload)
  }
}

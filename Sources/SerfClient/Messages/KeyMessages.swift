package import SerfWire

/// Asks for a change of the keys.
package struct KeyRequest: RPCBody, Hashable {
  /// The key in base64.
  package var key: String

  package init(key: String = "") { self.key = key }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let name = try reader.nextField(&fields, declared: "Key") {
      if name.equals("Key") { key = try reader.readText() } else { try reader.skip() }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(1)
    writer.field("Key", text: key)
  }
}

/// What the members said to an operation with their keys.
public struct AgentKeys: Hashable, Sendable {
  /// Each key in base64, and how many members have it; empty unless the keys were listed.
  public var keys: [String: Int]
  /// Each key that is the primary one of a member, and of how many; empty unless the keys were listed, and with agents other than ours.
  public var primaryKeys: [String: Int]
  /// What members said besides: why they could not do it, or a remark. With our agents also who did not answer.
  public var messages: [String: String]
  /// How many members could not do it.
  public var errors: Int
  /// How many members were asked.
  public var nodes: Int
  /// How many of them answered.
  public var answers: Int

  /// A result with these parts.
  public init(
    keys: [String: Int] = [:], primaryKeys: [String: Int] = [:], messages: [String: String] = [:], errors: Int = 0, nodes: Int = 0,
    answers: Int = 0
  ) {
    self.keys = keys
    self.primaryKeys = primaryKeys
    self.messages = messages
    self.errors = errors
    self.nodes = nodes
    self.answers = answers
  }
}

extension AgentKeys: RPCBody {
  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let name = try reader.nextField(&fields, declared: "Messages Keys NumNodes NumErr NumResp") {
      if name.equals("Keys") {
        keys = try Self.counts(&reader)
      } else if name.equals("PrimaryKeys") {
        primaryKeys = try Self.counts(&reader)
      } else if name.equals("Messages") {
        messages = try reader.readTextMap()
      } else if name.equals("NumErr") {
        errors = Int(try reader.readInteger() as Int32)
      } else if name.equals("NumNodes") {
        nodes = Int(try reader.readInteger() as Int32)
      } else if name.equals("NumResp") {
        answers = Int(try reader.readInteger() as Int32)
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(primaryKeys.isEmpty ? 5 : 6)
    writer.string("Keys")
    if keys.isEmpty { writer.null() } else { Self.write(keys, to: &writer) }
    writer.field("Messages", map: messages)
    writer.field("NumErr", errors)
    writer.field("NumNodes", nodes)
    writer.field("NumResp", answers)
    guard !primaryKeys.isEmpty else { return }
    writer.string("PrimaryKeys")
    Self.write(primaryKeys, to: &writer)
  }

  private static func counts(_ reader: inout MessagePackReader) throws(WireError) -> [String: Int] {
    var counts: [String: Int] = [:]
    for _ in 0..<(try reader.readMapHeader()) {
      let key = try reader.readText()
      let count: Int32 = try reader.readInteger()
      counts[key] = Int(count)
    }
    return counts
  }

  private static func write(_ counts: [String: Int], to writer: inout MessagePackWriter) {
    writer.map(counts.count)
    for (key, count) in counts.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      writer.string(key)
      writer.integer(count)
    }
  }
}

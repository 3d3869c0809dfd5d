package import SerfWire

/// Which members to list. Each given part is an RE2 pattern that the agent matches as `^pattern$`; a member must match all of them.
public struct MemberFilter: Hashable, Sendable {
  /// A pattern for the name; empty for any.
  public var name: String
  /// A pattern for the status; empty for any.
  public var status: String
  /// A pattern for each of these tags; a tag that a member does not have counts as empty.
  public var tags: [String: String]

  /// A filter with these patterns; without any pattern all members match.
  public init(name: String = "", status: String = "", tags: [String: String] = [:]) {
    self.name = name
    self.status = status
    self.tags = tags
  }
}

extension MemberFilter: RPCBody {
  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Tags Status Name") {
      if key.equals("Name") {
        name = try reader.readText()
      } else if key.equals("Status") {
        status = try reader.readText()
      } else if key.equals("Tags") {
        tags = try reader.readTextMap()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(3)
    writer.field("Name", text: name)
    writer.field("Status", text: status)
    writer.field("Tags", map: tags)
  }
}

public import SerfPrimitives
package import SerfWire

/// A member as the agent lists it.
public struct AgentMember: Hashable, Sendable {
  /// The member's name, verbatim; its description is safe to print.
  public var name: NodeName
  /// The member's address; nil if the agent sent something that is not an IP address.
  public var address: NodeAddress?
  /// Key-value text that the member says about itself.
  public var tags: [String: String]
  /// `alive`, `leaving`, `left`, `failed` or `none`.
  public var status: String
  /// The gossip protocol: the oldest and newest version that the member understands, and the one it speaks.
  public var memberlistVersion: ProtocolVersion
  /// The Serf protocol: the oldest and newest version that the member understands, and the one it speaks.
  public var serfVersion: ProtocolVersion

  /// A range of understood protocol versions and the one in use.
  public struct ProtocolVersion: Hashable, Sendable {
    /// The oldest version understood.
    public var minimum: UInt8
    /// The newest version understood.
    public var maximum: UInt8
    /// The version spoken.
    public var current: UInt8

    /// A range and the version spoken.
    public init(minimum: UInt8, maximum: UInt8, current: UInt8) {
      self.minimum = minimum
      self.maximum = maximum
      self.current = current
    }
  }

  /// A member with these properties. The default versions are those that we speak ourselves.
  public init(
    name: NodeName, address: NodeAddress?, tags: [String: String] = [:], status: String,
    memberlistVersion: ProtocolVersion = ProtocolVersion(minimum: 1, maximum: 5, current: 2),
    serfVersion: ProtocolVersion = ProtocolVersion(minimum: 2, maximum: 5, current: 5)
  ) {
    self.name = name
    self.address = address
    self.tags = tags
    self.status = status
    self.memberlistVersion = memberlistVersion
    self.serfVersion = serfVersion
  }
}

extension AgentMember: RPCBody {
  package init(from reader: inout MessagePackReader) throws(WireError) {
    var member = AgentMember(
      name: "", address: nil, status: "", memberlistVersion: ProtocolVersion(minimum: 0, maximum: 0, current: 0),
      serfVersion: ProtocolVersion(minimum: 0, maximum: 0, current: 0))
    var host: [UInt8] = []
    var port: UInt16 = 0
    let declared: StaticString =
      "Name Addr Port Tags Status ProtocolMin ProtocolMax ProtocolCur DelegateMin DelegateMax DelegateCur"
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: declared) {
      if key.equals("Name") {
        member.name = try reader.readName()
      } else if key.equals("Addr") {
        host = try reader.readData() ?? []
      } else if key.equals("Port") {
        port = try reader.readInteger()
      } else if key.equals("Tags") {
        member.tags = try reader.readTextMap()
      } else if key.equals("Status") {
        member.status = try reader.readText()
      } else if key.equals("ProtocolMin") {
        member.memberlistVersion.minimum = try reader.readInteger()
      } else if key.equals("ProtocolMax") {
        member.memberlistVersion.maximum = try reader.readInteger()
      } else if key.equals("ProtocolCur") {
        member.memberlistVersion.current = try reader.readInteger()
      } else if key.equals("DelegateMin") {
        member.serfVersion.minimum = try reader.readInteger()
      } else if key.equals("DelegateMax") {
        member.serfVersion.maximum = try reader.readInteger()
      } else if key.equals("DelegateCur") {
        member.serfVersion.current = try reader.readInteger()
      } else {
        try reader.skip()
      }
    }
    member.address = NodeAddress(bytes: host, port: port)
    self = member
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(11)
    writer.field("Addr", data: address?.bytes)
    writer.field("DelegateCur", serfVersion.current)
    writer.field("DelegateMax", serfVersion.maximum)
    writer.field("DelegateMin", serfVersion.minimum)
    writer.field("Name", string: name.bytes.span.bytes)
    writer.field("Port", address?.port ?? 0)
    writer.field("ProtocolCur", memberlistVersion.current)
    writer.field("ProtocolMax", memberlistVersion.maximum)
    writer.field("ProtocolMin", memberlistVersion.minimum)
    writer.field("Status", text: status)
    writer.field("Tags", map: tags)
  }
}

/// The body of the answer to `members` and `members-filtered`.
package struct MembersResponse: RPCBody, Hashable {
  package var members: [AgentMember]

  package init(members: [AgentMember] = []) { self.members = members }

  package init(from reader: inout MessagePackReader) throws(WireError) {
    self.init()
    var fields = try reader.readStruct()
    while let key = try reader.nextField(&fields, declared: "Members") {
      if key.equals("Members") {
        members = try reader.readMembers()
      } else {
        try reader.skip()
      }
    }
  }

  package func encode(to writer: inout MessagePackWriter) {
    writer.map(1)
    writer.field("Members", members: members)
  }
}

extension MessagePackReader {
  @_lifetime(self: copy self)
  mutating func readMembers() throws(WireError) -> [AgentMember] {
    var members: [AgentMember] = []
    for _ in 0..<(try readArrayHeader()) { members.append(try AgentMember(from: &self)) }
    return members
  }
}

extension MessagePackWriter {
  mutating func field(_ key: StaticString, members: [AgentMember]) {
    string(key)
    array(members.count)
    for member in members { member.encode(to: &self) }
  }
}

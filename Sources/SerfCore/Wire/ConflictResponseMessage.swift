import Memberlist
package import SerfPrimitives
package import SerfWire

/// The member that a member knows under a name that two nodes claim (message 6).
package struct ConflictResponseMessage: ~Escapable {
  /// Whether the member knows a node with that name; if not, nothing else is stated.
  package private(set) var isKnown: Bool
  package private(set) var name: RawSpan
  /// Nil when the bytes are no address.
  package private(set) var address: NodeAddress?
  package private(set) var tags: TagMap
  /// A ``MemberStatus`` number, as sent.
  package private(set) var status: Int
  package private(set) var versions: SerfMember.Versions

  /// Decodes the map or nil behind the type byte.
  @_lifetime(copy body)
  package init(decoding body: RawSpan) throws(WireError) {
    var reader = MessagePackReader(body)
    name = RawSpan()
    address = nil
    tags = TagMap()
    status = 0
    versions = SerfMember.Versions(
      protocolMinimum: 0, protocolMaximum: 0, protocolCurrent: 0, delegateMinimum: 0, delegateMaximum: 0, delegateCurrent: 0)
    isKnown = !reader.readNil()
    guard isKnown else { return }
    var port: UInt16 = 0
    var fields = try reader.readStruct()
    while let key = try reader.nextField(
      &fields,
      declared:
        "Name Addr Port Tags Status ProtocolMin ProtocolMax ProtocolCur DelegateMin DelegateMax DelegateCur")
    {
      if key.equals("Addr") {
        address = try reader.readAddress()
      } else if key.equals("DelegateCur") {
        versions.delegateCurrent = try reader.readInteger()
      } else if key.equals("DelegateMax") {
        versions.delegateMaximum = try reader.readInteger()
      } else if key.equals("DelegateMin") {
        versions.delegateMinimum = try reader.readInteger()
      } else if key.equals("Name") {
        name = try reader.readString()
      } else if key.equals("Port") {
        port = try reader.readInteger()
      } else if key.equals("ProtocolCur") {
        versions.protocolCurrent = try reader.readInteger()
      } else if key.equals("ProtocolMax") {
        versions.protocolMaximum = try reader.readInteger()
      } else if key.equals("ProtocolMin") {
        versions.protocolMinimum = try reader.readInteger()
      } else if key.equals("Status") {
        status = try reader.readInteger()
      } else if key.equals("Tags") {
        tags = try TagMap(&reader)
      } else {
        try reader.skip()
      }
    }
    address?.port = port
  }

  /// Appends our answer, type byte and map; nil when no node is known.
  package static func encode(_ member: SerfMember?, into bytes: inout [UInt8]) {
    var writer = MessagePackWriter(taking: &bytes)
    writer.raw(SerfMessageType.conflictResponse.rawValue)
    if let member {
      writer.map(11)
      writer.field("Addr", address: member.address)
      writer.field("DelegateCur", member.versions.delegateCurrent)
      writer.field("DelegateMax", member.versions.delegateMaximum)
      writer.field("DelegateMin", member.versions.delegateMinimum)
      writer.field("Name", string: member.name.bytes.span.bytes)
      writer.field("Port", member.address.port)
      writer.field("ProtocolCur", member.versions.protocolCurrent)
      writer.field("ProtocolMax", member.versions.protocolMaximum)
      writer.field("ProtocolMin", member.versions.protocolMinimum)
      writer.field("Status", Int(member.status.rawValue))
      writer.string("Tags")
      TagMap.encode(member.tags, &writer)
    } else {
      writer.null()
    }
    writer.finish(into: &bytes)
  }
}

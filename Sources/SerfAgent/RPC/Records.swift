import Serf
import SerfClient
import SerfPrimitives

extension AgentMember {
  /// A member of the library in the form of the RPC.
  init(_ member: SerfMember) {
    let versions = member.versions
    self.init(
      name: member.name, address: member.address, tags: member.tags, status: member.status.description,
      memberlistVersion: ProtocolVersion(
        minimum: versions.protocolMinimum, maximum: versions.protocolMaximum, current: versions.protocolCurrent),
      serfVersion: ProtocolVersion(
        minimum: versions.delegateMinimum, maximum: versions.delegateMaximum, current: versions.delegateCurrent))
  }
}

extension AgentEvent {
  /// An event of the library in the form of the RPC. A payload of no bytes counts as none, as on the wire. A query gets a number among `queries`, under
  /// which the client may answer it.
  init(_ event: SerfEvent, numbering queries: ClientQueries) {
    switch event {
    case .member(let event): self = .members(event.kind.description, event.members.map(AgentMember.init))
    case .user(let event):
      self = .user(
        UserEvent(
          nameBytes: event.nameBytes, payload: event.payload.isEmpty ? nil : event.payload.bytes, time: event.time,
          coalesce: event.coalesce))
    case .query(let query):
      self = .query(
        Query(
          id: queries.number(for: query), nameBytes: query.nameBytes, payload: query.payload.isEmpty ? nil : query.payload.bytes,
          time: query.id.time))
    }
  }
}

extension AgentKeys {
  /// A result of the library in the form of the RPC.
  init(_ report: KeyReport) {
    self.init(
      keys: report.keys, primaryKeys: report.primaryKeys, messages: [:], errors: report.errors, nodes: report.nodes, answers: report.answers
    )
    for (member, text) in report.messages { messages[readableText(of: member.bytes)] = text }
    // Go's agents say nothing of these; an operator has to know which member it was.
    for member in report.silent { messages[readableText(of: member.bytes)] = "no answer in time" }
  }

  /// What Go's agents say of a text that is not base64; nil if it is.
  static func refusal(of text: String) -> String? {
    let bytes = Array(text.utf8)
    let content = bytes.prefix { $0 != UInt8(ascii: "=") }
    let position = content.firstIndex { !isBase64($0) }
    if let position { return "illegal base64 data at input byte \(position)" }
    let padding = bytes.dropFirst(content.count)
    let isPadded = bytes.count % 4 == 0 && padding.count < 3 && padding.allSatisfy { $0 == UInt8(ascii: "=") }
    return isPadded ? nil : "illegal base64 data at input byte \(content.count)"
  }

  private static func isBase64(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "+"), UInt8(ascii: "/"):
      true
    default: false
    }
  }
}

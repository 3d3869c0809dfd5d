import Serf
import SerfClient

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

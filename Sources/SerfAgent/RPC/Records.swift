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
  /// An event of the library in the form of the RPC. A payload of no bytes counts as none, as on the wire.
  init(_ event: SerfEvent) {
    switch event {
    case .member(let event): self = .members(event.kind.description, event.members.map(AgentMember.init))
    case .user(let event):
      self = .user(
        UserEvent(
          nameBytes: event.nameBytes, payload: event.payload.isEmpty ? nil : event.payload.bytes, time: event.time,
          coalesce: event.coalesce))
    }
  }
}

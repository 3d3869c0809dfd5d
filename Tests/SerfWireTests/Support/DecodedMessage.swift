import SerfPrimitives
import SerfWire
import VectorSupport

/// A message's fields as the vectors name them, and its bytes as we encode them.
struct DecodedMessage {
  var fields: [String: JSON]
  var encoded: [UInt8]
}

func decode(_ type: MessageType, _ body: RawSpan) throws(WireError) -> DecodedMessage? {
  var out: [UInt8] = []
  switch type {
  case .ping:
    let message = try Ping(decoding: body)
    message.encode(into: &out)
    return DecodedMessage(
      fields: [
        "Node": text(message.node), "SeqNo": .integer(Int64(message.sequenceNumber)), "SourceAddr": address(message.source),
        "SourceNode": text(message.sourceNode), "SourcePort": .integer(Int64(message.source?.port ?? 0)),
      ], encoded: out)
  case .indirectPing:
    let message = try IndirectPing(decoding: body)
    message.encode(into: &out)
    return DecodedMessage(
      fields: [
        "Node": text(message.node), "SeqNo": .integer(Int64(message.sequenceNumber)), "SourceAddr": address(message.source),
        "SourceNode": text(message.sourceNode), "SourcePort": .integer(Int64(message.source?.port ?? 0)),
        "Target": address(message.target), "Port": .integer(Int64(message.target?.port ?? 0)), "Nack": .bool(message.wantsNack),
      ], encoded: out)
  case .ack:
    let message = try Ack(decoding: body)
    message.encode(into: &out)
    return DecodedMessage(
      fields: ["Payload": hex(message.payload), "SeqNo": .integer(Int64(message.sequenceNumber))], encoded: out)
  case .nack:
    let message = try Nack(decoding: body)
    message.encode(into: &out)
    return DecodedMessage(fields: ["SeqNo": .integer(Int64(message.sequenceNumber))], encoded: out)
  case .error:
    let message = try ErrorMessage(decoding: body)
    message.encode(into: &out)
    return DecodedMessage(fields: ["Error": text(message.text)], encoded: out)
  case .suspect:
    let message = try Suspect(decoding: body)
    message.encode(into: &out)
    return DecodedMessage(
      fields: [
        "From": text(message.from), "Incarnation": .integer(Int64(message.incarnation)), "Node": text(message.node),
      ], encoded: out)
  case .dead:
    let message = try Dead(decoding: body)
    message.encode(into: &out)
    return DecodedMessage(
      fields: [
        "From": text(message.from), "Incarnation": .integer(Int64(message.incarnation)), "Node": text(message.node),
      ], encoded: out)
  case .alive:
    let message = try Alive(decoding: body)
    message.encode(into: &out)
    return DecodedMessage(
      fields: [
        "Addr": address(message.address), "Incarnation": .integer(Int64(message.incarnation)), "Meta": hex(message.meta),
        "Node": text(message.node), "Port": .integer(Int64(message.address?.port ?? 0)), "Vsn": versions(message.versions),
      ], encoded: out)
  case .user:
    return DecodedMessage(fields: ["payload": hex(body)], encoded: [MessageType.user.rawValue] + [UInt8](copying: body))
  default: return nil
  }
}

private func text(_ span: RawSpan) -> JSON { .string(String(decoding: [UInt8](copying: span), as: UTF8.self)) }
private func hex(_ span: RawSpan?) -> JSON { if let span { .string([UInt8](copying: span).hex) } else { .null } }
private func address(_ address: NodeAddress?) -> JSON { address.map { .string($0.bytes.hex) } ?? .null }
private func versions(_ versions: ProtocolVersions?) -> JSON { versions.map { .string($0.bytes.hex) } ?? .null }

extension ProtocolVersions {
  var bytes: [UInt8] {
    [protocolMinimum, protocolMaximum, protocolCurrent, delegateMinimum, delegateMaximum, delegateCurrent]
  }
}

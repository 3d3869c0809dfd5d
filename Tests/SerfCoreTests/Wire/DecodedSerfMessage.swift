import Memberlist
import SerfCore
import SerfPrimitives
import SerfWire
import VectorSupport

/// A Serf message as the vectors name its fields, all text and bytes in hexadecimal, and its bytes as we encode them.
struct DecodedSerfMessage {
  var fields: JSON
  /// Nil if we never send such a message in the received form.
  var encoded: [UInt8]?
}

func decodeSerfMessage(_ message: RawSpan) throws(WireError) -> DecodedSerfMessage {
  guard message.byteCount > 0, let type = SerfMessageType(rawValue: message[checked: 0]) else { throw .unexpectedType }
  let body = message.extracting(droppingFirst: 1)
  var out: [UInt8] = []
  switch type {
  case .leave:
    let it = try LeaveMessage(decoding: body)
    it.encode(into: &out)
    return DecodedSerfMessage(
      fields: ["LTime": number(it.time), "Node": hex(it.node), "Prune": .bool(it.prunes)], encoded: out)
  case .join:
    let it = try JoinMessage(decoding: body)
    it.encode(into: &out)
    return DecodedSerfMessage(fields: ["LTime": number(it.time), "Node": hex(it.node)], encoded: out)
  case .pushPull:
    return DecodedSerfMessage(fields: try pushPullFields(body))
  case .userEvent:
    let it = try UserEventMessage(decoding: body)
    it.encode(into: &out)
    return DecodedSerfMessage(
      fields: ["CC": .bool(it.coalesce), "LTime": number(it.time), "Name": hex(it.name), "Payload": hex(it.payload)],
      encoded: out)
  case .query:
    let it = try QueryMessage(decoding: body)
    it.encode(into: &out)
    var list = try QueryFilterList(it.filters)
    var filters: [JSON] = []
    while let filter = try list.next() { filters.append(hex(filter)) }
    return DecodedSerfMessage(
      fields: [
        "Addr": hex(it.source), "Filters": filters.isEmpty ? .null : .array(filters), "Flags": number(it.flags.rawValue),
        "ID": number(it.id), "LTime": number(it.time), "Name": hex(it.name), "Payload": hex(it.payload),
        "Port": number(it.source?.port ?? 0), "RelayFactor": number(it.relayFactor), "SourceNode": hex(it.sourceNode),
        "Timeout": number(it.timeoutNanoseconds),
      ], encoded: out)
  case .queryResponse:
    let it = try QueryResponseMessage(decoding: body)
    it.encode(into: &out)
    return DecodedSerfMessage(
      fields: [
        "Flags": number(it.flags), "From": hex(it.from), "ID": number(it.id), "LTime": number(it.time),
        "Payload": hex(it.payload),
      ], encoded: out)
  case .conflictResponse:
    return try conflictResponse(body)
  case .keyRequest:
    let it = try KeyRequestMessage(decoding: body)
    it.encode(into: &out)
    return DecodedSerfMessage(fields: ["Key": hex(it.key)], encoded: out)
  case .keyResponse:
    let it = try KeyResponseMessage(decoding: body)
    var keys: [[UInt8]] = []
    var list = it.keys
    while let key = list.next() { keys.append([UInt8](copying: key)) }
    KeyResponseMessage.encode(
      succeeded: it.succeeded, text: [UInt8](copying: it.text), keys: keys.isEmpty ? nil : keys,
      primaryKey: [UInt8](copying: it.primaryKey), into: &out)
    return DecodedSerfMessage(
      fields: [
        "Keys": keys.isEmpty ? .null : .array(keys.map { .string($0.hex) }), "Message": hex(it.text),
        "PrimaryKey": hex(it.primaryKey), "Result": .bool(it.succeeded),
      ], encoded: out)
  case .nodeMessage:
    let it = try NodeMessage(decoding: body)
    it.encode(into: &out)
    return DecodedSerfMessage(fields: ["Payload": hex(it.payload)], encoded: out)
  case .offer:
    let it = try OfferMessage(decoding: body)
    it.encode(into: &out)
    return DecodedSerfMessage(
      fields: [
        "Digest": it.digest.map { .string($0.bytes.hex) } ?? .null, "Message": hex(it.message), "Origin": hex(it.origin),
        "Size": number(it.size),
      ], encoded: out)
  case .fetch:
    let it = try FetchMessage(decoding: body)
    it.encode(into: &out)
    return DecodedSerfMessage(fields: ["Digest": it.digest.map { .string($0.bytes.hex) } ?? .null], encoded: out)
  case .relay:
    let it = try RelayMessage(decoding: body)
    it.encode(into: &out)
    return DecodedSerfMessage(
      fields: [
        "DestAddr": ["IP": hex(it.destination), "Port": number(it.destination?.port ?? 0), "Zone": hex(it.zone)],
        "DestName": hex(it.destinationName), "message": hex(it.message),
      ], encoded: out)
  }
}

private func pushPullFields(_ body: RawSpan) throws(WireError) -> JSON {
  let it = try SerfPushPull(decoding: body)
  var statuses: [String: JSON] = [:]
  var statusTimes = it.statusTimes
  while let entry = statusTimes.next() { statuses[text(entry.key)] = number(entry.time) }
  var left: [JSON] = []
  var leftMembers = it.leftMembers
  while let name = leftMembers.next() { left.append(hex(name)) }
  var slots: [JSON] = []
  var slotList = it.events
  while var slot = slotList.next() {
    var events: [JSON] = []
    while let event = slot.next() { events.append(["Name": hex(event.name), "Payload": hex(event.payload)]) }
    slots.append(["LTime": number(slot.time), "Events": .array(events)])
  }
  return [
    "EventLTime": number(it.eventTime), "Events": .array(slots), "LTime": number(it.time), "LeftMembers": .array(left),
    "QueryLTime": number(it.queryTime), "StatusLTimes": .object(statuses),
  ]
}

private func conflictResponse(_ body: RawSpan) throws(WireError) -> DecodedSerfMessage {
  let it = try ConflictResponseMessage(decoding: body)
  var out: [UInt8] = []
  guard it.isKnown else {
    ConflictResponseMessage.encode(nil, into: &out)
    return DecodedSerfMessage(fields: .null, encoded: out)
  }
  var tags: [String: String] = [:]
  var map = it.tags
  while let tag = map.next() { tags[text(tag.name)] = text(tag.value) }
  if let address = it.address, let status = UInt8(exactly: it.status).flatMap(MemberStatus.init) {
    let member = SerfMember(
      name: NodeName(bytes: [UInt8](copying: it.name)), address: address, tags: tags, status: status, versions: it.versions)
    ConflictResponseMessage.encode(member, into: &out)
  }
  return DecodedSerfMessage(
    fields: [
      "Addr": hex(it.address), "Name": hex(it.name), "Port": number(it.address?.port ?? 0), "Status": number(it.status),
      "DelegateCur": number(it.versions.delegateCurrent), "DelegateMax": number(it.versions.delegateMaximum),
      "DelegateMin": number(it.versions.delegateMinimum), "ProtocolCur": number(it.versions.protocolCurrent),
      "ProtocolMax": number(it.versions.protocolMaximum), "ProtocolMin": number(it.versions.protocolMinimum),
      "Tags": .object(tags.mapValues { .string(Array($0.utf8).hex) }),
    ], encoded: out)
}

/// Fields as a vector states them, in the form of ``DecodedSerfMessage``: in the vector text is text, and `{"raw": …}` is bytes that are no text.
func inHex(_ value: JSON) -> JSON {
  switch value {
  case .string(let text): .string(Array(text.utf8).hex)
  case .array(let elements): .array(elements.map(inHex))
  case .object(let members) where members.count == 1 && members["raw"] != nil: members["raw"] ?? .null
  case .object(let members): .object(members.mapValues(inHex))
  default: value
  }
}

private func number(_ value: some BinaryInteger) -> JSON { .integer(Int64(value)) }
private func hex(_ span: RawSpan?) -> JSON { if let span { .string([UInt8](copying: span).hex) } else { .null } }
private func hex(_ address: NodeAddress?) -> JSON { address.map { .string($0.bytes.hex) } ?? .null }
private func text(_ span: RawSpan) -> String { String(decoding: [UInt8](copying: span), as: UTF8.self) }

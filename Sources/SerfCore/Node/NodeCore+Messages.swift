import Memberlist
import SerfPrimitives
import SerfWire

/// Serf's own messages, which the gossip layer carries without reading them (`serf.md` section 3).
extension NodeCore {
  mutating func messageReceived(_ slot: PacketSlot, _ exchange: ExchangeID?, from peer: Peer) {
    counters.messagesReceived += 1
    // Copied out of the gossip layer's memory, because handling the message changes that memory.
    var message: [UInt8] = []
    swap(&message, &inbox)
    message.removeAll(keepingCapacity: true)
    message.append(copying: membership.bytes(slot))
    handle(message.span.bytes, exchange, from: peer)
    // A fetch is answered when its turn has come; nothing else is answered.
    if let exchange, message.first != SerfMessageType.fetch.rawValue { membership.endUserExchange(exchange) }
    swap(&message, &inbox)
  }

  private mutating func handle(_ message: RawSpan, _ exchange: ExchangeID?, from peer: Peer) {
    guard message.byteCount > 0 else { return malformed(nil, .empty, from: peer) }
    let byte = message.unsafeLoad(fromByteOffset: 0, as: UInt8.self)
    guard let type = SerfMessageType(rawValue: byte) else {
      counters.messagesUnknown += 1
      return diagnose(.malformed(nil, .unexpectedType, from: peer))
    }
    do {
      // New messages are passed on byte for byte, so that the encodings of other implementations survive.
      if let tier = try handle(type, message, exchange, from: peer) {
        membership.broadcast(message, tier: tier, at: now)
      }
    } catch {
      malformed(type, error, from: peer)
    }
  }

  /// The queue in which the message is passed on; nil when it is not.
  private mutating func handle(
    _ type: SerfMessageType, _ message: RawSpan, _ exchange: ExchangeID?, from peer: Peer
  ) throws(WireError) -> BroadcastTier? {
    // A message that no Go member takes is passed on only to those that do.
    let isLarge = membership.transport.statesPeerFeatures && Self.isLarge(message.byteCount)
    let body = message.extracting(droppingFirst: 1)
    switch type {
    case .leave:
      let message = try LeaveMessage(decoding: body)
      guard witnessMember(message.time, type, from: peer) else { return nil }
      let isNews = intentReceived(
        Intent(.leave, at: message.time), about: membership.nodeName(message.node), prune: message.prunes)
      return isNews ? .intent : nil
    case .join:
      let message = try JoinMessage(decoding: body)
      guard witnessMember(message.time, type, from: peer) else { return nil }
      return intentReceived(Intent(.join, at: message.time), about: membership.nodeName(message.node)) ? .intent : nil
    case .userEvent:
      let message = try UserEventMessage(decoding: body)
      return witnessEvent(message.time, type, from: peer) && eventReceived(message) ? isLarge ? .large : .event : nil
    case .query:
      let message = try QueryMessage(decoding: body)
      return witnessQuery(message.time, type, from: peer) && queryReceived(message) ? isLarge ? .large : .query : nil
    case .queryResponse:
      try responseReceived(body, from: peer)
      return nil
    case .relay:
      try relayReceived(body, from: peer)
      return nil
    case .nodeMessage:
      try nodeMessageReceived(body, isReliable: exchange != nil, from: peer)
      return nil
    case .offer:
      try offerReceived(message, from: peer)
      return nil
    case .fetch:
      try fetchReceived(body, exchange, from: peer)
      return nil
    case .pushPull, .conflictResponse, .keyRequest, .keyResponse:
      // These are not messages by themselves: they are in a push/pull, or in the payload of a query or response.
      throw .unexpectedType
    }
  }

  mutating func malformed(_ type: SerfMessageType?, _ error: WireError, from peer: Peer) {
    counters.messagesMalformed += 1
    diagnose(.malformed(type, error, from: peer))
  }
}

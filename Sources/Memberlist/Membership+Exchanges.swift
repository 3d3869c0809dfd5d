package import SerfPrimitives
import SerfWire

// Reliable exchanges: one request, at most one reply (`memberlist.md` section 2).
extension Membership {
  // MARK: Accepted

  /// A request came on a reliable exchange that a peer opened: one whole message, without label, encryption and compression. It is answered by
  /// `respond`, `finish` or `refuse`. The transport numbers accepted exchanges from 2⁶³ up, so that they never coincide with ours.
  package mutating func exchangeReceived(_ id: ExchangeID, message: RawSpan, from peer: Peer, at now: Instant) {
    lastInput = now
    guard hasStarted else { return outbox.push(.refuse(id, .unexpectedType)) }
    if transport.provesNames { heard(from: peer, at: now) }
    do throws(WireError) {
      guard message.byteCount > 0 else { throw .empty }
      switch MessageType(rawValue: message[checked: 0]) {
      case .ping: reliablePingReceived(id, try Ping(decoding: message.extracting(1..<message.byteCount)), from: peer, at: now)
      case .pushPull: try pushPullReceived(id, message, from: peer, at: now)
      case .user:
        let content = try userMessage(in: message)
        guard content.byteCount > 0 else { return outbox.push(.finish(id)) }
        outbox.push(.userMessage(outbox.copy(content), exchange: id, from: peer))
      default: throw .unexpectedType
      }
    } catch {
      counters.exchangesMalformed += 1
      diagnose(.malformed(nil, error, from: peer))
      outbox.push(.refuse(id, error == .unexpectedType ? .unexpectedType : .malformed(error)))
    }
    flushFinished()
  }

  /// Which member must be speaking in an exchange with `peer`; nil where any peer may. A transport that proves the names of streams only (TLS) is
  /// checked here as well, although its packets prove no name.
  private func provenSender(_ peer: Peer) -> NodeName? { peer.provenName ?? (transport.provesNames ? NodeName(bytes: []) : nil) }

  private mutating func reliablePingReceived(_ id: ExchangeID, _ ping: borrowing Ping, from peer: Peer, at now: Instant) {
    if let sender = provenSender(peer), !ping.sourceNode.isEmpty, !ping.sourceNode.equals(sender.bytes) {
      claimedOtherName(NodeName(bytes: [UInt8](copying: ping.sourceNode)), peer)
      return outbox.push(.refuse(id, .claimedOtherName))
    }
    guard ping.node.isEmpty || ping.node.equals(name.bytes) else {
      pingForOther(ping.node, from: peer)
      return outbox.push(.refuse(id, .wrongNode))
    }
    let start = outbox.begin()
    Ack(sequenceNumber: ping.sequenceNumber, payload: nil).encode(into: &outbox.arena)
    outbox.push(.respond(id, .bytes(outbox.end(start))))
    if let source = ping.source { addressStated(source, by: peer, at: now) }
  }

  private mutating func pushPullReceived(_ id: ExchangeID, _ message: RawSpan, from peer: Peer, at now: Instant) throws(WireError) {
    let examined = try examine(message, sender: provenSender(peer))
    guard examined.holdsSender else {
      claimedOtherName(NodeName(bytes: []), peer)
      return outbox.push(.refuse(id, .claimedOtherName))
    }
    // Unlike memberlist, the answer comes after the check: a refused peer does not get our whole state (hazard 29).
    if let reason = refusal(of: examined) {
      refuseMerge(reason, from: peer)
      return outbox.push(.refuse(id, reason))
    }
    outbox.push(.respond(id, .pushPull(isJoin: examined.isJoin, with: peer.provenName)))
    merge(message, isReply: false, join: nil, from: peer, at: now)
  }

  /// The bytes of the layer above in a user message that came over a stream.
  @_lifetime(copy message)
  private func userMessage(in message: RawSpan) throws(WireError) -> RawSpan {
    var reader = MessagePackReader(message, at: 1)
    let header = try UserMessageHeader(&reader)
    guard header.length >= 0, header.length <= configuration.limits.userStateLength else { throw .tooLarge }
    guard header.length <= reader.remaining else { throw .truncated }
    return message.extracting(reader.offset..<reader.offset + header.length)
  }

  /// Ends an exchange that brought a ``MembershipOutput/userMessage(_:exchange:from:)``: with an answer, or without one.
  package mutating func endUserExchange(_ id: ExchangeID, answer: RawSpan? = nil) {
    guard let answer else { return outbox.push(.finish(id)) }
    let start = outbox.begin()
    UserMessageHeader(length: answer.byteCount).encode(into: &outbox.arena)
    outbox.arena.append(copying: answer)
    outbox.push(.respond(id, .bytes(outbox.end(start))))
  }

  mutating func refuseMerge(_ reason: RefusalReason, from peer: Peer) {
    counters.mergesRefused += 1
    diagnose(.mergeRefused(reason, from: peer))
  }

  // MARK: Our own

  /// Our exchange ended with this reply, which is empty where no reply was due.
  package mutating func exchangeCompleted(_ id: ExchangeID, reply: RawSpan, from peer: Peer, at now: Instant) {
    lastInput = now
    guard let purpose = exchanges.removeValue(forKey: id) else { return }
    if transport.provesNames { heard(from: peer, at: now) }
    switch purpose {
    case .probe(let sequenceNumber):
      probeExchangeEnded(sequenceNumber, isAcked: isAck(reply, sequenceNumber, from: peer))
    case .address(let index, let claim):
      let isProven = peer.provenName == claim.member.name && isAck(reply, nil, from: peer)
      addressAnswered(index, claim, by: isProven ? peer : nil, at: now)
    case .userMessage: userMessageAnswered(id, reply, from: peer)
    case .pushPull:
      let known = table.count
      _ = stateReceived(reply, join: nil, from: peer, at: now)
      if table.count > known { exchangeBroughtMembers(at: now) }
    case .name(let question):
      nameAnswered(question, isIts: reply.byteCount > 0 && isAck(reply, question.number, from: peer), failure: nil, at: now)
    case .join(let join, let target, let address):
      guard isJoining(join) else { break }
      let failure = stateReceived(reply, join: join, target: joinTarget(join, target, address), from: peer, at: now)
      joinAnswered(join, target: target, address, failure: failure, at: now)
    }
    flushFinished()
  }

  /// Our exchange failed.
  package mutating func exchangeFailed(_ id: ExchangeID, reason: ContactFailure, at now: Instant) {
    lastInput = now
    guard let purpose = exchanges.removeValue(forKey: id) else { return }
    switch purpose {
    case .probe(let sequenceNumber): probeExchangeEnded(sequenceNumber, isAcked: false)
    case .address(let index, let claim): addressAnswered(index, claim, by: nil, at: now)
    case .userMessage: outbox.push(.userMessageFinished(id, answer: nil, failure: reason))
    case .pushPull: break
    case .name(let question): nameAnswered(question, isIts: false, failure: reason, at: now)
    case .join(let join, let target, let address):
      if repeatJoin(join, target: target, address, after: reason, at: now) { break }
      joinAnswered(join, target: target, address, failure: .contact(reason), at: now)
    }
    flushFinished()
  }

  private mutating func userMessageAnswered(_ id: ExchangeID, _ reply: RawSpan, from peer: Peer) {
    do throws(WireError) {
      guard reply.byteCount > 0 else { return outbox.push(.userMessageFinished(id, answer: nil, failure: nil)) }
      guard reply[checked: 0] == MessageType.user.rawValue else { throw .unexpectedType }
      outbox.push(.userMessageFinished(id, answer: outbox.copy(try userMessage(in: reply)), failure: nil))
    } catch {
      counters.exchangesMalformed += 1
      diagnose(.malformed(.user, error, from: peer))
      outbox.push(.userMessageFinished(id, answer: nil, failure: .unreadable))
    }
  }

  private mutating func isAck(_ reply: RawSpan, _ sequenceNumber: UInt32?, from peer: Peer) -> Bool {
    do throws(WireError) {
      guard reply.byteCount > 0 else { throw .empty }
      guard reply[checked: 0] == MessageType.ack.rawValue else { throw .unexpectedType }
      let ack = try Ack(decoding: reply.extracting(1..<reply.byteCount))
      return sequenceNumber == nil || ack.sequenceNumber == sequenceNumber
    } catch {
      counters.exchangesMalformed += 1
      diagnose(.malformed(nil, error, from: peer))
      return false
    }
  }

  /// Merges the reply to our push/pull. Returns why not, if it was not merged.
  private mutating func stateReceived(
    _ reply: RawSpan, join: JoinID?, target: JoinTarget? = nil, from peer: Peer, at now: Instant
  ) -> JoinFailure? {
    if isLeaving { return .leaving }
    do throws(WireError) {
      guard reply.byteCount > 0 else { throw .empty }
      if reply[checked: 0] == MessageType.error.rawValue {
        let text = try ErrorMessage(decoding: reply.extracting(1..<reply.byteCount)).text
        return .remote([UInt8](copying: text.byteCount > 256 ? text.extracting(0..<256) : text))
      }
      let proven = provenSender(peer)
      let examined = try examine(reply, sender: proven, target: target)
      // A member is joined only as the live member that it proves to be (`secure-transport.md` 1.4).
      guard join == nil ? examined.holdsSender : examined.holdsLiveSender && proven != name else {
        claimedOtherName(NodeName(bytes: []), peer)
        return .unproven
      }
      // Without proof of names any node can answer, even this node itself, at an address that it did not know to be its own.
      if join != nil, proven == nil, examined.isOurOwn { return .contact(.ourselves) }
      if proven == nil, !examined.holdsLiveTarget { return .contact(.identityMismatch) }
      if let reason = refusal(of: examined) {
        refuseMerge(reason, from: peer)
        return reason == .filtered ? .filtered : reason == .tooLarge ? .malformed(.tooLarge) : .versionMismatch
      }
      merge(reply, isReply: true, join: join, from: peer, at: now)
      if join != nil, let address = examined.unusableAddress { return .unusableAddress(address) }
      return nil
    } catch {
      counters.exchangesMalformed += 1
      diagnose(.malformed(.pushPull, error, from: peer))
      return .malformed(error)
    }
  }
}

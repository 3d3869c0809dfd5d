import Memberlist
import SerfPrimitives

// What a transport does: routes packets and exchanges, and, where names are proven, keeps connections.
extension SimulatedNetwork where Machine: ~Copyable {
  func perform(_ action: SimulatedAction<Machine.Report>, by sender: Int) {
    switch action {
    case .send(let bytes, let destination, let path, let id): send(bytes, to: destination, path, id, by: sender)
    case .open(let id, let destination, let path, let deadline, let bytes):
      open(id, to: destination, path, deadline, bytes, by: sender)
    case .respond(let id, let bytes): answer(id, bytes)
    case .finish(let id): answer(id, [])
    case .refuse(let id): fail(id, .refused)
    case .close(let peer, let reason): if let connection = peer.connection { close(connection, reason: reason, by: sender) }
    case .departed, .report: break
    }
  }

  // MARK: Packets

  private func send(_ bytes: [UInt8], to destination: Destination, _ path: SendPath, _ id: PacketID?, by sender: Int) {
    counters.packets += 1
    counters.bytes += bytes.count
    let route = route(destination, path, by: sender)
    guard case .reached(let receiver, let connection, let delay) = route else {
      counters.unreachable += 1
      if case .failed(let reason) = route, provesNames, let id { events.schedule(.notSent(sender, id, reason), at: now + latency() * 2) }
      return
    }
    if let connection, connections[Int(connection.value)].isStalled { return }
    guard !isBlocked(sender, receiver), !isLost(sender, receiver) else {
      counters.lost += 1
      return
    }
    let peer = peer(sender, connection)
    events.schedule(.packet(receiver, bytes, from: peer), at: now + delay + latency(sender, receiver))
    if random.chance(conditions.duplication) {
      counters.duplicated += 1
      events.schedule(.packet(receiver, bytes, from: peer), at: now + delay + latency(sender, receiver))
    }
  }

  // MARK: Exchanges

  private func open(
    _ id: ExchangeID, to destination: Destination, _ path: SendPath, _ deadline: Instant, _ bytes: [UInt8], by sender: Int
  ) {
    counters.exchanges += 1
    func fail(_ reason: ContactFailure, at time: Instant) {
      counters.exchangesFailed += 1
      events.schedule(.failure(sender, id, reason), at: min(time, deadline))
    }
    switch route(destination, path, by: sender) {
    case .failed(let reason): fail(reason, at: now + latency() * 2)
    case .silent: fail(.deadline, at: deadline)
    case .reached(let receiver, let connection, let delay):
      let isStalled = connection.map { connections[Int($0.value)].isStalled } ?? false
      guard !isStalled, !isBlocked(sender, receiver), !isBlocked(receiver, sender) else { return fail(.deadline, at: deadline) }
      lastExchange += 1
      let accepted = ExchangeID(lastExchange)
      exchanges[accepted] = OpenExchange(
        opener: sender, openerID: id, acceptor: receiver, deadline: deadline, connection: connection)
      // A dial and a request, each of which may be repeated under loss.
      var time = now + delay + latency()
      while isLost(sender, receiver) && time <= deadline { time += .milliseconds(30) }
      events.schedule(.request(receiver, accepted, bytes, from: peer(sender, connection)), at: time)
      events.schedule(.expiry(sender, accepted), at: deadline)
    }
  }

  private func answer(_ id: ExchangeID, _ bytes: [UInt8]) {
    // If the way back is blocked, the exchange waits for its deadline.
    guard let exchange = exchanges[id], !isBlocked(exchange.acceptor, exchange.opener) else { return }
    let time = now + latency()
    guard time < exchange.deadline else { return }
    exchanges[id] = nil
    events.schedule(.reply(exchange.opener, exchange.openerID, bytes, from: peer(exchange.acceptor, exchange.connection)), at: time)
  }

  func fail(_ accepted: ExchangeID, _ reason: ContactFailure) {
    guard let exchange = exchanges.removeValue(forKey: accepted) else { return }
    counters.exchangesFailed += 1
    events.schedule(.failure(exchange.opener, exchange.openerID, reason), at: now + latency())
  }

  // MARK: Routes and connections

  enum Route {
    /// A node, on a connection where the network has connections, after a dial that takes this long.
    case reached(Int, ConnectionID?, Duration)
    case failed(ContactFailure)
    /// Nothing comes back, not even a refusal.
    case silent
  }

  private func route(_ destination: Destination, _ path: SendPath, by sender: Int) -> Route {
    switch destination {
    case .reply(let peer):
      guard provesNames, let id = peer.connection else { return reach(peer.address) { _ in nil } }
      let connection = connections[Int(id.value)]
      guard !connection.isClosed else { return .failed(.broken) }
      let other = connection.ends.0 == sender ? connection.ends.1 : connection.ends.0
      return nodes[other].isDown ? .silent : .reached(other, id, .zero)
    case .member(let name, let address):
      guard provesNames else { return reach(address) { _ in nil } }
      if let warm = warmConnection(sender, address, path) { return warm }
      return reach(address, dialledBy: sender) { $0 == name ? nil : .identityMismatch }
    case .anyMember(let address):
      guard provesNames else { return reach(address) { _ in nil } }
      let own = nodes[sender].machine.name
      return reach(address, dialledBy: sender) { $0 == own ? .ownName : nil }
    }
  }

  /// The node that listens at the address, on a new connection when `dialledBy` names the dialling node. It fails if the name that answers is not
  /// acceptable.
  private func reach(_ address: NodeAddress, dialledBy sender: Int? = nil, _ problem: (NodeName) -> ContactFailure?) -> Route {
    guard let receiver = nodes.lastIndex(where: { !$0.isDown && $0.address.isSameEndpoint(as: address) }) else {
      let isSilent = nodes.last { $0.address.isSameEndpoint(as: address) }?.isSilent ?? false
      return isSilent ? .silent : .failed(.noContact)
    }
    guard let sender, provesNames else { return .reached(receiver, nil, .zero) }
    if isBlocked(sender, receiver) || isBlocked(receiver, sender) { return .silent }
    if let reason = problem(nodes[receiver].machine.name) { return .failed(reason) }
    counters.handshakes += 1
    connections.append(Connection(ends: (sender, receiver), createdAt: now, usedAt: now))
    return .reached(receiver, ConnectionID(UInt64(connections.count - 1)), latency() + latency())
  }

  /// The connection that was used last, if the path allows an old one. A connection whose far end was replaced at its address counts as reset.
  private func warmConnection(_ sender: Int, _ address: NodeAddress, _ path: SendPath) -> Route? {
    var best: Int?
    for index in connections.indices where !connections[index].isClosed {
      let ends = connections[index].ends
      guard ends.0 == sender || ends.1 == sender else { continue }
      let other = ends.0 == sender ? ends.1 : ends.0
      guard nodes[other].address.isSameEndpoint(as: address) else { continue }
      if nodes[other].isDown, nodes.contains(where: { !$0.isDown && $0.address.isSameEndpoint(as: address) }) {
        connections[index].isClosed = true
        continue
      }
      if case .fresh(let since) = path, connections[index].createdAt < since { continue }
      if let best, connections[best].usedAt > connections[index].usedAt { continue }
      best = index
    }
    guard let best else { return nil }
    let ends = connections[best].ends
    let other = ends.0 == sender ? ends.1 : ends.0
    return nodes[other].isDown ? .silent : .reached(other, ConnectionID(UInt64(best)), .zero)
  }

  func peer(_ sender: Int, _ connection: ConnectionID?) -> Peer {
    Peer(address: nodes[sender].address, connection: connection, provenName: provesNames ? nodes[sender].machine.name : nil)
  }

  /// Whether this is the first message that a node gets on a connection: the other node's hello comes with it.
  func greet(_ index: Int, _ node: Int) -> Bool {
    let isFirst = connections[index].ends.0 == node
    let isGreeted = isFirst ? connections[index].greeted.0 : connections[index].greeted.1
    if isFirst { connections[index].greeted.0 = true } else { connections[index].greeted.1 = true }
    return !isGreeted
  }

  func connects(_ index: Int, _ a: Int, _ b: Int) -> Bool { connections[index].ends == (a, b) || connections[index].ends == (b, a) }

  private func close(_ id: ConnectionID, reason: CloseReason?, by closer: Int) {
    let index = Int(id.value)
    guard !connections[index].isClosed else { return }
    connections[index].isClosed = true
    let ends = connections[index].ends
    let other = ends.0 == closer ? ends.1 : ends.0
    events.schedule(.closed(other, peer(closer, id), reason), at: now + latency())
    guard !connections.indices.contains(where: { connects($0, closer, other) && !connections[$0].isClosed }) else { return }
    nodes[closer].machine.setWarm(nodes[other].machine.name, false)
    nodes[other].machine.setWarm(nodes[closer].machine.name, false)
  }
}

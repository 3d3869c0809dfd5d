import NIOCore
import Serf
import SerfPrimitives
import SerfTransport

/// What a transport can do when it has nothing else to do: pairs of ends without nodes, each on a loop of its own, for some seconds.
struct LayerScenario {
  let conditions: Conditions

  /// Handshakes, one after another in each pair. Each proves both names, and the connection is closed at once.
  func handshakes(seconds: Int) async throws -> Findings {
    let done = try await run(HandshakingEnd.self, pairs: 4, messageSize: 1, seconds: seconds)
    return report(
      "handshakes", done,
      line("handshakes", done).adding("handshakes", done.count).adding("handshakes_per_s", done.rate)
        .adding("cpu_ms_per_handshake", 1000 * done.cpuPerUnit))
  }

  /// A request and an answer on a stream of their own, like a push/pull, four at a time.
  func exchanges(seconds: Int, messageSize: Int) async throws -> Findings {
    let done = try await run(ExchangingEnd.self, pairs: 1, messageSize: messageSize, seconds: seconds)
    return report(
      "exchange", done,
      line("exchange", done).adding("message_bytes", messageSize).adding("exchanges", done.count).adding("exchanges_per_s", done.rate)
        .adding("mib_per_s", done.rate * 2 * Double(messageSize) / 1_048_576).adding("cpu_us_per_exchange", 1e6 * done.cpuPerUnit))
  }

  /// Packets that are sent back as they come, 64 at a time, like probes and their acks.
  func datagrams(seconds: Int) async throws -> Findings {
    let done = try await run(SendingEnd.self, pairs: 1, messageSize: SendingEnd.packetSize, seconds: seconds)
    // A packet that came back was sent twice.
    return report(
      "datagrams", done,
      line("datagrams", done).adding("packet_bytes", SendingEnd.packetSize).adding("packets", 2 * done.count)
        .adding("packets_per_s", 2 * done.rate).adding("cpu_us_per_packet", 1e6 * done.cpuPerUnit / 2))
  }

  // MARK: Private parts

  private struct Done {
    var count: Int
    var seconds: Double
    var cpu: Double
    var rate: Double { Double(count) / seconds }
    var cpuPerUnit: Double { cpu / Double(max(1, count)) }
  }

  private func line(_ scenario: String, _ done: Done) -> JSONLine {
    JSONLine().adding("scenario", scenario).adding("impl", "swift-serf").adding("transport", conditions.transport.rawValue)
      .adding("nodes", conditions.nodes).adding("profile", conditions.profile).adding("ok", done.count > 0)
  }

  private func report(_ scenario: String, _ done: Done, _ line: JSONLine) -> Findings {
    line.emit()
    var findings = Findings()
    findings.expect(done.count > 0, orFailed: "\(scenario): not one was done")
    return findings
  }

  private func run(_ type: LayerEnd.Type, pairs: Int, messageSize: Int, seconds: Int) async throws -> Done {
    let factory = try NodeFactory(conditions.transport)
    var working: [BoundEnd] = []
    var answering: [BoundEnd] = []
    for number in 0..<pairs {
      answering.append(try await BoundEnd.bind(LayerEnd.self, "answering-\(number)", by: factory, messageSize: messageSize))
      working.append(try await BoundEnd.bind(type, "working-\(number)", by: factory, messageSize: messageSize))
    }
    for (end, other) in zip(working, answering) { try await end.begin(with: other) }
    // Caches and windows fill first.
    try await Task.sleep(for: .milliseconds(500))
    let before = try await Self.total(working)
    let (cpu, start) = (ProcessUsage.cpuSeconds, ContinuousClock.now)
    try await Task.sleep(for: .seconds(seconds))
    let after = try await Self.total(working)
    let done = Done(count: after - before, seconds: (ContinuousClock.now - start).seconds, cpu: ProcessUsage.cpuSeconds - cpu)
    for end in working + answering { try await end.shutdown() }
    return done
  }

  private static func total(_ ends: [BoundEnd]) async throws -> Int {
    var sum = 0
    for end in ends { sum += try await end.count }
    return sum
  }
}

/// Dials, and dials again as soon as the name is proven.
private final class HandshakingEnd: LayerEnd {
  private var destination: Destination?
  private var stream = StreamID(0)

  override func begin(with destination: Destination, at now: Instant) {
    self.destination = destination
    dial(at: now)
  }

  private func dial(at now: Instant) {
    guard let destination, !isOver else { return }
    stream = stream.next
    layer.open(stream, to: destination, path: .fresh(since: now), deadline: now + .seconds(5), at: now)
  }

  override func streamOpened(_ stream: StreamID, peer: Peer, at now: Instant) {
    count += 1
    layer.reset(stream)
    layer.close(peer, reason: .none, at: now)
    dial(at: now)
  }

  override func streamFailed(_ stream: StreamID, _ reason: ContactFailure, at now: Instant) {
    super.streamFailed(stream, reason, at: now)
    if stream == self.stream { dial(at: now) }
  }
}

/// Keeps four exchanges going.
private final class ExchangingEnd: LayerEnd {
  private var destination: Destination?
  private var last = StreamID(0)

  override func begin(with destination: Destination, at now: Instant) {
    self.destination = destination
    for _ in 0..<4 { exchange(at: now) }
  }

  private func exchange(at now: Instant) {
    guard let destination, !isOver else { return }
    last = last.next
    layer.open(last, to: destination, path: .warm, deadline: now + .seconds(5), at: now)
    write(on: last)
  }

  override func streamReceived(_ stream: StreamID, _ bytes: RawSpan, at now: Instant) {
    guard take(bytes, on: stream) else { return }
    count += 1
    layer.release(stream)
    exchange(at: now)
  }

  override func streamFailed(_ stream: StreamID, _ reason: ContactFailure, at now: Instant) {
    super.streamFailed(stream, reason, at: now)
    exchange(at: now)
  }
}

/// Keeps 64 packets under way.
private final class SendingEnd: LayerEnd {
  static let packetSize = 512
  private static let window = 64
  private var destination: Destination?
  private var underWay = 0
  private var countBefore = 0

  override func begin(with destination: Destination, at now: Instant) {
    self.destination = destination
    send(at: now)
    // Packets may be lost; when none comes back any more, it begins anew.
    let here = NIOLoopBound(self, eventLoop: loop)
    loop.scheduleRepeatedTask(initialDelay: .milliseconds(50), delay: .milliseconds(50)) { task in
      here.value.isOver ? task.cancel() : here.value.restartIfStopped()
    }
  }

  private func restartIfStopped() {
    if count == countBefore {
      underWay = 0
      let now = Instant.now(on: loop)
      send(at: now)
      layer.flush(at: now)
    }
    countBefore = count
  }

  private func send(at now: Instant) {
    guard let destination, !isOver else { return }
    let packet = [UInt8](repeating: 7, count: Self.packetSize)
    while underWay < Self.window {
      underWay += 1
      layer.send(packet.span.bytes, to: destination, path: .warm, id: nil, checksummed: false, at: now)
    }
  }

  override func packetReceived(_ packet: RawSpan, from peer: Peer, at now: Instant) {
    count += 1
    underWay = max(0, underWay - 1)
  }

  override func readComplete(at now: Instant) {
    send(at: now)
    super.readComplete(at: now)
  }
}

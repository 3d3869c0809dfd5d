import SerfPrimitives
import SerfTestSupport
import SerfTransport
import Testing

extension ConformanceTests {
  /// The number that the acceptor gave its first stream.
  private func accepted(_ end: TestEnd) async throws -> StreamID {
    try await end.waits(for: "a stream") { !$0.accepted.isEmpty }
    return try #require(try await end.read { $0.accepted.first?.stream })
  }

  @Test("carries a request, its end, a reply and its end, and names both sides", arguments: Conformer.all)
  func requestAndReply(_ conformer: Conformer) async throws {
    let (a, b) = try await pair(conformer)
    try await a.open(StreamID(2), to: b.destination)
    // Before the stream is open.
    try await a.write(Self.bytes(1000), on: StreamID(2), finish: true)
    let theirs = try await accepted(b)
    try await b.waits(for: "the request and its end") { $0.ended.contains(theirs) }
    #expect(try await b.read { $0.received[theirs] } == Self.bytes(1000))
    try await b.write(Self.bytes(2000, seed: 2), on: theirs, finish: true)
    try await a.waits(for: "the reply and its end") { $0.ended.contains(StreamID(2)) }
    #expect(try await a.read { $0.received[StreamID(2)] } == Self.bytes(2000, seed: 2))
    let proven = conformer.provesStreams
    #expect(try await a.read { $0.opened[StreamID(2)]?.provenName } == (proven ? "b" : nil))
    #expect(try await b.read { $0.accepted[0].peer.provenName } == (proven ? "a" : nil))
    #expect(try await a.read { $0.failed.isEmpty })
    #expect(try await b.read { $0.failed.isEmpty })
    try await end(a, b)
  }

  @Test("carries bytes that are written one by one", arguments: Conformer.all)
  func oneByOne(_ conformer: Conformer) async throws {
    let (a, b) = try await pair(conformer)
    try await a.open(StreamID(2), to: b.destination)
    for byte in Self.bytes(100) { try await a.write([byte], on: StreamID(2)) }
    try await a.write([], on: StreamID(2), finish: true)
    let theirs = try await accepted(b)
    try await b.waits(for: "the end") { $0.ended.contains(theirs) }
    #expect(try await b.read { $0.received[theirs] } == Self.bytes(100))
    try await end(a, b)
  }

  @Test("holds back what is not consumed, both ways, and loses nothing of it", arguments: Conformer.all)
  func backPressure(_ conformer: Conformer) async throws {
    let (a, b) = try await pair(conformer)
    let size = 16 << 20
    let message = Self.bytes(size)
    for end in [a, b] { try await end.read { $0.takes = false } }
    try await a.open(StreamID(2), to: b.destination)
    try await a.write(message, on: StreamID(2), finish: true)
    let theirs = try await accepted(b)
    try await b.write(message, on: theirs, finish: true)
    for (end, stream) in [(a, StreamID(2)), (b, theirs)] {
      // Until no more comes.
      var seen = -1
      try await eventually("a pause") {
        let before = seen
        for _ in 0..<20 { try await end.call { _, _ in } }
        seen = try await end.read { $0.received[stream]?.count ?? 0 }
        return seen > 0 && seen == before
      }
      #expect(seen < 4 << 20, "\(end.name) got \(seen) bytes that it did not take")
      try await end.read { recorder in
        recorder.takes = true
        recorder.call { layer, _ in layer.consumed(recorder.received[stream]?.count ?? 0, on: stream) }
      }
    }
    for (end, stream) in [(a, StreamID(2)), (b, theirs)] {
      try await end.waits(for: "the rest", within: .seconds(60)) { $0.ended.contains(stream) }
      #expect(try await end.read { $0.received[stream] } == message)
    }
    try await end(a, b)
  }

  @Test("tells a reset from an end, whichever side resets", arguments: Conformer.all, [true, false])
  func reset(_ conformer: Conformer, byDialler: Bool) async throws {
    let (a, b) = try await pair(conformer)
    try await a.open(StreamID(2), to: b.destination)
    try await a.write(Self.bytes(100), on: StreamID(2))
    let theirs = try await accepted(b)
    try await b.waits(for: "the bytes") { $0.received[theirs]?.count == 100 }
    let (resetter, itsStream, other, otherStream) = byDialler ? (a, StreamID(2), b, theirs) : (b, theirs, a, StreamID(2))
    try await resetter.call { layer, _ in
      layer.reset(itsStream)
      layer.write([1, 2, 3], on: itsStream, finish: true)
    }
    try await other.waits(for: "the failure") { $0.failed[otherStream] != nil }
    #expect(try await other.read { $0.ended.isEmpty && $0.received[otherStream, default: []].count <= 100 })
    #expect(try await resetter.read { $0.failed.isEmpty && $0.ended.isEmpty })
    try await end(a, b)
  }

  @Test("delivers a reply whole although the acceptor is done before the request is", arguments: Conformer.all)
  func releaseEarly(_ conformer: Conformer) async throws {
    let (a, b) = try await pair(conformer)
    // Enough to be still on its way, but little enough for a moment's draining.
    let request = Self.bytes(600_000)
    try await b.read { $0.takes = false }
    try await a.open(StreamID(2), to: b.destination)
    try await a.write(request, on: StreamID(2))
    let theirs = try await accepted(b)
    try await b.waits(for: "the beginning") { $0.received[theirs, default: []].count > 0 }
    try await b.call { layer, _ in
      layer.write(Self.bytes(5000, seed: 2), on: theirs, finish: true)
      layer.release(theirs)
    }
    try await a.waits(for: "the reply") { $0.received[StreamID(2)]?.count == 5000 }
    #expect(try await a.read { $0.received[StreamID(2)] } == Self.bytes(5000, seed: 2))
    try await a.call { layer, _ in layer.release(StreamID(2)) }
    try await end(a, b)
  }

  @Test("delivers a reply whole to a reader that takes its time, although the acceptor is done at once", arguments: Conformer.all)
  func slowReader(_ conformer: Conformer) async throws {
    let (a, b) = try await pair(conformer)
    let reply = Self.bytes(16 << 20)
    try await a.read { $0.takes = false }
    try await a.open(StreamID(2), to: b.destination)
    try await a.write(Self.bytes(100), on: StreamID(2), finish: true)
    let theirs = try await accepted(b)
    try await b.waits(for: "the request") { $0.received[theirs]?.count == 100 }
    try await b.call { layer, _ in
      layer.write(reply, on: theirs, finish: true)
      layer.release(theirs)
    }
    // This is longer than a released stream is kept for the peer.
    try await Task.sleep(for: .seconds(2))
    try await a.read { recorder in
      recorder.takes = true
      recorder.call { layer, _ in layer.consumed(recorder.received[StreamID(2)]?.count ?? 0, on: StreamID(2)) }
    }
    try await a.waits(for: "the reply and its end") { $0.ended.contains(StreamID(2)) || $0.failed[StreamID(2)] != nil }
    #expect(try await a.read { $0.failed.isEmpty && $0.received[StreamID(2)] == reply })
    try await a.call { layer, _ in layer.release(StreamID(2)) }
    try await end(a, b)
  }

  @Test("reports how much of an answer is sent, also after it was released, and can still give up the rest", arguments: Conformer.all)
  func unreadAnswer(_ conformer: Conformer) async throws {
    let (a, b) = try await pair(conformer)
    let size = 16 << 20
    try await a.read { $0.takes = false }
    for (index, stream) in [StreamID(2), StreamID(4)].enumerated() {
      try await a.open(stream, to: b.destination)
      try await a.write(Self.bytes(100), on: stream, finish: true)
      try await b.waits(for: "the request") { $0.accepted.count == index + 1 && $0.received[$0.accepted[index].stream]?.count == 100 }
      try await b.read { recorder in
        let theirs = recorder.accepted[index].stream
        recorder.call { layer, _ in
          layer.write(Self.bytes(size), on: theirs, finish: true)
          layer.release(theirs)
        }
      }
      try await a.waits(for: "the beginning of the answer") { !$0.received[stream, default: []].isEmpty }
    }
    #expect(try await b.read { recorder in recorder.accepted.allSatisfy { recorder.sent[$0.stream, default: 0] < size } })
    // One is given up, the other read.
    try await b.read { recorder in recorder.call { layer, _ in layer.reset(recorder.accepted[0].stream) } }
    try await a.read { recorder in
      recorder.takes = true
      recorder.call { layer, _ in
        for stream in [StreamID(2), StreamID(4)] { layer.consumed(recorder.received[stream]?.count ?? 0, on: stream) }
      }
    }
    try await a.waits(for: "both ends") { $0.failed[StreamID(2)] != nil && $0.ended.contains(StreamID(4)) }
    #expect(try await a.read { $0.received[StreamID(4)]?.count } == size)
    try await b.waits(for: "word that all of it is out") { $0.sent[$0.accepted[1].stream] == size }
    #expect(try await b.read { $0.sent[$0.accepted[0].stream, default: 0] } < size)
    try await end(a, b)
  }

  @Test("says after a write, not within it, that the peer has reset the connection", arguments: Conformer.all.filter { $0.isPlainTCP })
  func resetUnderWrite(_ conformer: Conformer) async throws {
    let b = try await TestEnd.bind(conformer, "b", on: hub)
    let peer = try BareSocket(to: b.address)
    let theirs = try await accepted(b)
    try await b.call { layer, _ in
      // NIO reads the unread bytes of the socket in the middle of the write.
      peer.send([UInt8](repeating: 1, count: 60_000))
      peer.reset()
      layer.write(Self.bytes(100), on: theirs, finish: true)
    }
    try await b.waits(for: "the failure") { $0.failed[theirs] != nil }
    try await end(b)
  }

  @Test("fails to open in time where no node is, and where none answers", arguments: Conformer.all, [true, false])
  func unreachable(_ conformer: Conformer, isHole: Bool) async throws {
    let (a, b) = try await pair(conformer)
    let hole = try BlackHole()
    let closed = b.address
    try await b.shutdown()
    let start = ContinuousClock.now
    try await a.open(StreamID(2), to: .member("c", isHole ? hole.address : closed), within: .seconds(1))
    try await a.write(Self.bytes(100), on: StreamID(2), finish: true)
    try await a.waits(for: "the failure") { $0.failed[StreamID(2)] != nil }
    #expect(ContinuousClock.now - start < .seconds(2))
    #expect(try await [.noContact, .deadline].contains(a.read { $0.failed[StreamID(2)] }))
    #expect(try await a.read { $0.opened.isEmpty })
    try await end(a)
  }

  @Test("keeps streams apart, and never uses a number twice", arguments: Conformer.all)
  func sideBySide(_ conformer: Conformer) async throws {
    let (a, b) = try await pair(conformer)
    for number in 1...20 as ClosedRange<UInt64> {
      try await a.open(StreamID(2 * number), to: b.destination)
      try await a.write(Self.bytes(20_000, seed: number), on: StreamID(2 * number), finish: true)
    }
    try await b.waits(for: "twenty ends") { $0.ended.count == 20 }
    let received = try await b.read { $0.received }
    #expect(Set(received.values) == Set((1...20).map { Self.bytes(20_000, seed: $0) }))
    let numbers = try await b.read { $0.accepted.map(\.stream.value) }
    #expect(Set(numbers).count == 20 && numbers.allSatisfy { $0 % 2 == 1 })
    try await end(a, b)
  }
}

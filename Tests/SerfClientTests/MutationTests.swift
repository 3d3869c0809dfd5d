import RPCTestSupport
import SerfClient
import SerfPrimitives
import SerfWire
import Testing
import VectorSupport

/// Recorded sessions, damaged at random and read by every decoder of the RPC: an error or a value, never a trap.
@Suite("damaged RPC bytes")
struct MutationTests {
  @Test("5,000 mutations of every kind, from one seed")
  func mutations() throws {
    var random = SeededRandom(seed: 7)
    let sessions = try Transcript.commandLine().flatMap(\.sessions) + Transcript.handMade().flatMap(\.sessions)
    let streams = sessions.flatMap { session in
      [true, false].map { side in session.filter { $0.isFromClient == side }.flatMap(\.bytes).prefix(4096) }
    }.map(Array.init)
    var outcomes = (objects: 0, decoded: 0, refused: 0)
    for _ in 0..<5_000 {
      var bytes = streams[Int(random.next() % UInt64(streams.count))]
      for _ in 0...(random.next() % 3) { mutate(&bytes, &random) }
      var scanner = ObjectScanner(maximumLength: 1 << 16)
      var offset = 0
      do throws(WireError) {
        while offset < bytes.count, let length = try scanner.scan(bytes.span.bytes.extracting(droppingFirst: offset)) {
          outcomes.objects += 1
          decodeEverything(Array(bytes[offset..<offset + length]), &outcomes.decoded)
          offset += length
        }
      } catch {
        outcomes.refused += 1
      }
    }
    // The run is seeded, so the figures change only with the code or the recordings.
    #expect(outcomes.objects > 25_000 && outcomes.decoded > 25_000 && outcomes.refused > 250, "\(outcomes)")
  }

  private func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
    guard !bytes.isEmpty else { return }
    let position = Int(random.next() % UInt64(bytes.count))
    switch random.next() % 6 {
    case 0: bytes[position] = UInt8(truncatingIfNeeded: random.next())
    case 1: bytes[position] ^= 1 << UInt8(random.next() % 8)
    case 2: bytes.removeSubrange(position...)
    case 3: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: position)
    case 4: bytes.replaceSubrange(position..<min(position + 5, bytes.count), with: [0xdd, 0xff, 0xff, 0xff, 0xff])
    default: bytes.replaceSubrange(position..<min(position + 5, bytes.count), with: [0xdb, 0x00, 0x01, 0x00, UInt8(random.next() % 256)])
    }
  }

  /// A decoded value must encode to bytes that decode to the same value again.
  private func decodeEverything(_ object: [UInt8], _ decoded: inout Int) {
    func check<Body: RPCBody & Equatable>(_ type: Body.Type) {
      guard let value = try? Body(decoding: object.span.bytes) else { return }
      decoded += 1
      #expect((try? Body(decoding: value.encoded.span.bytes)) == value, "\(type): \(object.hex)")
    }
    check(RequestHeader.self)
    check(ResponseHeader.self)
    check(HandshakeRequest.self)
    check(AuthRequest.self)
    check(EventRequest.self)
    check(ForceLeaveRequest.self)
    check(JoinRequest.self)
    check(MemberFilter.self)
    check(TagsRequest.self)
    check(StreamRequest.self)
    check(MonitorRequest.self)
    check(StopRequest.self)
    check(JoinResponse.self)
    check(LogRecord.self)
    check(MembersResponse.self)
    check(AgentEvent.self)
    check(AgentStats.self)
    check(QueryRequest.self)
    check(QueryRecord.self)
    check(RespondRequest.self)
    check(CoordinateRequest.self)
    check(CoordinateResponse.self)
    check(KeyRequest.self)
    check(AgentKeys.self)
  }
}

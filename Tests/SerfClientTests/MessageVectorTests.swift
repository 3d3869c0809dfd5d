import RPCTestSupport
import SerfClient
import Testing
import VectorSupport

/// Every object of every recorded session, for the commands that we speak, decoded and encoded again.
@Suite("RPC messages against the recorded sessions")
struct MessageVectorTests {
  @Test("requests and responses of Go's command line are reproduced byte for byte")
  func commandLine() throws {
    var count = Count()
    for transcript in try Transcript.commandLine() {
      for session in transcript.sessions { try check(session, of: transcript.name, exact: true, &count) }
    }
    // There are 71 runs. One answer comes twice.
    #expect(count == Count(requests: 148, responses: 149, records: 274))
  }

  @Test("requests of a hand-made client, fields in any order or missing, are understood; Go's answers are reproduced byte for byte")
  func handMade() throws {
    var count = Count()
    for transcript in try Transcript.handMade() {
      for session in transcript.sessions { try check(session, of: transcript.name, exact: false, &count) }
    }
    #expect(count == Count(requests: 39, responses: 38, records: 6))
  }

  private struct Count: Equatable {
    var requests = 0
    var responses = 0
    var records = 0
  }

  private func check(_ session: [Transcript.Frame], of name: String, exact: Bool, _ count: inout Count) throws {
    var commands: [UInt64: RPCCommand] = [:]
    var requests = try objects(session.filter(\.isFromClient).flatMap(\.bytes))[...]
    while let object = requests.popFirst() {
      let header = try RequestHeader(decoding: object.span.bytes)
      if exact { #expect(header.encoded == object, "\(name)") }
      guard let command = RPCCommand(rawValue: header.command) else { break }
      commands[header.sequence] = command
      count.requests += 1
      if command.hasRequestBody {
        let body = try #require(next(&requests), "\(name): \(command) has no body")
        let again = try reencoded(command, body)
        if exact { #expect(try again == sorted(body), "\(name): \(command)") }
      }
    }
    var responses = try objects(session.filter { !$0.isFromClient }.flatMap(\.bytes))[...]
    var streams: Set<UInt64> = []
    while let object = responses.popFirst() {
      let header = try ResponseHeader(decoding: object.span.bytes)
      #expect(header.encoded == object, "\(name)")
      guard let command = commands[header.sequence] else { break }
      if streams.contains(header.sequence) {
        count.records += 1
        let body = try #require(next(&responses))
        let again =
          switch command {
          case .stream: try AgentEvent(decoding: body.span.bytes).encoded
          case .query: try QueryRecord(decoding: body.span.bytes).encoded
          default: try LogRecord(decoding: body.span.bytes).encoded
          }
        #expect(try again == sorted(body), "\(name): record of \(command)")
        continue
      }
      count.responses += 1
      if header.error.isEmpty, command == .stream || command == .monitor || command == .query { streams.insert(header.sequence) }
      guard command.responseBody != .never, !RPCErrorText.neverHasBody(header.error) else { continue }
      let body = try #require(next(&responses))
      let again =
        switch command {
        case .join: try JoinResponse(decoding: body.span.bytes).encoded
        case .installKey, .useKey, .removeKey, .listKeys: try AgentKeys(decoding: body.span.bytes).encoded
        case .stats: try AgentStats(decoding: body.span.bytes).encoded
        case .getCoordinate: try CoordinateResponse(decoding: body.span.bytes).encoded
        default: try MembersResponse(decoding: body.span.bytes).encoded
        }
      #expect(try again == sorted(body), "\(name): answer to \(command)")
    }
  }

  private func reencoded(_ command: RPCCommand, _ body: [UInt8]) throws -> [UInt8] {
    func again<Body: RPCBody>(_ type: Body.Type) throws -> [UInt8] { try Body(decoding: body.span.bytes).encoded }
    return switch command {
    case .handshake: try again(HandshakeRequest.self)
    case .auth: try again(AuthRequest.self)
    case .event: try again(EventRequest.self)
    case .forceLeave: try again(ForceLeaveRequest.self)
    case .join: try again(JoinRequest.self)
    case .membersFiltered: try again(MemberFilter.self)
    case .tags: try again(TagsRequest.self)
    case .stream: try again(StreamRequest.self)
    case .monitor: try again(MonitorRequest.self)
    case .stop: try again(StopRequest.self)
    case .query: try again(QueryRequest.self)
    case .respond: try again(RespondRequest.self)
    case .getCoordinate: try again(CoordinateRequest.self)
    case .installKey, .useKey, .removeKey: try again(KeyRequest.self)
    case .members, .leave, .stats, .listKeys: []
    }
  }
}

private func next(_ objects: inout ArraySlice<[UInt8]>) -> [UInt8]? { objects.popFirst() }

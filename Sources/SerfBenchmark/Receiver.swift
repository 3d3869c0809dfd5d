import Serf

/// The task of one node's user: writes down each event with the moment at which it came, and answers each query.
final class Receiver: Sendable {
  private let events: SerfSubscription<SerfEvent>

  /// The buffer has room for as many events as a scenario sends, so that what is lost is not lost here; ``dropped`` shows whether that holds.
  init(_ node: SerfNode, bufferLimit: Int, board: DeliveryBoard) {
    let events = node.events(bufferLimit: bufferLimit)
    self.events = events
    let number = board.addReceiver("\(node.name)")
    Task {
      for await event in events {
        let moment = ContinuousClock.now
        switch event {
        case .user(let event):
          if let index = Self.number(in: event.nameBytes) { board.delivered(index, at: number, moment) }
        case .query(let query): try? await node.respond(to: query, with: "ok".utf8)
        case .member(let change):
          for member in change.members {
            switch change.kind {
            case .join: board.memberJoined("\(member.name)", at: number, moment)
            case .failed: board.memberGone("\(member.name)", hasFailed: true, at: number, moment)
            case .leave, .reap: board.memberGone("\(member.name)", hasFailed: false, at: number, moment)
            case .update: break
            }
          }
        }
      }
    }
  }

  /// Events that this receiver was too slow for.
  var dropped: Int { events.dropped }
  func close() { events.cancel() }

  /// The name of the event of this number.
  static func name(_ number: Int) -> String { "bench-\(number)" }

  private static func number(in name: [UInt8]) -> Int? {
    guard name.starts(with: "bench-".utf8), name.count > 6 else { return nil }
    return name.dropFirst(6).reduce(0) { 10 * $0 + Int($1) - 48 }
  }
}

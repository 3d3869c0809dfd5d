import SerfClient
import Synchronization

/// The user events that one agent has handed out, by name.
final class EventWatch: Sendable {
  let agent: Agent
  private let seen = Mutex<[String: Int]>([:])

  /// Watches `agent` from now to its end.
  init(_ agent: Agent) async throws {
    self.agent = agent
    let events = try await agent.client.events("user")
    Task {
      do {
        for try await case .user(let event) in events { self.seen.withLock { $0[event.name, default: 0] += 1 } }
      } catch {
        // The agent has ended; what it saw until then stays.
      }
    }
    // Go's agent registers a stream after it has answered the request, and handles the next command after that.
    _ = try await agent.client.stats()
  }

  /// How often the event of this name arrived.
  func count(_ name: String) -> Int { seen.withLock { $0[name] ?? 0 } }

  /// How often each event arrived, by name.
  var counts: [String: Int] { seen.withLock { $0 } }

  /// Nil if each of `watches` has seen each of `names` once; else the first that has not.
  static func missing(_ names: [String], at watches: [EventWatch]) -> String? {
    for watch in watches {
      for name in names where watch.count(name) != 1 { return "\(watch.agent.label) saw \(name) \(watch.count(name)) times" }
    }
    return nil
  }
}

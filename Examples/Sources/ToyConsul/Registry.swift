import Foundation
import Logging
import Serf

/// An agent's catalogue. It reaches the other agents in two ways: each change at once as a user event, and all of it with each push/pull as the
/// program's state. The event is fast, and may be lost. The state is slower, and brings everything to a member that was not there.
actor Registry {
  private let serf: SerfNode
  private let logger: Logger
  private var catalogue = Catalogue()
  private let changes: AsyncStream<Void>
  private let changed: AsyncStream<Void>.Continuation

  init(_ serf: SerfNode, logger: Logger) {
    (self.serf, self.logger) = (serf, logger)
    // One that waits is enough, because `publish` sends what there is by then.
    (changes, changed) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  // MARK: What this node offers

  /// Registers a service of this node; deregisters it if there is no address.
  func set(_ service: String, to address: String?) async throws {
    // So a change fits into a user event, and a service into a line of the list.
    guard Self.isWord(service, upTo: 64), address.map({ Self.isWord($0, upTo: 128) }) ?? true else {
      throw Refusal(description: "a service has a name of 1 to 64 visible ASCII characters, without spaces, and an address of 1 to 128")
    }
    let node = serf.name.description
    guard address != nil || catalogue.entries[node]?[service]?.address != nil else {
      throw Refusal(description: "\(service) is not registered at \(node)")
    }
    let change = catalogue.change(of: service, at: node, to: address)
    merge(change)
    // A later change of another service must not replace this one.
    try await serf.userEvent(Self.event, payload: JSONEncoder().encode(change), coalesce: false)
  }

  private static func isWord(_ text: String, upTo length: Int) -> Bool {
    (1...length).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  /// The name of the events.
  static let event = "services"

  // MARK: What others say

  /// Merges what came in an event or a state.
  func merge(_ bytes: some Sequence<UInt8>) {
    // What cannot be read is of another program, and changes nothing.
    guard let other = try? JSONDecoder().decode(Catalogue.self, from: Data(bytes)) else { return }
    merge(other)
  }

  private func merge(_ other: Catalogue) { if catalogue.merge(other) { changed.yield() } }

  /// Members have come or gone.
  func membersChanged() { changed.yield() }

  /// Puts each change into the node's state. A member that has left or was reaped takes its services along; another agent that has not heard of that may
  /// send them again, so they are sorted out here and not where they arrive. The same happens to services of a node that is no member yet: they come
  /// again with the next state.
  func publish() async throws {
    for await _ in changes {
      catalogue.keep(only: Set(try await members().map { $0.name.description }))
      do { try await serf.setUserState(JSONEncoder().encode(catalogue)) } catch let error as SerfError where error.code == .tooLarge {
        logger.warning("newcomers get an older catalogue: \(error)")
      }
    }
  }

  // MARK: Questions

  /// The services of all members, those that have failed too.
  func list() async throws -> [Answer.Service] {
    try await members().flatMap { member in
      let services = catalogue.entries[member.name.description, default: [:]].sorted { $0.key < $1.key }
      return services.compactMap { name, entry in
        entry.address.map { Answer.Service(name: name, address: $0, node: member.name.description, status: member.status.description) }
      }
    }
  }

  private func members() async throws -> [SerfMember] { try await serf.members().filter { $0.status != .left } }
}

/// Why a request is not done.
struct Refusal: Error, CustomStringConvertible { let description: String }

import Foundation
import SerfClient
import SerfPrimitives
import Synchronization

/// One life of an agent: a process, and a connection to its RPC. A restart is another `Agent` with the same or almost the same settings.
final class Agent: Sendable {
  /// The implementation whose part it plays. With `--kinds go` Go's program plays both.
  enum Kind: String, Sendable { case go, ours }

  /// How an agent is started.
  struct Settings: Sendable {
    /// What checks and log files call it; the node's name may be long.
    var label: String
    var kind: Kind
    var name: String
    var place: Place
    var tags: [String: String] = [:]
    /// Flags that both kinds know.
    var flags: [String] = []
    /// Flags that only ours knows.
    var ourFlags: [String] = []
    var join: [String] = []
  }

  /// The address at which an agent listens, and the one at which others reach it.
  struct Place: Hashable, Sendable {
    /// The IP address to bind to, without brackets.
    var host: String
    /// The IP address for others, if it differs.
    var reachable: String?
    var port: UInt16

    var bind: String { Self.text(host, port) }
    var reach: String { Self.text(reachable ?? host, port) }

    private static func text(_ host: String, _ port: UInt16) -> String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
  }

  /// Why an agent did not start.
  struct StartError: Error, CustomStringConvertible { let description: String }

  let settings: Settings
  let isGo: Bool
  let rpcAddress: String
  let program: Program
  let client: SerfRPCClient
  /// When its process was started.
  let started: ContinuousClock.Instant
  private let shouldRun = Mutex(true)

  var label: String { settings.label }
  var name: NodeName { NodeName(settings.name) }

  /// Starts it and waits until it runs, which includes that it has joined.
  init(_ settings: Settings, in surroundings: Surroundings, rpcPort: UInt16, log: URL) async throws {
    self.settings = settings
    isGo = surroundings.isGo(settings.kind)
    let rpcAddress = "127.0.0.1:\(rpcPort)"
    self.rpcAddress = rpcAddress
    var arguments = ["agent", "-node", settings.name, "-bind", settings.place.bind, "-rpc-addr", rpcAddress, "-log-level", "debug"]
    if !isGo { arguments += ["-transport", "tcp"] + settings.ourFlags }
    for (key, value) in settings.tags.sorted(by: { $0.key < $1.key }) { arguments += ["-tag", "\(key)=\(value)"] }
    arguments += settings.flags
    for address in settings.join { arguments += ["-join", address] }
    started = .now
    let program = try Program(surroundings.path(settings.kind), arguments, log: log)
    self.program = program
    let (missing, _) = await eventually(within: .seconds(20), every: .milliseconds(20)) {
      program.output.contains("Log data will now stream") || program.status != nil ? nil : "it does not say that it runs"
    }
    guard missing == nil, program.status == nil else {
      await program.stop()
      throw StartError(description: "\(settings.label) did not start: \(missing ?? "it ended")\n\(Self.tail(settings.label, program))")
    }
    client = try await SerfRPCClient.connect(to: rpcAddress)
  }

  // MARK: Commands

  /// Kills it, so that it does not leave first.
  func kill() async {
    shouldRun.withLock { $0 = false }
    await program.stop()
    await client.close()
  }

  /// Lets it leave the cluster, and waits for its end.
  func leave() async throws {
    shouldRun.withLock { $0 = false }
    try await limited(to: .seconds(15)) { try await self.client.leave() }
    let status = await program.ended(within: .seconds(10))
    await client.close()
    guard status == 0 else { throw StartError(description: "\(label) ended with \(status.map { "\($0)" } ?? "nothing") after its leave") }
  }

  // MARK: Observing

  /// Nil while it runs correctly, or why it does not.
  var misfortune: String? {
    guard shouldRun.withLock({ $0 }), let status = program.status else { return nil }
    return "\(label) ended by itself with status \(status)"
  }

  /// The end of its log, with a title.
  var tail: String { Self.tail(label, program) }

  private static func tail(_ label: String, _ program: Program) -> String {
    (["--- \(label): \(program.log.path)"] + program.output.split(separator: "\n").suffix(15)).joined(separator: "\n")
  }
}

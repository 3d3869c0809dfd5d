import Logging
import Serf
import ServiceLifecycle

/// A node of the cluster with its registry, and the socket on which `toyconsul` asks it.
struct Agent: Service {
  private let serf: SerfNode
  private let registry: Registry
  private let states: AsyncStream<[UInt8]>
  private let events: SerfSubscription<UserEvent>
  private let members: SerfSubscription<MemberEvent>
  private let logger = Logger(label: "toyconsul")

  /// The node's name is the one in its certificate. Its snapshot brings it back to the cluster when it is started again.
  init(name: String, bind: String) throws {
    let credentials = try Credentials(files: .init(authorities: "ca.pem", certificate: "\(name).pem", privateKey: "\(name).key"))
    // The timings for agents on one machine: leave it out for those of a network.
    var configuration = SerfConfiguration(profile: .local)
    configuration.snapshot.path = "\(name).snapshot"
    // A change takes more than the usual 512 bytes where names are long, and characters that JSON escapes.
    configuration.userEvents.sizeLimit = 1_024
    // A state that finds sixteen others waiting replaces the oldest: each comes again with a later push/pull.
    let (states, arrived) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingNewest(16))
    configuration.delegate = SerfClosureDelegate().onUserState { state, _, _ in arrived.yield(state) }
    serf = try SerfNode(transport: QuicTransport(credentials, bind: bind), configuration: configuration, logger: logger)
    registry = Registry(serf, logger: logger)
    self.states = states
    // Subscribed before the node starts, so nothing is missed.
    (events, members) = (serf.userEvents(named: Registry.event), serf.memberEvents())
  }

  /// Runs until SIGINT or SIGTERM. Then the socket closes, and the node leaves the cluster.
  func runUntilSignal() async throws {
    try await ServiceGroup(services: [serf, self], gracefulShutdownSignals: [.sigint, .sigterm], logger: logger).run()
  }

  func run() async throws {
    let address = try await serf.localAddress()
    logger.info("\(serf.name) is at \(address)")
    try await cancelWhenGracefulShutdown {
      do {
        try await withThrowingDiscardingTaskGroup { tasks in
          tasks.addTask { for await state in states { await registry.merge(state) } }
          tasks.addTask { for await event in events { await registry.merge(event.payload) } }
          tasks.addTask { for await _ in members { await registry.membersChanged() } }
          tasks.addTask { try await registry.publish() }
          tasks.addTask { try await Socket(of: serf.name.description).serve { await answer($0) } }
        }
      } catch is CancellationError {
        // Told to stop: not an error of this service.
      }
    }
  }

  private func answer(_ request: Request) async -> Answer {
    do {
      switch request {
      case .join(let address): try await serf.join([address])
      case .register(let service, let address): try await registry.set(service, to: address)
      case .deregister(let service): try await registry.set(service, to: nil)
      case .list: return Answer(services: try await registry.list())
      }
      return Answer()
    } catch {
      return Answer(error: "\(error)")
    }
  }
}

import Counting
import Logging
import NIOPosix
import Serf
import ServiceLifecycle

/// Three workers and a watcher in one process, over QUIC on loopback. The leader crashes, the next one goes on, and all leave when the work is done.
///
///     swift run --package-path Examples --scratch-path .build/examples PublicFace
@main
struct PublicFace {
  let authority: CertificateAuthority
  let logger: Logger
  let threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  static func main() async throws {
    var logger = Logger(label: "public-face")
    logger.logLevel = .error
    let face = PublicFace(authority: try CertificateAuthority(), logger: logger)
    try await face.run()
    try await face.threads.shutdownGracefully()
  }

  func run() async throws {
    let first = try worker("n1", seeds: [])
    let seeds = ["\(try await first.localAddress())"]  // Starts the node.
    try await refuseStranger(seeds)

    var watching = SerfConfiguration(name: "watcher", tags: ["role": "watcher"], join: .init(seeds, retry: .forever))
    watching.delegate = SerfClosureDelegate()
      .merging { members in members.allSatisfy { $0.tags["role"] != nil } }
      .onMessage { message, member in print("message of \(member):", String(decoding: message, as: UTF8.self)) }
    let watcher = try SerfNode(
      transport: QuicTransport(credentials(for: "watcher"), bind: "127.0.0.1:0"), configuration: watching, logger: logger)
    var groups = [ServiceGroup(services: [watcher], gracefulShutdownSignals: [.sigint, .sigterm], logger: logger)]
    for name in ["n2", "n3"] {
      let serf = try worker(name, seeds: seeds)
      let jobs = Jobs(serf: serf)
      // At a graceful shutdown the last one stops first: the jobs, and then the node leaves.
      groups.append(ServiceGroup(services: [serf, jobs], gracefulShutdownSignals: [.sigint, .sigterm], logger: logger))
    }
    let (events, snapshots) = (watcher.events(bufferLimit: 4_096), watcher.memberSnapshots())

    try await withThrowingDiscardingTaskGroup { [groups] tasks in
      for services in groups { tasks.addTask { try await services.run() } }
      tasks.addTask {
        // The first worker crashes after its first job, and what it does then ends with an error.
        try? await Jobs(serf: first).run()
      }
      tasks.addTask {
        for await members in snapshots where members["n1"]?.tags["done"] != nil { break }
        await first.shutdown()
      }
      tasks.addTask {
        await printAll(events)
        try await ask(watcher)
        for services in groups { await services.triggerGracefulShutdown() }
      }
    }
  }

  /// Until the jobs are done, or the watcher has stopped.
  private func printAll(_ events: SerfSubscription<SerfEvent>) async {
    for await event in events {
      switch event {
      case .member(let change): print(change.kind, change.members.map { "\($0.name) \($0.tags)" }.joined(separator: ", "))
      case .user(let event):
        print("user-event", event.name, event.payload.string)
        if event.name == "finished" { return }
      case .query(let query): print("query", query.name)
      // Later versions have more kinds of events.
      @unknown default: break
      }
    }
  }

  /// Which worker has done what.
  private func ask(_ node: SerfNode) async throws {
    var options = SerfQuery.Options()
    options.filters = [.tag("role", matching: "^worker$")]
    options.wantsAcks = true
    let answers = try await node.query("progress", options: options)
    for try await answer in answers { print(answer.from, "has done", answer.payload.string) }
    for try await member in answers.acknowledgements { print(member, "has heard the question") }
    let summary = try await answers.summary()
    print("\(summary.answered) of \(summary.asked) workers answered")
  }

  /// A node with a certificate of another authority cannot join.
  private func refuseStranger(_ seeds: [String]) async throws {
    let credentials = try Self.credentials(for: "stranger", from: CertificateAuthority())
    let serf = try SerfNode(transport: QuicTransport(credentials, bind: "127.0.0.1:0"), logger: logger)
    do { try await serf.join(seeds) } catch let error as SerfError where error.code == .joinFailed {
      logger.info("\(error)")
      for attempt in error.attempts {
        switch attempt.reason {
        case .certificateRefused(let whose): print("the stranger was refused at \(attempt.address): \(whose)")
        case .nameInUse: print("choose another name")
        case .noAnswer, .isSelf: print("choose another address than \(attempt.address)")
        default: print(attempt)
        }
      }
    }
    await serf.shutdown()
  }

  // MARK: Making nodes

  private func worker(_ name: String, seeds: [String]) throws -> SerfNode {
    var configuration = SerfConfiguration(profile: .local)  // Its name is the one in the certificate.
    configuration.tags = ["role": "worker"]
    configuration.join = .init(seeds)
    configuration.probe.interval = .milliseconds(200)
    configuration.userEvents.sizeLimit = 1_024
    configuration.allowedNetworks = try AllowedNetworks(parsing: ["127.0.0.0/8"])
    let transport = try CountingTransport(QuicTransport(credentials(for: name), bind: "127.0.0.1:0"))
    return try SerfNode(transport: transport, configuration: configuration, logger: logger, eventLoopGroup: threads)
  }

  private func credentials(for name: String) throws -> Credentials { try Self.credentials(for: name, from: authority) }

  private static func credentials(for name: String, from authority: CertificateAuthority) throws -> Credentials {
    let issued = try authority.issue(node: name)
    return try Credentials(
      pem: .init(authorities: authority.certificatePEM, certificate: issued.certificatePEM, privateKey: issued.privateKeyPEM))
  }
}

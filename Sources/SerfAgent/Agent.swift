import Logging
import Serf
import SerfClient
import SerfPrimitives
package import UnixSignals

/// What `serf agent` runs: a node with an RPC, a log, signals and joins (`agent.md` section 9).
///
/// ``run(_:)`` starts the parts in order, prints the banner, begins to join, and waits for one ``Occasion`` after another until one of them
/// ends the agent.
package struct Agent: Sendable {
  let configuration: AgentConfiguration
  let console: Console
  let log: AgentLog
  let starter: any NodeStarter
  /// Reads the command line again, at a reload.
  let reread: @Sendable () throws(AgentFailure) -> AgentConfiguration

  private let logger: Logger
  private let occasions: AsyncStream<Occasion>
  private let post: AsyncStream<Occasion>.Continuation

  /// How long a graceful leave may take.
  static let grace = Duration.seconds(3)
  /// How long to wait before checking again whether the machine has an address.
  let startPause: Duration

  package init(
    _ configuration: AgentConfiguration, console: Console, starter: any NodeStarter, startPause: Duration = .seconds(1),
    reread: @escaping @Sendable () throws(AgentFailure) -> AgentConfiguration
  ) {
    self.configuration = configuration
    self.console = console
    self.starter = starter
    self.startPause = startPause
    self.reread = reread
    log = AgentLog(console: console, level: configuration.logLevel)
    logger = log.logger("agent")
    (occasions, post) = AsyncStream.makeStream(of: Occasion.self)
  }

  /// Runs until a signal, a leave, or a failure ends the agent; returns the exit status.
  ///
  /// - Throws: ``AgentFailure`` when the agent could not start.
  package func run(_ signals: some AsyncSequence<UnixSignal, Never> & Sendable) async throws(AgentFailure) -> Int32 {
    var configuration = configuration
    for warning in configuration.applyFloors() { console.output(warning) }
    if let warning = configuration.keyringWarning() { console.output(warning) }
    if let warning = configuration.rejoinWarning() { console.output(warning) }
    let (host, port) = try configuration.rpcEndpoint()

    console.output("Starting Serf agent...")
    logger.info("Serf agent starting")
    let signalling = Task { for await signal in signals { post.yield(.signal(signal)) } }
    defer { signalling.cancel() }
    let started: StartedNode
    switch try await start(configuration) {
    case .running(let node): started = node
    case .ended(let status): return status
    }
    let node = started.node

    console.output("Starting Serf agent RPC...")
    let key = configuration.rpcAuth.flatMap { $0.isEmpty ? nil : $0 }
    let context = RPCContext(node: node, log: log, authKey: key) { post.yield(.leftByRPC) }
    let server: RPCServer
    do throws(AgentFailure) {
      server = try await RPCServer.bind(host: host, port: port, context: context)
    } catch {
      await node.shutdown()
      throw error
    }
    Banner(configuration, node: started, rpcAddress: server.address).print(on: console)

    let tasks: [Task<Void, Never>] = [
      Task { await server.run() },
      Task { await logEvents(started.events) },
      Task { post.yield(.nodeStopped(await started.ended())) },
    ]
    defer { for task in tasks { task.cancel() } }

    let outcome: Result<Int32, AgentFailure>
    do throws(AgentFailure) {
      outcome = .success(try await waitForEnd(started, configuration))
    } catch {
      outcome = .failure(error)
    }
    // The lines that are still held back say why a join did not succeed.
    log.release()
    await node.shutdown()
    return try outcome.get()
  }

  // MARK: Starting

  private enum Start {
    case running(StartedNode)
    /// A signal ended the wait.
    case ended(Int32)
  }

  /// Starts the node. With `-retry-join` a machine without an address that others could reach gets time to get one: many machines boot in that state.
  private func start(_ configuration: AgentConfiguration) async throws(AgentFailure) -> Start {
    var isWaiting = false
    while true {
      do throws(AgentFailure) {
        return .running(try await starter.start(configuration, log: log))
      } catch {
        guard error.mayPass, !configuration.retryJoin.isEmpty else { throw error }
        if !isWaiting { console.output("Waiting for an address: \(error.description)") }
        isWaiting = true
      }
      if let status = await waitToStart(configuration) { return .ended(status) }
    }
  }

  /// Nil when it is time to try again; else the exit status.
  private func waitToStart(_ configuration: AgentConfiguration) async -> Int32? {
    let timer = Task { if (try? await Task.sleep(for: startPause)) != nil { post.yield(.startAgain) } }
    defer { timer.cancel() }
    for await occasion in occasions {
      switch occasion {
      case .startAgain: return nil
      case .signal(.sighup): continue
      case .signal(let signal):
        console.output("Caught signal: \(name(of: signal))")
        return isGraceful(signal, configuration) ? 0 : 1
      case .joined, .left, .graceIsOver, .leftByRPC, .retriesExhausted, .nodeStopped: continue
      }
    }
    return 1
  }

  private func name(of signal: UnixSignal) -> String { signal == .sigint ? "interrupt" : "terminated" }

  private func isGraceful(_ signal: UnixSignal, _ configuration: AgentConfiguration) -> Bool {
    signal == .sigint ? !configuration.skipLeaveOnInterrupt : configuration.leaveOnTerminate
  }

  // MARK: Joining

  /// Tries `-join` once, beside the wait for occasions: hosts that do not answer take time, and a signal must not wait for them.
  private func joinAtStart(_ node: any AgentNode, _ configuration: AgentConfiguration) async {
    guard !configuration.join.isEmpty else {
      post.yield(.joined(nil))
      return
    }
    console.output("Joining cluster...(replay: \(configuration.replay))")
    do {
      let count = try await join(node, configuration.join, replay: configuration.replay)
      if count == 0 {
        // This is the first of several machines that share one list; Go does the same.
        console.output("Warning: of the addresses of -join only this agent's own can be reached; it starts alone")
      }
      console.info("Join completed. Synced with \(count) initial agents")
      post.yield(.joined(nil))
    } catch {
      post.yield(.joined(error))
    }
  }

  private func retryJoin(_ node: any AgentNode, _ configuration: AgentConfiguration) async {
    guard !configuration.retryJoin.isEmpty else { return }
    var attempt = 0
    // Many agents may restart at once.
    if let pause = try? await node.firstDialPause(), pause > .zero { try? await Task.sleep(for: pause) }
    while !Task.isCancelled {
      logger.info("Joining cluster...(replay: \(configuration.replay))")
      do {
        let count = try await join(node, configuration.retryJoin, replay: configuration.replay)
        guard count > 0 else {
          throw SerfError(.joinFailed, "of the addresses of -retry-join only this agent's own can be reached")
        }
        logger.info("Join completed. Synced with \(count) initial agents")
        // The cluster may come apart later.
        return await node.keepSeeds(configuration.retryJoin)
      } catch {
        guard !Task.isCancelled else { return }
        attempt += 1
        if configuration.retryMaximum > 0, attempt > configuration.retryMaximum {
          logger.error("maximum retry join attempts made, exiting: \(error)")
          post.yield(.retriesExhausted)
          return
        }
        logger.warning("Join failed: \(error), retrying in \(text(configuration.retryInterval))")
        try? await Task.sleep(for: configuration.retryInterval)
      }
    }
  }

  private func join(_ node: any AgentNode, _ addresses: [String], replay: Bool) async throws -> Int {
    logger.info("joining: [\(addresses.joined(separator: " "))] replay: \(replay)")
    let count = try await node.join(addresses, ignoreOld: !replay)
    logger.info("joined: \(count) nodes")
    return count
  }

  // MARK: Running

  private func logEvents(_ events: any AsyncSequence<SerfEvent, Never> & Sendable) async {
    for await event in events {
      switch event {
      case .member(let event): logger.info("Received event: \(event.kind)")
      case .user(let event): logger.info("Received event: user-event: \(escaped(event.nameBytes))")
      case .query(let query): logger.info("Received event: query: \(escaped(query.nameBytes))")
      }
    }
  }

  private func waitForEnd(_ started: StartedNode, _ initial: AgentConfiguration) async throws(AgentFailure) -> Int32 {
    var configuration = initial
    var isLeaving = false
    var joining = Task { await joinAtStart(started.node, initial) }
    defer { joining.cancel() }
    for await occasion in occasions {
      switch occasion {
      case .joined(let problem?):
        // An agent that is leaving, because of a signal or the RPC, needs no member any more.
        guard !isLeaving, (try? await started.node.localMember())?.status == .alive else { continue }
        let mayPass = (problem as? SerfError)?.mayPass ?? true
        let text = "-join: \(problem)"
        let end = text.hasSuffix("?") ? "" : "."
        throw AgentFailure(mayPass ? text + end + " With -retry-join instead of -join an agent tries until a member answers" : text)
      case .joined(nil):
        guard !isLeaving else { continue }
        console.line("")
        console.output("Log data will now stream in as it occurs:\n")
        log.release()
        joining = Task { await retryJoin(started.node, initial) }
      case .signal(.sighup):
        console.output("Caught signal: hangup")
        configuration = await reload(started, from: configuration)
      case .signal(let signal):
        guard !isLeaving else { return 1 }
        console.output("Caught signal: \(name(of: signal))")
        guard isGraceful(signal, configuration) else { return 1 }
        console.output("Gracefully shutting down agent...")
        isLeaving = true
        joining.cancel()
        beginLeave(started.node)
      case .left(let problem):
        if let problem { console.output("Error: \(problem)") }
        return problem == nil ? 0 : 1
      case .graceIsOver: return 1
      case .leftByRPC: return 0
      case .startAgain: continue
      case .retriesExhausted:
        if !isLeaving { return 1 }
      case .nodeStopped(let problem):
        if let problem { console.output("Error: \(problem)") }
        return problem == nil ? 0 : 1
      }
    }
    return 1
  }

  private func beginLeave(_ node: any AgentNode) {
    Task {
      do {
        try await node.leave()
        post.yield(.left(nil))
      } catch {
        post.yield(.left(flagged("\(error)")))
      }
    }
    Task {
      try? await Task.sleep(for: Self.grace)
      post.yield(.graceIsOver)
    }
  }

  // MARK: Reload

  /// Applies what may change while the agent runs: credentials, log level, tags and the two leave flags. Returns the configuration that is now in
  /// use.
  ///
  /// Tags and level are changed only if the configuration differs from last time, so that a rotation of certificates does not undo what `serf tags`
  /// changed. (Go Serf replaces the tags at every reload.)
  func reload(_ started: StartedNode, from old: AgentConfiguration) async -> AgentConfiguration {
    console.output("Reloading configuration...")
    let new: AgentConfiguration
    do throws(AgentFailure) {
      new = try reread()
    } catch {
      console.output("\(error.description)")
      console.output("Failed to reload configs")
      return old
    }
    if new.logLevel != old.logLevel { log.level = new.logLevel }
    if new.tags != old.tags {
      do {
        try await started.node.setTags(new.tags)
      } catch {
        console.output("Failed to update tags: \(flagged("\(error)"))")
      }
    }
    do throws(AgentFailure) {
      try await started.reloadCredentials(new)
      logger.info("Credentials reloaded")
    } catch {
      logger.error("Credentials not reloaded, the old ones stay in use: \(error.description)")
    }
    var current = old
    current.logLevel = new.logLevel
    current.tags = new.tags
    current.skipLeaveOnInterrupt = new.skipLeaveOnInterrupt
    current.leaveOnTerminate = new.leaveOnTerminate
    return current
  }

  private func text(_ duration: Duration) -> String {
    let (seconds, attoseconds) = duration.components
    return attoseconds == 0 ? "\(seconds)s" : "\(seconds * 1000 + attoseconds / 1_000_000_000_000_000)ms"
  }
}

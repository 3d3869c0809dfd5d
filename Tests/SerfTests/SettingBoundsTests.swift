import MemoryTransport
import Serf
import SerfCore
import SerfPrimitives
import SerfTransport
import Testing

/// What a user can set is checked once, when the node is made, and not in each formula that uses it.
@Suite("A node is not made with a setting that it cannot work with")
struct SettingBoundsTests {
  struct Time: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let path: any WritableKeyPath<SerfConfiguration, Duration> & Sendable
    var isInterval = false
  }

  struct Number: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let path: any WritableKeyPath<SerfConfiguration, Int> & Sendable
  }

  static let times = [
    Time(testDescription: "probe.interval", path: \.probe.interval, isInterval: true),
    Time(testDescription: "probe.timeout", path: \.probe.timeout),
    Time(testDescription: "gossip.interval", path: \.gossip.interval, isInterval: true),
    Time(testDescription: "gossip.deadMemberDuration", path: \.gossip.deadMemberDuration),
    Time(testDescription: "pushPull.interval", path: \.pushPull.interval, isInterval: true),
    Time(testDescription: "pushPull.timeout", path: \.pushPull.timeout),
    Time(testDescription: "leaving.broadcastTimeout", path: \.leaving.broadcastTimeout),
    Time(testDescription: "leaving.propagateDelay", path: \.leaving.propagateDelay),
    Time(testDescription: "reaping.interval", path: \.reaping.interval, isInterval: true),
    Time(testDescription: "reaping.failedTimeout", path: \.reaping.failedTimeout),
    Time(testDescription: "reaping.leftTimeout", path: \.reaping.leftTimeout),
    Time(testDescription: "reaping.intentTimeout", path: \.reaping.intentTimeout),
    Time(testDescription: "reconnecting.interval", path: \.reconnecting.interval, isInterval: true),
    Time(testDescription: "reconnecting.flapTimeout", path: \.reconnecting.flapTimeout),
    Time(testDescription: "coalescing.members.period", path: \.coalescing.members.period),
    Time(testDescription: "coalescing.members.quiescence", path: \.coalescing.members.quiescence),
    Time(testDescription: "coalescing.userEvents.period", path: \.coalescing.userEvents.period),
    Time(testDescription: "coalescing.userEvents.quiescence", path: \.coalescing.userEvents.quiescence),
    Time(testDescription: "queues.checkInterval", path: \.queues.checkInterval, isInterval: true),
    Time(testDescription: "exchanges.acceptedDeadline", path: \.exchanges.acceptedDeadline),
    Time(testDescription: "exchanges.replyDeadline", path: \.exchanges.replyDeadline),
    Time(testDescription: "join.firstPause", path: \.join.firstPause),
    Time(testDescription: "join.longestPause", path: \.join.longestPause),
    Time(testDescription: "deadNodeReclaimTime", path: \.deadNodeReclaimTime),
    Time(testDescription: "metricsInterval", path: \.metricsInterval, isInterval: true),
  ]

  static let numbers = [
    Number(testDescription: "probe.indirectChecks", path: \.probe.indirectChecks),
    Number(testDescription: "probe.awarenessMaximum", path: \.probe.awarenessMaximum),
    Number(testDescription: "suspicion.multiplier", path: \.suspicion.multiplier),
    Number(testDescription: "suspicion.maximumMultiplier", path: \.suspicion.maximumMultiplier),
    Number(testDescription: "gossip.fanout", path: \.gossip.fanout),
    Number(testDescription: "gossip.retransmitMultiplier", path: \.gossip.retransmitMultiplier),
    Number(testDescription: "gossip.coldDials", path: \.gossip.coldDials),
    Number(testDescription: "gossip.forwardedBytesPerSecond", path: \.gossip.forwardedBytesPerSecond),
    Number(testDescription: "userEvents.sizeLimit", path: \.userEvents.sizeLimit),
    Number(testDescription: "userEvents.bufferSize", path: \.userEvents.bufferSize),
    Number(testDescription: "userEvents.eventsPerTime", path: \.userEvents.eventsPerTime),
    Number(testDescription: "userEvents.bytesPerTime", path: \.userEvents.bytesPerTime),
    Number(testDescription: "userEvents.replayLimit", path: \.userEvents.replayLimit),
    Number(testDescription: "queries.bufferSize", path: \.queries.bufferSize),
    Number(testDescription: "queries.idsPerTime", path: \.queries.idsPerTime),
    Number(testDescription: "queries.sizeLimit", path: \.queries.sizeLimit),
    Number(testDescription: "queries.answerSizeLimit", path: \.queries.answerSizeLimit),
    Number(testDescription: "queries.timeoutMultiplier", path: \.queries.timeoutMultiplier),
    Number(testDescription: "queries.answerable", path: \.queries.answerable),
    Number(testDescription: "snapshot.minimumCompactionSize", path: \.snapshot.minimumCompactionSize),
    Number(testDescription: "queues.depthWarning", path: \.queues.depthWarning),
    Number(testDescription: "queues.maximumDepth", path: \.queues.maximumDepth),
    Number(testDescription: "queues.minimumDepth", path: \.queues.minimumDepth),
    Number(testDescription: "coalescing.userEventLimit", path: \.coalescing.userEventLimit),
    Number(testDescription: "coalescing.userEventBytes", path: \.coalescing.userEventBytes),
    Number(testDescription: "userData.stateSizeLimit", path: \.userData.stateSizeLimit),
    Number(testDescription: "userData.messageSizeLimit", path: \.userData.messageSizeLimit),
    Number(testDescription: "userData.messagesInFlight", path: \.userData.messagesInFlight),
    Number(testDescription: "userData.delegateQueueLimit", path: \.userData.delegateQueueLimit),
    Number(testDescription: "userData.delegateQueueBytes", path: \.userData.delegateQueueBytes),
    Number(testDescription: "largeMessages.heldBytes", path: \.largeMessages.heldBytes),
    Number(testDescription: "largeMessages.fetchesInFlight", path: \.largeMessages.fetchesInFlight),
    Number(testDescription: "largeMessages.bytesPerOrigin", path: \.largeMessages.bytesPerOrigin),
    Number(testDescription: "largeMessages.servedBytesPerSecond", path: \.largeMessages.servedBytesPerSecond),
    Number(testDescription: "limits.members", path: \.limits.members),
    Number(testDescription: "limits.newNamesPerPeerPerMinute", path: \.limits.newNamesPerPeerPerMinute),
    Number(testDescription: "limits.nameLength", path: \.limits.nameLength),
    Number(testDescription: "limits.metaLength", path: \.limits.metaLength),
    Number(testDescription: "limits.queuedBroadcasts", path: \.limits.queuedBroadcasts),
    Number(testDescription: "limits.relays", path: \.limits.relays),
    Number(testDescription: "limits.userStateLength", path: \.limits.userStateLength),
    Number(testDescription: "limits.joins", path: \.limits.joins),
    Number(testDescription: "limits.joinExchanges", path: \.limits.joinExchanges),
    Number(testDescription: "limits.probesByDial", path: \.limits.probesByDial),
    Number(testDescription: "limits.urgentProbes", path: \.limits.urgentProbes),
    Number(testDescription: "limits.pushPullsOutOfTurn", path: \.limits.pushPullsOutOfTurn),
    Number(testDescription: "limits.bufferedIntents", path: \.limits.bufferedIntents),
    Number(testDescription: "exchanges.bytesPerExchange", path: \.exchanges.bytesPerExchange),
    Number(testDescription: "exchanges.bytesInProgress", path: \.exchanges.bytesInProgress),
    Number(testDescription: "exchanges.acceptedInProgress", path: \.exchanges.acceptedInProgress),
    Number(testDescription: "exchanges.keptForPings", path: \.exchanges.keptForPings),
  ]

  private func refuses(
    _ setting: String, _ change: (inout SerfConfiguration) -> Void, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var configuration = SerfConfiguration(name: "a")
    change(&configuration)
    let error = #expect(throws: SerfError.self, sourceLocation: sourceLocation) {
      try SerfNode(transport: MemoryHub().transport(), configuration: configuration)
    }
    #expect(error?.code == .configuration, sourceLocation: sourceLocation)
    let isNamed = error?.message.contains("SerfConfiguration.\(setting) must be ")
    #expect(isNamed == true, "\(String(describing: error))", sourceLocation: sourceLocation)
  }

  @Test("a time below zero, or one that lasts for ever; an interval in which no timer would move on", arguments: times)
  func refusesTime(time: Time) {
    let absurd: [Duration] = [.seconds(Int64.max), .seconds(Int64.min), .nanoseconds(-1), SettingBounds.longestTime + .nanoseconds(1)]
    let tooShort: [Duration] = [Duration(secondsComponent: 0, attosecondsComponent: 1), .microseconds(999)]
    for value in absurd + (time.isInterval ? tooShort : []) {
      refuses(time.testDescription) { $0[keyPath: time.path] = value }
    }
  }

  @Test("a number below zero, or one that would overflow", arguments: numbers)
  func refusesNumber(number: Number) {
    for value in [Int.max, Int.min, -1, Int(Int32.max) + 1] { refuses(number.testDescription) { $0[keyPath: number.path] = value } }
  }

  @Test("a factor, a number of chosen members or a buffer above its own limit")
  func ownLimits() {
    refuses("suspicion.multiplier") { $0.suspicion.multiplier = 1_001 }
    refuses("gossip.fanout") { $0.gossip.fanout = 1_001 }
    refuses("userEvents.sizeLimit") { $0.userEvents.sizeLimit = (1 << 20) + 1 }
    refuses("userEvents.bufferSize") { $0.userEvents.bufferSize = 0 }
    refuses("snapshot.path") { $0.snapshot.path = "" }
    refuses("snapshot.path") { $0.snapshot.path = "a\0b" }
    refuses("userData.stateSizeLimit") { $0.userData.stateSizeLimit = (1 << 20) + 1 }
    refuses("userData.messageSizeLimit") { $0.userData.messageSizeLimit = (1 << 20) + 1 }
    refuses("userData.messagesInFlight") { $0.userData.messagesInFlight = 0 }
    refuses("userData.delegateQueueLimit") { $0.userData.delegateQueueLimit = 0 }
    refuses("queries.bufferSize") { $0.queries.bufferSize = (1 << 20) + 1 }
  }

  @Test("and every time and number of a configuration is among those of this suite")
  func complete() {
    let known = Set(Self.times.map(\.testDescription) + Self.numbers.map(\.testDescription))
    func settings(of value: Any, _ prefix: String) -> [String] {
      Mirror(reflecting: value).children.flatMap { child -> [String] in
        guard let label = child.label else { return [] }
        if child.value is Duration || child.value is Int { return [prefix + label] }
        let name = String(reflecting: type(of: child.value))
        let isGroup = name.contains("SerfSettings.") || name.hasSuffix(".ExchangeLimits") || name.hasSuffix("SerfConfiguration.Join")
        return isGroup ? settings(of: child.value, prefix + label + ".") : []
      }
    }
    #expect(Set(settings(of: SerfConfiguration(name: "a"), "")) == known)
  }

  #if QUIC
    @Test("nor started with such a setting of its transport")
    func quic() async throws {
      let authority = try CertificateAuthority()
      let credentials = try EmbeddedCluster.credentials(authority.issue(node: "a"), believing: [authority])
      let changes: [(String, (inout QuicTransport.Settings) -> Void)] = [
        ("initialRoundTrip", { $0.initialRoundTrip = .zero }), ("pooledConnections", { $0.pooledConnections = 0 }),
        ("idleTime.lowerBound", { $0.idleTime = .zero ... .seconds(1) }),
        ("idleTime.upperBound", { $0.idleTime = .seconds(1) ... .seconds(Int64.max) }), ("recheckInterval", { $0.recheckInterval = .zero }),
      ]
      for (setting, change) in changes {
        var settings = QuicTransport.Settings()
        change(&settings)
        let node = try SerfNode(
          transport: QuicTransport(credentials, bind: NodeAddress(ipv4: 127, 0, 0, 1, port: 0), settings: settings))
        let error = await #expect(throws: SerfError.self) { try await node.start() }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains("QuicTransport.Settings.\(setting) must be ") == true, "\(String(describing: error))")
      }
    }
  #endif

  #if QUIC && TLS
    @Test("nor started with more handshakes than can be counted, or none", arguments: [Int.max, 0, -1])
    func tls(handshakes: Int) async throws {
      let authority = try CertificateAuthority()
      var settings = TLSTransport.Settings()
      (settings.handshakesPerSecond, settings.allowsClearPackets) = (handshakes, true)
      let credentials = try EmbeddedCluster.credentials(authority.issue(node: "a"), believing: [authority])
      let bind = NodeAddress(ipv4: 127, 0, 0, 1, port: 0)
      let node = try SerfNode(transport: TLSTransport(credentials, bind: bind, settings: settings))
      let error = await #expect(throws: SerfError.self) { try await node.start() }
      #expect(error?.message.contains("TLSTransport.Settings.handshakesPerSecond must be ") == true, "\(String(describing: error))")
    }
  #endif
}

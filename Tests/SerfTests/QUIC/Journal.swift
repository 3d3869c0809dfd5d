#if QUIC
  import SerfCore
  import SerfPrimitives
  import SerfTestSupport

  /// What the subscribers of a cluster's nodes have seen, kept across reads and, by name, across restarts of a node.
  final class Journal {
    /// The user events of each node, by name, in the order of arrival.
    private(set) var userEvents: [NodeName: [String]] = [:]
    /// The member events of each node: what happened, and to which member.
    private(set) var memberEvents: [NodeName: [(kind: MemberEvent.Kind, name: NodeName)]] = [:]

    /// Reads the waiting events of these nodes.
    func read(_ nodes: [VirtualNode]) async {
      for node in nodes {
        for event in await node.takeEvents() {
          switch event {
          case .user(let event): userEvents[node.name, default: []].append(event.name)
          case .query: break
          case .member(let change):
            memberEvents[node.name, default: []] += change.members.map { (change.kind, $0.name) }
          }
        }
      }
    }

    /// Every member event of one kind, as `observer: member`.
    func all(_ kind: MemberEvent.Kind) -> [String] {
      memberEvents.keys.sorted().flatMap { observer in
        memberEvents[observer, default: []].filter { $0.kind == kind }.map { "\(observer): \($0.name)" }
      }
    }

    /// Lets time pass until these nodes have seen as many events as were sent, and returns how long that took; nil if it took longer than `limit`.
    ///
    /// Gossip reaches nearly all nodes at once. What it missed comes with a push/pull, one every 30 s, with a random partner.
    func settle(_ cluster: EmbeddedCluster, _ names: [NodeName], _ sent: [String], within limit: Duration) async -> Duration? {
      var waited = Duration.zero
      await read(cluster.nodes)
      while !names.allSatisfy({ userEvents[$0, default: []].count >= sent.count }) {
        guard waited < limit else { return nil }
        cluster.network.advance(by: .seconds(1))
        waited += .seconds(1)
        await read(cluster.nodes)
      }
      return waited
    }

    /// Whether each of these nodes has seen exactly these events, each once.
    func haveSeen(_ sent: [String], _ names: [NodeName]) -> Bool {
      names.allSatisfy { userEvents[$0, default: []].sorted() == sent.sorted() }
    }
  }

  /// User events from the nodes of a cluster in turn, numbered, while time passes.
  final class EventStream {
    private(set) var sent: [String] = []
    private let interval: Duration
    private var untilNext = Duration.zero

    init(every interval: Duration) { self.interval = interval }

    /// Lets time pass and sends what is due from the nodes that `senders` names at that moment; ends early once `condition` holds.
    @discardableResult
    func run(
      on network: EmbeddedUDP, for duration: Duration, from senders: () -> [VirtualNode], until condition: () -> Bool = { false }
    ) -> Bool {
      let step = Duration.milliseconds(50)
      var passed = Duration.zero
      while passed < duration {
        if condition() { return true }
        network.advance(by: step)
        passed += step
        untilNext -= step
        while untilNext <= .zero {
          untilNext += interval
          let nodes = senders()
          let name = "event-\(sent.count)"
          nodes[sent.count % nodes.count].userEvent(name, payload: [UInt8](repeating: 7, count: 32))
          sent.append(name)
        }
      }
      return condition()
    }
  }
#endif

/// Three Go agents and three of our agents in one cluster: `go1`…`go3` and `ours1`…`ours3`.
///
/// They are started in mixed order, and each joins through an agent of either kind. The first of each kind has a name of 128 bytes, the second tags
/// of 512 bytes, and the third no tags.
struct Six: Sendable {
  var go: [Agent]
  var ours: [Agent]
  var all: [Agent] { go + ours }

  /// The addresses that the agents are bound to.
  enum Network: Sendable { case ipv4, ipv6, any }

  /// Starts them.
  ///
  /// - Parameters:
  ///   - network: with `any`, the second of each kind is bound to any address, and the others to the namespace's address.
  ///   - adjust: changes settings before an agent is started.
  init(
    on stage: Stage, _ network: Network = .ipv4, adjust: @Sendable (inout Agent.Settings) throws -> Void = { _ in }
  ) async throws {
    func start(_ kind: Agent.Kind, _ number: Int, join other: Agent?) async throws -> Agent {
      var settings = Self.settings(kind, number, stage.place(network, isSecond: number == 2))
      settings.join = other.map { [$0.settings.place.reach] } ?? []
      try adjust(&settings)
      return try await stage.start(settings)
    }
    let go1 = try await start(.go, 1, join: nil)
    let ours1 = try await start(.ours, 1, join: go1)
    let ours2 = try await start(.ours, 2, join: go1)
    let go2 = try await start(.go, 2, join: ours1)
    let go3 = try await start(.go, 3, join: ours2)
    let ours3 = try await start(.ours, 3, join: go2)
    (go, ours) = ([go1, go2, go3], [ours1, ours2, ours3])
  }

  /// Starts them and waits until all list all.
  static func settled(
    on stage: Stage, _ network: Network = .ipv4, adjust: @Sendable (inout Agent.Settings) throws -> Void = { _ in }
  ) async throws -> Six {
    let six = try await Six(on: stage, network, adjust: adjust)
    await stage.check("six alive with their tags at all six", at: six.all) { try await listing(at: six.all, alive: six.all) }
    return six
  }

  /// The other agents, without those that are gone.
  func without(_ gone: [Agent]) -> [Agent] { all.filter { agent in !gone.contains { $0 === agent } } }

  private static func settings(_ kind: Agent.Kind, _ number: Int, _ place: Agent.Place) -> Agent.Settings {
    let label = "\(kind.rawValue)\(number)"
    var settings = Agent.Settings(label: label, kind: kind, name: label, place: place)
    switch number {
    case 1:
      settings.name += "-" + String(repeating: "n", count: 127 - label.utf8.count)
      settings.tags = ["role": "first", "kind": kind.rawValue]
    case 2: settings.tags = fullTags
    default: break
    }
    return settings
  }

  /// Tags whose encoding has 512 bytes, the most that fit: a magic byte and the map's header, then for each tag a key of two bytes and a value with a
  /// header of three.
  private static let fullTags: [String: String] = {
    let values = [200, 200, 512 - 2 - 3 * 5 - 400]
    return Dictionary(uniqueKeysWithValues: values.enumerated().map { ("\($0)", String(repeating: "v", count: $1)) })
  }()
}

extension Stage {
  /// A new place in this network.
  func place(_ network: Six.Network, isSecond: Bool = false) -> Agent.Place {
    switch network {
    case .ipv4: Agent.Place(host: surroundings.address, port: freePort())
    case .ipv6: Agent.Place(host: "::1", port: freePort())
    case .any:
      isSecond
        ? Agent.Place(host: "0.0.0.0", reachable: surroundings.address, port: freePort())
        : Agent.Place(host: surroundings.address, port: freePort())
    }
  }
}

import Memberlist
import SerfCore
import SerfPrimitives
import SerfSimulator
import Testing

@Suite("a cluster")
struct ClusterTests {
  @Test("forms by joins, and all members are told of each other once", arguments: [false, true])
  func join(provesNames: Bool) throws {
    let cluster = SimulatedCluster(provesNames: provesNames)
    let names: [NodeName] = ["a", "b", "c", "d", "e"]
    try cluster.start(joined: names)
    for name in names {
      for other in names { #expect(cluster.history(of: other, on: name) == "join") }
    }
    // The first join intent had time 1, so every clock is past it.
    for name in names { #expect(cluster.statistics(of: name).memberTime > 1) }
  }

  @Test("delivers a user event to every member once, under loss", arguments: [0.0, 0.2])
  func userEvent(loss: Double) throws {
    let cluster = SimulatedCluster(seed: 3)
    let names: [NodeName] = ["a", "b", "c", "d", "e"]
    try cluster.start(joined: names)
    cluster.network.conditions.loss = loss
    try cluster.userEvent("a", "deploy", [1])
    try cluster.userEvent("d", "restart", [2])
    cluster.run(.seconds(40))
    for name in names { #expect(cluster.userEvents(on: name).sorted() == ["deploy", "restart"]) }
    for name in names { #expect(cluster.statistics(of: name).eventQueue == 0) }
  }

  @Test("shows a member that leaves as left", arguments: [false, true])
  func leave(provesNames: Bool) throws {
    let cluster = SimulatedCluster(provesNames: provesNames)
    try cluster.start(joined: ["a", "b", "c"])
    try cluster.leave("c")
    cluster.stop("c")
    cluster.run(.seconds(10))
    for name in ["a", "b"] as [NodeName] {
      #expect(cluster.status(of: "c", on: name) == .left)
      #expect(cluster.history(of: "c", on: name) == "join leave")
      #expect(cluster.statistics(of: name).left == 1)
    }
    #expect(cluster.history(of: "c", on: "c") == "join leave")
  }

  @Test("shows a member that stops with a farewell as left, and one without as failed", arguments: [false, true], [2, 3, 5, 9])
  func farewell(provesNames: Bool, size: Int) throws {
    let cluster = SimulatedCluster(provesNames: provesNames)
    let names = (1...size).map { NodeName("n\($0)") }
    try cluster.start(joined: names)
    cluster.stop(names[1], saysFarewell: true)
    cluster.run(.seconds(20))
    for name in names where name != names[1] { #expect(cluster.history(of: names[1], on: name) == "join leave", "at \(name)") }
    guard size > 2 else { return }
    cluster.stop(names[2])
    cluster.run(.seconds(20))
    for name in [names[0]] + names[3...] { #expect(cluster.history(of: names[2], on: name) == "join failed", "at \(name)") }
  }

  @Test("shows a member that crashes as failed, and forgets it in the end", arguments: [false, true])
  func crash(provesNames: Bool) throws {
    var configuration = SerfCoreConfiguration.brisk
    configuration.reaping.failedTimeout = .seconds(60)
    let cluster = SimulatedCluster(provesNames: provesNames, configuration)
    try cluster.start(joined: ["a", "b", "c"])
    cluster.network.crash(cluster["c"])
    try cluster.require(.seconds(30), "c is failed") {
      cluster.status(of: "c", on: "a") == .failed && cluster.status(of: "c", on: "b") == .failed
    }
    try cluster.require(.seconds(70), "c is forgotten") { cluster.members(on: "a").count == 2 && cluster.members(on: "b").count == 2 }
    for name in ["a", "b"] as [NodeName] { #expect(cluster.history(of: "c", on: name) == "join failed reap") }
  }

  /// What the log promises a member that moved after a crash. It uses `lan`, as agents do.
  @Test("takes a member that moved after a crash within two minutes, by itself", arguments: 1...5 as ClosedRange<UInt64>)
  func movedAfterCrash(seed: UInt64) throws {
    let cluster = SimulatedCluster(seed: seed, .lan)
    try cluster.start(joined: ["a", "b", "c", "d"])
    cluster.network.crash(cluster["d"])
    try cluster.start("d", atNewAddress: true)
    let address = cluster.network.address(of: cluster["d"])
    try cluster.join("d", to: "a")
    try cluster.require(.seconds(120), "d is taken at its new address") {
      (["a", "b", "c"] as [NodeName]).allSatisfy { name in
        cluster.members(on: name).contains { $0.name == "d" && $0.address == address && $0.status == .alive }
      }
    }
  }

  @Test("takes a failed member back by itself when it returns", arguments: [false, true])
  func reconnect(provesNames: Bool) throws {
    let cluster = SimulatedCluster(provesNames: provesNames)
    try cluster.start(joined: ["a", "b"])
    cluster.network.crash(cluster["b"])
    // Longer than the gossip layer still talks to dead members.
    try cluster.require(.seconds(60), "b is failed") { cluster.status(of: "b", on: "a") == .failed }
    cluster.run(.seconds(60))
    try cluster.start("b")
    try cluster.require(.seconds(30), "b is back") {
      cluster.alive(on: "a") == ["a", "b"] && cluster.alive(on: "b") == ["a", "b"]
    }
    #expect(cluster.history(of: "b", on: "a") == "join failed join")
  }

  @Test("heals after a partition that outlasts the gossip to dead members", arguments: [false, true])
  func partition(provesNames: Bool) throws {
    let cluster = SimulatedCluster(seed: 5, provesNames: provesNames)
    let names: [NodeName] = ["a", "b", "c", "d"]
    try cluster.start(joined: names)
    cluster.network.partition([[cluster["a"], cluster["b"]], [cluster["c"], cluster["d"]]])
    cluster.run(.seconds(120))
    #expect(cluster.alive(on: "a") == ["a", "b"])
    cluster.network.heal()
    try cluster.require(.seconds(60), "all see each other again") { names.allSatisfy { cluster.alive(on: $0) == names } }
  }

  @Test("turns a failed member into a left one when an operator says so", arguments: [false, true])
  func forceLeave(prune: Bool) throws {
    let cluster = SimulatedCluster()
    try cluster.start(joined: ["a", "b", "c"])
    cluster.network.crash(cluster["c"])
    try cluster.require(.seconds(30), "c is failed") { cluster.status(of: "c", on: "a") == .failed }
    let request = try cluster.call("a") { (core, request, now) throws(SerfCoreError) in
      try core.forceLeave("c", prune: prune, request: request, at: now)
    }
    try cluster.require(.seconds(10), "a is answered") { cluster.reply("a", request) == .done(isSpread: true) }
    cluster.run(.seconds(20))
    for name in ["a", "b"] as [NodeName] {
      #expect(cluster.status(of: "c", on: name) == (prune ? nil : .left))
      #expect(["join failed leave", "join leave"].map { $0 + (prune ? " reap" : "") }.contains(cluster.history(of: "c", on: name)))
    }
  }

  @Test("keeps a living member that is forced to leave, because it refutes that", arguments: [false, true])
  func forceLeaveAlive(prune: Bool) throws {
    let cluster = SimulatedCluster()
    let names: [NodeName] = ["a", "b", "c"]
    try cluster.start(joined: names)
    try cluster.call("a") { (core, request, now) throws(SerfCoreError) in
      try core.forceLeave("c", prune: prune, request: request, at: now)
    }
    #expect(cluster.status(of: "c", on: "a") == .leaving)
    cluster.run(.seconds(15))
    for name in names { #expect(cluster.alive(on: name) == names) }
  }

  enum End: CaseIterable { case kill, leave }

  @Test(
    "of any size hears of every forced leave: a living member refutes it within seconds, and its end is then shown correctly",
    arguments: [(2, false), (2, true), (3, false), (3, true), (5, false), (5, true)], End.allCases)
  func forceLeaveOfAll(_ size: (count: Int, provesNames: Bool), end: End) throws {
    let cluster = SimulatedCluster(seed: UInt64(size.count), provesNames: size.provesNames)
    let names = (["a", "b", "c", "d", "e"] as [NodeName]).prefix(size.count)
    try cluster.start(joined: Array(names))
    // All other members at once, so that none is left that the caller sees as alive; every second one with prune.
    for (index, name) in names.dropFirst().enumerated() {
      try cluster.call("a") { (core, request, now) throws(SerfCoreError) in
        try core.forceLeave(name, prune: index.isMultiple(of: 2), request: request, at: now)
      }
      #expect(cluster.status(of: name, on: "a") == .leaving)
    }
    try cluster.require(.seconds(5), "all are alive to all") { names.allSatisfy { cluster.alive(on: $0) == Array(names) } }
    cluster.run(.seconds(20))
    for name in names { #expect(cluster.alive(on: name) == Array(names)) }
    switch end {
    case .kill: cluster.network.crash(cluster["b"])
    case .leave:
      try cluster.leave("b")
      cluster.stop("b")
    }
    try cluster.require(.seconds(30), "b is gone") {
      names.allSatisfy { $0 == "b" || cluster.status(of: "b", on: $0) == (end == .kill ? .failed : .left) }
    }
  }

  @Test("of two sees the leave of one that has just forced the other out", arguments: [false, true])
  func leaveAfterForceLeave(provesNames: Bool) throws {
    let cluster = SimulatedCluster(provesNames: provesNames)
    try cluster.start(joined: ["a", "b"])
    try cluster.call("a") { (core, request, now) throws(SerfCoreError) in
      try core.forceLeave("b", prune: false, request: request, at: now)
    }
    try cluster.leave("a")
    cluster.stop("a")
    cluster.run(.seconds(10))
    #expect(cluster.status(of: "a", on: "b") == .left)
    #expect(cluster.history(of: "a", on: "b") == "join leave")
  }

  @Test("lets a member leave and come back, also with another role", arguments: [false, true])
  func rejoin(provesNames: Bool) throws {
    let cluster = SimulatedCluster(provesNames: provesNames)
    try cluster.start(joined: ["a", "b"])
    try cluster.leave("b")
    cluster.stop("b")
    try cluster.require(.seconds(5), "b has left") { cluster.status(of: "b", on: "a") == .left }
    try cluster.start("b", tags: ["role": "bar"])
    try cluster.join("b", to: "a")
    try cluster.require(.seconds(10), "b is alive again") { cluster.alive(on: "a") == ["a", "b"] }
    #expect(cluster.members(on: "a").first { $0.name == "b" }?.tags == ["role": "bar"])
    #expect(cluster.history(of: "b", on: "a") == "join leave join")
  }

  @Test("sees new tags everywhere, with one update each")
  func setTags() throws {
    let cluster = SimulatedCluster()
    let names: [NodeName] = ["a", "b", "c"]
    try cluster.start(joined: names)
    for name in names {
      let request = try cluster.call(name) { (core, request, now) throws(SerfCoreError) in
        try core.setTags(["role": name.description], request: request, at: now)
      }
      try cluster.require(.seconds(10), "the change is spread") { cluster.reply(name, request) == .done(isSpread: true) }
    }
    cluster.run(.seconds(5))
    for name in names {
      for member in cluster.members(on: name) {
        #expect(member.tags == ["role": member.name.description])
        #expect(cluster.history(of: member.name, on: name) == "join update")
      }
    }
  }

  @Test("sees a quick restart with new tags as an update, not as a failure")
  func quickRestart() throws {
    let cluster = SimulatedCluster()
    try cluster.start(joined: ["a", "b"])
    cluster.network.crash(cluster["b"])
    try cluster.start("b", tags: ["role": "new"])
    try cluster.join("b", to: "a")
    cluster.run(.seconds(10))
    #expect(cluster.members(on: "a").first { $0.name == "b" }?.tags == ["role": "new"])
    #expect(cluster.history(of: "b", on: "a") == "join update")
  }

  @Test("replays events to a late joiner, unless it wants no old ones", arguments: [false, true])
  func replay(ignoreOld: Bool) throws {
    let cluster = SimulatedCluster()
    try cluster.start(joined: ["a", "b"])
    for event in ["one", "two", "three"] { try cluster.userEvent("a", event) }
    cluster.run(.seconds(10))
    try cluster.start("late")
    try cluster.join("late", to: "b", ignoreOld: ignoreOld)
    cluster.run(.seconds(40))
    #expect(cluster.userEvents(on: "late") == (ignoreOld ? [] : ["one", "two", "three"]))
    try cluster.userEvent("b", "four")
    cluster.run(.seconds(5))
    #expect(cluster.userEvents(on: "late").last == "four")
    #expect(cluster.userEvents(on: "a") == ["one", "two", "three", "four"])
  }

  @Test("carries an event that fits no packet by push/pull")
  func largeEvent() throws {
    var configuration = SerfCoreConfiguration.brisk
    configuration.userEvents.sizeLimit = 9_216
    let cluster = SimulatedCluster(configuration)
    try cluster.start(joined: ["a", "b"])
    try cluster.userEvent("a", "large", [UInt8](repeating: 7, count: 3_000))
    try cluster.require(.seconds(60), "the event arrives") { cluster.userEvents(on: "b") == ["large"] }
  }

  @Test("comes to rest after two leaves of one member that arrive in any order")
  func noEndlessRebroadcast() throws {
    let cluster = SimulatedCluster(seed: 9)
    let names: [NodeName] = ["a", "b", "c", "d"]
    try cluster.start(joined: names)
    // Two leave intents about d, of different times, arrive at different members while d cannot answer.
    cluster.network.crash(cluster["d"])
    try cluster.require(.seconds(30), "d is failed") { ["a", "b", "c"].allSatisfy { cluster.status(of: "d", on: $0) == .failed } }
    for name in ["a", "b", "c"] as [NodeName] {
      try cluster.call(name) { (core, request, now) throws(SerfCoreError) in
        try core.forceLeave("d", prune: false, request: request, at: now)
      }
    }
    cluster.run(.seconds(20))
    for name in ["a", "b", "c"] as [NodeName] {
      #expect(cluster.status(of: "d", on: name) == .left)
      #expect(cluster.statistics(of: name).intentQueue == 0)
    }
    try cluster.start("d")
    try cluster.join("d", to: "a")
    try cluster.require(.seconds(20), "d is back") { names.allSatisfy { cluster.alive(on: $0) == names } }
    try cluster.leave("d")
    cluster.stop("d")
    cluster.run(.seconds(20))
    for name in ["a", "b", "c"] as [NodeName] {
      #expect(cluster.history(of: "d", on: name).hasSuffix("leave join leave"))
      #expect(cluster.statistics(of: name).intentQueue == 0)
    }
  }

  @Test("is a function of its seed")
  func deterministic() throws {
    func fingerprint() throws -> UInt64 {
      let cluster = SimulatedCluster(seed: 11)
      try cluster.start(joined: ["a", "b", "c", "d"])
      cluster.network.conditions.loss = 0.1
      for index in 0..<20 { try cluster.userEvent("a", "e" + String(index)) }
      cluster.network.crash(cluster["d"])
      cluster.run(.seconds(60))
      return cluster.network.fingerprint
    }
    #expect(try fingerprint() == fingerprint())
  }
}

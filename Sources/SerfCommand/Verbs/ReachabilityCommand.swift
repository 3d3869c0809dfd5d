import ArgumentParser
import SerfClient
package import SerfPrimitives

/// `serf reachability`: whether every living member hears a query and its ack comes back.
struct ReachabilityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reachability", abstract: "Test network reachability", usage: "serf reachability [options]",
    discussion: "The test takes as long as a query waits for answers: 3.2 seconds for up to nine members in a local network.")

  @Flag(help: "Also print each ack, and how long the last one took.") var verbose = false
  @Option(help: "text, or json at the end.") var format = OutputFormat.text
  @OptionGroup var rpc: RPCOptions

  func run() async throws {
    let say: @Sendable (String) -> Void = { [format] in if format == .text { Terminal.output($0) } }
    let clock = ContinuousClock()
    let result = try await rpc.withClient("testing the reachability") { [verbose] client in
      let members = try await client.members()
      let live = members.filter { $0.status == "alive" }.map(\.name)
      say("Total members: \(members.count), live members: \(live.count)\nStarting reachability test...")
      var result = ReachabilityResult(members: members.count, live: live)
      let start = clock.now
      for try await reply in try await client.query("_serf_ping") {
        guard case .acknowledgement(let member) = reply else { continue }
        let isNew = result.acknowledged(by: member, after: clock.now - start)
        if !isNew { say("Duplicate response from '\(member)'") } else if verbose { say("\tAck from '\(member)'") }
      }
      if verbose { say("Query time: \(seconds(clock.now - start)) sec, time to last response: \(seconds(result.lastAck)) sec") }
      return result
    }
    Terminal.output(format == .json ? result.json.text : result.text)
    guard result.isGood else { throw CommandFailure(result.problem) }
  }
}

private func seconds(_ duration: Duration) -> String {
  let hundredths = (duration / .milliseconds(10)).rounded()
  let (whole, rest) = Int(hundredths).quotientAndRemainder(dividingBy: 100)
  return "\(whole)." + (rest < 10 ? "0" : "") + "\(rest)"
}

/// Who acknowledged, compared with who is alive.
package struct ReachabilityResult: Sendable {
  let members: Int
  let live: [NodeName]
  private(set) var acks: Set<NodeName> = []
  private(set) var hasDuplicates = false
  private(set) var lastAck = Duration.zero

  package init(members: Int, live: [NodeName]) {
    self.members = members
    self.live = live
  }

  /// False if this member has acknowledged already.
  package mutating func acknowledged(by member: NodeName, after time: Duration) -> Bool {
    guard acks.insert(member).inserted else {
      hasDuplicates = true
      return false
    }
    lastAck = time
    return true
  }

  var missing: [NodeName] { live.filter { !acks.contains($0) }.sorted() }
  var unexpected: [NodeName] { acks.subtracting(live).sorted() }
  package var isGood: Bool { missing.isEmpty && unexpected.isEmpty && !hasDuplicates }

  /// The verdict, as Go Serf words it (`agent.md` section 6).
  package var text: String {
    var lines: [String] = []
    if !missing.isEmpty {
      lines.append("Received less acks than live nodes! Missing acks from:")
      lines += missing.map { "\t\($0)" }
      lines.append("This could mean Serf gossip packets are being lost due to a misconfiguration or network issue.")
    }
    if !unexpected.isEmpty {
      lines.append("Received more acks than live nodes! Acks from non-live nodes:")
      lines += unexpected.map { "\t\($0)" }
      lines.append("This could mean Serf is detecting false-failures due to a misconfiguration or network issue.")
    }
    if hasDuplicates {
      lines.append("Duplicate responses means there is a misconfiguration. Verify that node names are unique.")
    }
    guard !isGood else { return "Successfully contacted all live nodes" }
    return (lines + ["", "Troubleshooting tips:"] + Self.tips.map { "* \($0)" }).joined(separator: "\n")
  }

  package var problem: String {
    "\(missing.count) of \(live.count) live members did not answer, \(unexpected.count) answered that count as not alive"
      + (hasDuplicates ? ", and one name answered twice" : "")
  }

  package var json: OrderedJSON {
    func names(_ names: [NodeName]) -> OrderedJSON { .array(names.map { .string($0.description) }) }
    return .object([
      ("members", .number(members)), ("live", .number(live.count)), ("acks", names(acks.sorted())), ("missing", names(missing)),
      ("unexpected", names(unexpected)), ("duplicates", .bool(hasDuplicates)), ("reachable", .bool(isGood)),
    ])
  }

  private static let tips = [
    "Check that the bind address and port of each member can be reached from all other members",
    "If a member advertises another address, check that it leads to the bind address",
    "Check that no member is behind a NAT without a port forward",
    "If members are behind firewalls, check that they let Serf's packets pass (UDP; with a TCP transport also TCP)",
    "Check the network equipment between the members",
  ]
}

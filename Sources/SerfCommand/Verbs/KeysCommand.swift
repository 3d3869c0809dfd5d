import ArgumentParser
import SerfClient
import SerfPrimitives
import SerfTransport

/// `serf keys`: the keys that encrypt the cluster's traffic.
struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Manipulate the internal encryption keyring used by Serf", usage: "serf keys [options]",
    discussion: """
      Asks all members. To change a key without losing a member: install the new one, use it, then remove the old one, and take each step only after \
      the one before it has succeeded at all members.
      """)

  @Option(help: "A key in base64 to add to the keyrings of all members; 'serf keygen' makes one.") var install: String?
  @Option(help: "A key in base64 that becomes the primary one, with which all members encrypt; it must be installed.") var use: String?
  @Option(help: "A key in base64 to take out of the keyrings; the primary one stays.") var remove: String?
  @Flag(help: "List the keys, and how many members have each.") var list = false
  @Option(help: "text or json.") var format = OutputFormat.text
  @OptionGroup var rpc: RPCOptions

  func run() async throws {
    let changes = [install.map { (Step.install, $0) }, use.map { (Step.use, $0) }, remove.map { (Step.remove, $0) }].compactMap { $0 }
    guard changes.count + (list ? 1 : 0) > 0 else {
      throw CommandFailure("nothing to do; write -list, -install KEY, -use KEY or -remove KEY")
    }
    guard changes.count + (list ? 1 : 0) == 1 else { throw CommandFailure("only one of -install, -use, -remove, or -list allowed") }
    let (step, key) = changes.first ?? (.list, "")
    if step != .list {
      do { _ = try SecretKey(base64: key) } catch { throw CommandFailure("-\(step.rawValue): \(error)") }
    }
    if format == .text { Terminal.output("==> \(step.start)") }
    let (keys, problem) = try await rpc.withClient(step.action) { client async throws -> (AgentKeys, String?) in
      do { return (try await step.run(key, client), nil) } catch SerfRPCError.keysRefused(let text, let keys) { return (keys, text) }
    }
    report(step, keys, problem)
    if let problem { throw CommandFailure("\(step.action) failed: \(problem)") }
  }

  private func report(_ step: Step, _ keys: AgentKeys, _ problem: String?) {
    guard format == .text else { return Terminal.output(Self.json(keys).text) }
    if problem == nil { Terminal.output("==> \(step.end)") }
    let rows = keys.messages.sorted { $0.key < $1.key }.map { [problem == nil ? "note:" : "failed:", escaped($0.key), escaped($0.value)] }
    if !rows.isEmpty { Terminal.output(Columns.text(rows)) }
    // Also what some members have is worth knowing.
    guard step == .list, problem == nil || !keys.keys.isEmpty else { return }
    Terminal.output("\n" + Self.rows(keys.keys, of: keys.nodes))
    // Members with another primary key have missed a step. Only our agents say so.
    guard keys.primaryKeys.count > 1 else { return }
    Terminal.output("\nMembers encrypt with different primary keys:\n" + Self.rows(keys.primaryKeys, of: keys.nodes))
  }

  private static func rows(_ counts: [String: Int], of nodes: Int) -> String {
    Columns.text(counts.sorted { $0.key < $1.key }.map { [escaped($0.key), "[\($0.value)/\(nodes)]"] })
  }

  static func json(_ keys: AgentKeys) -> OrderedJSON {
    func counts(_ counts: [String: Int]) -> OrderedJSON { .object(counts.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) }) }
    return .object([
      ("keys", counts(keys.keys)), ("primary_keys", counts(keys.primaryKeys)), ("messages", .map(keys.messages)),
      ("nodes", .number(keys.nodes)), ("answers", .number(keys.answers)), ("errors", .number(keys.errors)),
    ])
  }

  private enum Step: String {
    case install, use, remove, list

    func run(_ key: String, _ client: SerfRPCClient) async throws -> AgentKeys {
      switch self {
      case .install: try await client.installKey(key)
      case .use: try await client.useKey(key)
      case .remove: try await client.removeKey(key)
      case .list: try await client.listKeys()
      }
    }

    var start: String {
      switch self {
      case .install: "Installing key on all members..."
      case .use: "Changing primary key on all members..."
      case .remove: "Removing key on all members..."
      case .list: "Asking all members for installed keys..."
      }
    }

    var end: String {
      switch self {
      case .install: "Successfully installed key!"
      case .use: "Successfully changed primary key!"
      case .remove: "Successfully removed key!"
      case .list: "Keys gathered, listing cluster keys..."
      }
    }

    /// What is tried, for messages.
    var action: String {
      switch self {
      case .install: "installing the key"
      case .use: "changing the primary key"
      case .remove: "removing the key"
      case .list: "gathering the members' keys"
      }
    }
  }
}

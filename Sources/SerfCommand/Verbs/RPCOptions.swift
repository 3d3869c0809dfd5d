import ArgumentParser
import SerfClient

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The flags of every verb that asks a running agent.
struct RPCOptions: ParsableArguments {
  @Option(help: "The agent's RPC address. Default: $SERF_RPC_ADDR, else 127.0.0.1:7373.")
  var rpcAddr: String?

  @Option(help: "The agent's RPC key. Default: $SERF_RPC_AUTH, else none.")
  var rpcAuth: String?

  @Option(help: "How long to wait for the agent's answer, such as 10s. Commands that wait for other members, such as leave, get longer.")
  var rpcTimeout = GoDuration(.seconds(10))

  /// Connects, runs `body` and closes. `action` names what was tried, for the message.
  func withClient<Result: Sendable>(
    _ action: String, _ body: (SerfRPCClient) async throws -> Result
  ) async throws(CommandFailure) -> Result {
    guard rpcTimeout.duration > .zero else { throw CommandFailure("-rpc-timeout must be more than 0") }
    let address = rpcAddr ?? environment("SERF_RPC_ADDR") ?? SerfRPCClient.defaultAddress
    do {
      let client = try await SerfRPCClient.connect(
        to: address, authKey: rpcAuth ?? environment("SERF_RPC_AUTH"), timeout: rpcTimeout.duration)
      do {
        let result = try await body(client)
        await client.close()
        return result
      } catch {
        await client.close()
        throw error
      }
    } catch {
      guard let error = error as? SerfRPCError else { throw CommandFailure("\(action) failed: \(oneLine("\(error)"))") }
      throw CommandFailure(error, while: action, address: address)
    }
  }
}

/// A variable of the environment; nil if it is unset or empty.
func environment(_ name: String) -> String? {
  guard let value = unsafe getenv(name) else { return nil }
  let text = unsafe String(cString: value)
  return text.isEmpty ? nil : text
}

extension CommandFailure {
  /// One line for an error of the agent's RPC: what was tried, the cause, the next step.
  init(_ error: SerfRPCError, while action: String, address: String) {
    switch error {
    case .unreachable(let address, let reason):
      self.init(
        "cannot reach an agent at \(printable(address)): \(reason); start one with 'serf agent', or name its address with -rpc-addr")
    case .refused("Authentication required"):
      self.init("\(action) failed: the agent requires its RPC key; give it with -rpc-auth or SERF_RPC_AUTH")
    case .refused("Invalid authentication token"):
      self.init("\(action) failed: the agent does not accept this RPC key; correct -rpc-auth or SERF_RPC_AUTH")
    case .refused(let text), .keysRefused(let text, _): self.init("\(action) failed: \(oneLine(text))")
    case .closed: self.init("\(action) failed: the agent closed the connection; its log says why")
    case .malformed(let what):
      self.init("\(action) failed: the program at the RPC address is not a Serf agent (\(what)); correct -rpc-addr")
    case .timedOut(let time):
      self.init(
        "\(action) failed: the agent at \(printable(address)) did not answer within \(shortText(time)); it may be stopped, or busy. Look at "
          + "its process, or wait longer with -rpc-timeout")
    case .cancelled: self.init("\(action) was cancelled")
    }
  }
}

/// How `-format` may be given.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case text, json
}

/// A `key=value` of a flag; the value may contain further `=`.
struct TagArgument: ExpressibleByArgument {
  let key: String
  let value: String

  init?(argument: String) {
    guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else { return nil }
    key = String(argument[..<equals])
    value = String(argument[argument.index(after: equals)...])
  }
}

extension [TagArgument] {
  /// The last of repeated keys wins.
  var map: [String: String] { reduce(into: [:]) { $0[$1.key] = $1.value } }
}

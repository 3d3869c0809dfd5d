import CResolv
import NIOPosix
public import SerfPrimitives

/// Asks the system (`getaddrinfo`): the hosts file, DNS with its search list, and other sources that `nsswitch.conf` names.
///
/// It gives all answers, IPv6 and IPv4, in the system's order (RFC 6724), each once, at most 64. The look-up blocks, so it runs on one of 32 threads.
/// `/etc/resolv.conf` decides how long it may take.
public struct SystemResolver: AddressResolver {
  /// The system's resolver.
  public init() {}

  public func resolve(_ host: String, port: UInt16) async throws -> [NodeAddress] {
    try checkName(host)
    let outcome = await onThreadPool { lookUp(capacity: answerLimit) { cr_system(host, $0, $1) } }
    guard case .success(let found) = outcome else { throw ResolutionError(outcome.failure, host: host, what: "addresses") }
    return distinct(found.map { NodeAddress($0, port: port) })
  }
}

/// The most addresses that a look-up gives; no single host has more.
let answerLimit = 64

/// C reads the name only up to a zero byte, so control characters are refused; DNS names have at most 253 characters.
func checkName(_ host: String) throws(ResolutionError) {
  guard !host.isEmpty, host.utf8.count <= 253, !host.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else {
    throw ResolutionError(.badName, host: host, "\(host.debugDescription) is not the name of a host")
  }
}

/// Addresses without repetitions, in order.
func distinct(_ addresses: [NodeAddress]) -> [NodeAddress] {
  var seen: Set<NodeAddress> = []
  return addresses.filter { seen.insert($0.canonical).inserted }
}

/// A C look-up's answers, or why there are none.
enum LookUp<Answer: Sendable>: Sendable {
  case success([Answer])
  case failure(cr_result)

  var failure: cr_result { if case .failure(let result) = self { result } else { CR_OK } }
  var answers: [Answer] { if case .success(let answers) = self { answers } else { [] } }
}

/// Runs a look-up on a thread that it may block. If its task is cancelled before its turn, the look-up is not made.
func onThreadPool<Answer: Sendable>(_ body: @escaping @Sendable () -> LookUp<Answer>) async -> LookUp<Answer> {
  // It throws when the task was cancelled; the pool is never shut down.
  (try? await lookUpThreads.runIfActive(body)) ?? .failure(CR_TRY_AGAIN)
}

/// NIO's own pool has as many threads as there are processors, and a name server that does not answer keeps one for ten seconds: two such names would
/// delay every other look-up of the process.
private let lookUpThreads: NIOThreadPool = {
  let pool = NIOThreadPool(numberOfThreads: 32)
  pool.start()
  return pool
}()

/// Calls a C look-up with room for `capacity` answers.
func lookUp<Answer: BitwiseCopyable>(
  capacity: Int, _ body: (UnsafeMutablePointer<Answer>?, UnsafeMutablePointer<Int>) -> cr_result
) -> LookUp<Answer> {
  var result = CR_FAILED
  let answers = [Answer](unsafeUninitializedCapacity: capacity) { buffer, count in
    count = buffer.count
    result = body(buffer.baseAddress, &count)
  }
  return result == CR_OK ? .success(answers) : .failure(result)
}

extension NodeAddress {
  init(_ address: cr_address, port: UInt16) {
    self.init(high: address.high, low: address.low, byteCount: address.length, port: port, zone: address.zone)
  }
}

import Logging
import NIOCore
import NIOPosix
import SerfCore
import SerfIdentity
import SerfPrimitives
import SerfTransport

/// Does with this node's keyring what members ask for, one operation after the other (`serf.md` section 10).
///
/// ```
///  operation ──▶ the new list of keys ──▶ keyring file, beside the loop ──durable──▶ ring ──▶ answer
///                        │                        └──failed──▶ answer with the reason; the ring is as it was
///                        └──not allowed──▶ answer with the reason
/// ```
/// The ring is the transport's, and is live. Confined to the node's event loop.
final class KeyKeeper {
  private let layer: any StreamLayer
  private let file: String?
  private let loop: any EventLoop
  private let logger: Logger
  private var waiting = DrainQueue<Order>()
  private var isWriting = false

  private struct Order {
    var operation: KeyOperation
    var member: NodeName
    var done: (KeyAnswer) -> Void
  }

  init(layer: any StreamLayer, file: String?, on loop: any EventLoop, logger: Logger) {
    self.layer = layer
    self.file = file
    self.loop = loop
    self.logger = logger
  }

  /// `done` gets the answer for `member`, which asked.
  func perform(_ operation: KeyOperation, of member: NodeName, _ done: @escaping (KeyAnswer) -> Void) {
    waiting.append(Order(operation: operation, member: member, done: done))
    work()
  }

  private func work() {
    while !isWriting, let order = waiting.popFirst() { perform(order) }
  }

  private func perform(_ order: Order) {
    let ring: Keyring
    switch layer.keyring {
    case .shared(let shared): ring = shared
    case .none(let reason): return order.done(.refused(RingChange.refusal(of: order.operation.kind, because: reason)))
    }
    let (keys, generation) = ring.snapshot
    if order.operation.kind == .list {
      let texts = keys.map { Array($0.base64.utf8) }
      return order.done(KeyAnswer(succeeded: true, keys: texts, primaryKey: texts.first ?? []))
    }
    let changed: [SecretKey]
    do throws(RingChange.Refusal) {
      changed = try RingChange.apply(order.operation, to: keys)
    } catch { return order.done(.refused(error.text)) }
    guard let file else {
      guard ring.replace(with: changed, ifGeneration: generation) else { return perform(order) }
      return ended(order, changed)
    }
    isWriting = true
    NIOThreadPool.singleton.runIfActive(eventLoop: loop) { () -> CredentialsError? in
      do throws(CredentialsError) {
        try KeyringFile.write(changed, to: file)
        return nil
      } catch { return error }
    }.assumeIsolated().whenComplete { [self] result in
      isWriting = false
      switch result {
      case .success(nil):
        // A reload may have changed the ring in the meantime: then it is all done again, with the keys that it has now.
        if ring.replace(with: changed, ifGeneration: generation) { ended(order, changed) } else { perform(order) }
      case .success(let problem?): failed(order, "\(problem)")
      case .failure(let error): failed(order, "\(error)")
      }
      work()
    }
  }

  private func ended(_ order: Order, _ keys: [SecretKey]) {
    logger.info("\(order.operation.kind.rawValue) of \(order.member): the keyring has \(keys.count) keys", metadata: .about(order.member))
    order.done(KeyAnswer(succeeded: true))
  }

  private func failed(_ order: Order, _ reason: String) {
    logger.error(
      "\(order.operation.kind.rawValue) of \(order.member) was not done: \(reason)", metadata: .about(order.member, because: reason))
    order.done(.refused("the keyring is unchanged, because its file cannot be written: \(reason)"))
  }
}

/// What an operation makes of the keys of a ring.
enum RingChange {
  struct Refusal: Error {
    let text: String
  }

  /// As many keys as an operation may bring into a ring: what no key opens is tried with each of them.
  static let keyLimit = 64

  /// The keys afterwards, the primary one first. The texts are those of Debian's agent.
  static func apply(_ operation: KeyOperation, to keys: [SecretKey]) throws(Refusal) -> [SecretKey] {
    let key: SecretKey
    do { key = try SecretKey(bytes: operation.key) } catch { throw Refusal(text: "key size must be 16, 24 or 32 bytes") }
    let isKnown = keys.contains(key)
    switch operation.kind {
    case .list: return keys
    case .install:
      guard isKnown || keys.count < keyLimit else { throw Refusal(text: "the keyring has \(keys.count) keys; remove one first") }
      return isKnown ? keys : keys + [key]
    case .use:
      guard isKnown else { throw Refusal(text: "Requested key is not in the keyring") }
      return [key] + keys.filter { $0 != key }
    case .remove:
      guard keys.first != key else { throw Refusal(text: "Removing the primary key is not allowed") }
      return keys.filter { $0 != key }
    }
  }

  /// Why a node without a ring does nothing; the words before the reason are Go's.
  static func refusal(of kind: KeyOperation.Kind, because reason: String) -> String {
    (kind == .list ? "Keyring is empty" : "No keyring to modify") + " (\(reason))"
  }
}

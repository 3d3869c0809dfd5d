import SerfPrimitives
import Synchronization

/// The keys with which a cluster seals its traffic, the primary one first (`memberlist.md` section 1.4).
///
/// Sealing uses the primary key; opening tries all of them in order. All users of a ring share it live: a change applies from the next packet on. To
/// change a key without losing a member, install the new key everywhere, then use it everywhere, then remove the old one.
///
/// A ring can begin empty, in a running cluster that has no key yet. Once it has a key it is never empty again: encrypted traffic never falls back to
/// clear text.
public final class Keyring: Sendable {
  private struct State {
    var keys: [SecretKey]
    var generation: UInt64 = 0
  }

  private let state: Mutex<State>
  /// The state's generation, which is read once per packet without the lock.
  private let latest = Atomic<UInt64>(0)

  /// A ring with these keys, the first of which is primary; repeated ones count once.
  ///
  /// - Throws: ``SerfError`` with ``SerfError/Code/configuration``, and ``KeyringError/empty`` as its cause.
  public init(_ keys: [SecretKey]) throws {
    guard !keys.isEmpty else { throw SerfError(.configuration, KeyringError.empty) }
    state = Mutex(State(keys: Self.unique(keys)))
  }

  /// A ring that has no keys yet; the first one that is installed becomes primary. ``NetTransport`` accepts such a ring only if the node neither
  /// encrypts what it sends nor refuses what is not encrypted.
  public init() { state = Mutex(State(keys: [])) }

  /// A ring of one key.
  public init(_ key: SecretKey) { state = Mutex(State(keys: [key])) }

  /// All keys, the primary one first; empty until the first is installed.
  public var keys: [SecretKey] { state.withLock { $0.keys } }

  /// The key that seals; nil until the first is installed.
  public var primary: SecretKey? { state.withLock { $0.keys.first } }

  /// Adds a key after the others, if there are any. Does nothing when the ring has it already.
  public func install(_ key: SecretKey) {
    change { keys in if !keys.contains(key) { keys.append(key) } }
  }

  /// Makes a key of the ring the primary one.
  ///
  /// - Throws: ``SerfError`` with ``SerfError/Code/configuration``, and ``KeyringError/unknownKey`` as its cause.
  public func use(_ key: SecretKey) throws {
    let isKnown = change { keys in
      guard let position = keys.firstIndex(of: key) else { return false }
      keys.remove(at: position)
      keys.insert(key, at: 0)
      return true
    }
    guard isKnown else { throw SerfError(.configuration, KeyringError.unknownKey) }
  }

  /// Removes a key. Does nothing when the ring does not have it.
  ///
  /// - Throws: ``SerfError`` with ``SerfError/Code/configuration``, and ``KeyringError/isPrimary`` as its cause.
  public func remove(_ key: SecretKey) throws {
    let isPrimary = change { keys in
      guard keys.first != key else { return true }
      keys.removeAll { $0 == key }
      return false
    }
    if isPrimary { throw SerfError(.configuration, KeyringError.isPrimary) }
  }

  /// Replaces all keys with these, the first of which is primary.
  ///
  /// - Throws: ``SerfError`` with ``SerfError/Code/configuration``, and ``KeyringError/empty`` as its cause.
  public func replace(with keys: [SecretKey]) throws {
    guard !keys.isEmpty else { throw SerfError(.configuration, KeyringError.empty) }
    change { $0 = Self.unique(keys) }
  }

  /// Replaces all keys with those of another ring; does nothing when that ring has none.
  package func replace(with ring: Keyring) {
    let keys = ring.keys
    guard !keys.isEmpty else { return }
    change { $0 = keys }
  }

  /// Replaces all keys, unless the ring has changed since that generation: then it does nothing and returns false.
  package func replace(with keys: [SecretKey], ifGeneration generation: UInt64) -> Bool {
    precondition(!keys.isEmpty, "no ring becomes empty")
    return state.withLock { state in
      guard state.generation == generation else { return false }
      guard state.keys != keys else { return true }
      state.keys = keys
      state.generation += 1
      latest.store(state.generation, ordering: .releasing)
      return true
    }
  }

  /// Counts the changes.
  package var generation: UInt64 { latest.load(ordering: .acquiring) }

  /// The keys and the generation that they belong to.
  package var snapshot: (keys: [SecretKey], generation: UInt64) { state.withLock { ($0.keys, $0.generation) } }

  @discardableResult
  private func change<Result: Sendable>(_ body: (inout [SecretKey]) -> Result) -> Result {
    state.withLock { state in
      let before = state.keys
      let result = body(&state.keys)
      if state.keys != before {
        state.generation += 1
        latest.store(state.generation, ordering: .releasing)
      }
      return result
    }
  }

  private static func unique(_ keys: [SecretKey]) -> [SecretKey] {
    keys.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }
}

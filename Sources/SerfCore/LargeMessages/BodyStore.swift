import SerfPrimitives
import SerfWire

/// The bodies that this node holds: its own, and those that it has fetched, to serve them to others. The newest stay, up to a budget.
struct BodyStore: Sendable {
  private var bodies: [SHA256.Digest: [UInt8]] = [:]
  private var order = DrainQueue<SHA256.Digest>()
  private let budget: Int
  /// The bytes of all bodies together.
  private(set) var byteCount = 0

  /// A store of at most `budget` bytes.
  init(budget: Int) { self.budget = budget }

  subscript(digest: SHA256.Digest) -> [UInt8]? { bodies[digest] }

  /// Keeps a body, and gives up the oldest ones that no longer fit beside it.
  mutating func insert(_ body: [UInt8], _ digest: SHA256.Digest) {
    guard bodies[digest] == nil, body.count <= budget else { return }
    while byteCount + body.count > budget, let oldest = order.popFirst() {
      byteCount -= bodies.removeValue(forKey: oldest)?.count ?? 0
    }
    bodies[digest] = body
    order.append(digest)
    byteCount += body.count
  }
}

import Memberlist
import SerfPrimitives
import SerfWire

/// Members that ask for bodies, and wait until they may have them: each gets so many bytes a second, and all together eight times as many.
struct BodyServing: Sendable {
  private struct Request: Sendable {
    let exchange: ExchangeID
    let digest: SHA256.Digest
    let peer: NodeName
  }

  private var waiting: [Request] = []
  private var peerLimits: RateLimits<NodeName>
  private var limit: RateLimit

  init(_ settings: SerfSettings.LargeMessages) {
    let rate = settings.servedBytesPerSecond
    peerLimits = RateLimits(perSecond: rate, burst: rate, remembered: 1_024, at: .zero)
    limit = RateLimit(perSecond: 8 * rate, burst: 8 * rate, at: .zero)
  }

  var isEmpty: Bool { waiting.isEmpty }

  /// Takes note of a request; false if too many wait.
  mutating func add(_ exchange: ExchangeID, _ digest: SHA256.Digest, for peer: NodeName) -> Bool {
    guard waiting.count < Self.waitingLimit, waiting.count(where: { $0.peer == peer }) < Self.waitingPerPeer else { return false }
    waiting.append(Request(exchange: exchange, digest: digest, peer: peer))
    return true
  }

  /// The next request that may be answered now. A peer that has had its share does not hold up the others.
  mutating func next(in store: BodyStore, at now: Instant) -> (exchange: ExchangeID, body: [UInt8]?)? {
    for index in waiting.indices {
      let request = waiting[index]
      let body = store[request.digest]
      if let body {
        guard limit.take(body.count, at: now) else { return nil }
        guard peerLimits.take(body.count, of: request.peer, at: now) else {
          limit.give(back: body.count)
          continue
        }
      }
      waiting.remove(at: index)
      return (request.exchange, body)
    }
    return nil
  }

  private static let waitingLimit = 256
  private static let waitingPerPeer = 8
}

internal import CNgtcp2
internal import SerfIdentity
internal import SerfPrimitives

typealias SendPiece = sq_bytes

/// A connection ID as a table key.
struct CIDKey: Hashable {
  let first: UInt64
  let second: UInt64
  let third: UInt32
  let length: UInt8

  init(_ cid: sq_cid) {
    first = cid.first
    second = cid.second
    third = cid.third
    length = cid.length
  }

  var raw: sq_cid { sq_cid(first: first, second: second, third: third, length: length) }
}

/// A stateless reset token as a table key.
struct TokenKey: Hashable {
  let first: UInt64
  let second: UInt64

  init(_ token: sq_token) {
    first = token.first
    second = token.second
  }
}

extension NodeAddress {
  /// The form that ngtcp2 gets: IPv4 always in four bytes, so that one socket has one address.
  var raw: sq_address {
    let address = canonical
    return sq_address(high: address.high, low: address.low, port: address.port, length: address.byteCount, zone: address.zone)
  }

  init(_ raw: sq_address) {
    self.init(high: raw.high, low: raw.low, byteCount: raw.length, port: raw.port, zone: raw.zone)
  }
}

extension Instant {
  /// ngtcp2's time: unsigned, and never zero, which means "never" in some of its fields.
  var ticks: UInt64 { UInt64(max(nanoseconds, 0)) + Self.tickOrigin }

  /// Nil for "never".
  init?(ticks: UInt64) {
    guard ticks != .max else { return nil }
    self.init(nanoseconds: Int64(clamping: ticks) - Int64(Self.tickOrigin))
  }

  private static let tickOrigin: UInt64 = 1_000_000_000
}

extension Duration {
  /// Nanoseconds for ngtcp2; negative durations become zero.
  var ticks: UInt64 { UInt64(max(nanoseconds, 0)) }
}

extension SecretBytes {
  /// A secret from which stateless resets or Retry tokens derive, if it need not be the same after a restart.
  static func random() -> SecretBytes {
    SecretBytes(count: Int(SQ_SECRET_LENGTH)) { precondition(sq_random($0.baseAddress, $0.count), "the system's random generator fails") }
  }
}

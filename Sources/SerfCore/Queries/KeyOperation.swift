import SerfPrimitives
package import SerfWire

/// What every member has to do with its keyring (`serf.md` section 10). The core has no ring: it hands the operation out, and takes its ``KeyAnswer``.
package struct KeyOperation: Hashable, Sendable {
  /// Which operation it is; the raw value is the end of its query's name, and the name of its RPC command.
  package enum Kind: String, Hashable, Sendable, CaseIterable {
    case install = "install-key"
    case use = "use-key"
    case remove = "remove-key"
    case list = "list-keys"
  }

  package var kind: Kind
  /// The key itself, of any length if a peer sent it; empty to list the keys.
  package var key: [UInt8]

  package init(_ kind: Kind, key: [UInt8] = []) {
    self.kind = kind
    self.key = key
  }

  /// The operation that the payload of a query asks for.
  init(_ kind: Kind, decoding payload: RawSpan) throws(WireError) {
    guard payload.byteCount > 0 else { throw .empty }
    guard payload.unsafeLoad(fromByteOffset: 0, as: UInt8.self) == SerfMessageType.keyRequest.rawValue else { throw .unexpectedType }
    let request = try KeyRequestMessage(decoding: payload.extracting(droppingFirst: 1))
    self.init(kind, key: kind == .list ? [] : [UInt8](copying: request.key))
  }

  /// The payload of the query that asks for it.
  var payload: [UInt8] {
    var bytes: [UInt8] = []
    KeyRequestMessage(key: key.span.bytes).encode(into: &bytes)
    return bytes
  }
}

/// What a member says to a ``KeyOperation``.
package struct KeyAnswer: Hashable, Sendable {
  /// Whether it was done.
  package var succeeded: Bool
  /// Why not, or a remark.
  package var text: String
  /// The member's keys in base64, the primary one first; nil unless they were asked for.
  package var keys: [[UInt8]]?
  /// The member's primary key in base64; empty unless the keys were asked for.
  package var primaryKey: [UInt8]

  package init(succeeded: Bool, text: String = "", keys: [[UInt8]]? = nil, primaryKey: [UInt8] = []) {
    self.succeeded = succeeded
    self.text = text
    self.keys = keys
    self.primaryKey = primaryKey
  }

  /// It was not done, for this reason.
  package static func refused(_ text: String) -> KeyAnswer { KeyAnswer(succeeded: false, text: text) }

  /// What another member answered.
  package init(decoding payload: RawSpan) throws(WireError) {
    guard payload.byteCount > 0 else { throw .empty }
    guard payload.unsafeLoad(fromByteOffset: 0, as: UInt8.self) == SerfMessageType.keyResponse.rawValue else { throw .unexpectedType }
    let response = try KeyResponseMessage(decoding: payload.extracting(droppingFirst: 1))
    var keys: [[UInt8]] = []
    var list = response.keys
    while let key = list.next() { keys.append([UInt8](copying: key)) }
    self.init(
      succeeded: response.succeeded, text: readableText(of: [UInt8](copying: response.text)), keys: keys,
      primaryKey: [UInt8](copying: response.primaryKey))
  }

  /// The answer with as many keys as make the whole response, which `size` measures, at most `limit` bytes; nil if it is too large without any key.
  ///
  /// Go estimates how many keys may fit, with a number that can be above that of the keys, and stops there (serf#649). Here the number of keys is the
  /// bound, and the encoded sizes decide.
  package func fitting(_ limit: Int, size: (_ payload: [UInt8]) -> Int) -> [UInt8]? {
    let whole = payload
    guard size(whole) > limit else { return whole }
    guard let keys, !keys.isEmpty else { return nil }
    // The most keys that fit, between a number that does and one that does not.
    var (fits, exceeds) = (-1, keys.count)
    while exceeds - fits > 1 {
      let middle = (fits + exceeds) / 2
      if size(truncated(keys, to: middle).payload) <= limit { fits = middle } else { exceeds = middle }
    }
    return fits < 0 ? nil : truncated(keys, to: fits).payload
  }

  private func truncated(_ keys: [[UInt8]], to count: Int) -> KeyAnswer {
    var answer = self
    answer.keys = Array(keys.prefix(count))
    answer.text = "truncated key list response, showing first \(count) of \(keys.count) keys"
    return answer
  }

  private var payload: [UInt8] {
    var bytes: [UInt8] = []
    KeyResponseMessage.encode(succeeded: succeeded, text: Array(text.utf8), keys: keys, primaryKey: primaryKey, into: &bytes)
    return bytes
  }
}

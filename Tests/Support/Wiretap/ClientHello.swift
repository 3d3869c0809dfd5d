/// A TLS 1.3 ClientHello, as far as what it reveals (RFC 8446, section 4.1.2).
package struct ClientHello {
  /// The types of all extensions, in order.
  package private(set) var extensions: [Int] = []
  /// The protocols that the client offers.
  package private(set) var applicationProtocols: [String] = []

  private static let serverName = 0
  private static let applicationLayerProtocolNegotiation = 16

  /// Whether the client names the server in clear text.
  package var namesServer: Bool { extensions.contains(Self.serverName) }

  /// From the beginning of a handshake's bytes; nil when it is not complete.
  package init?(_ handshake: [UInt8]) {
    var cursor = ByteCursor(handshake)
    guard cursor.number(1) == 1, let message = cursor.vector(3) else { return nil }
    var body = ByteCursor(message)
    guard body.take(2 + 32) != nil, body.vector(1) != nil, body.vector(2) != nil, body.vector(1) != nil, let list = body.vector(2) else {
      return nil
    }
    var fields = ByteCursor(list)
    while !fields.isAtEnd {
      guard let type = fields.number(2), let content = fields.vector(2) else { return nil }
      extensions.append(type)
      guard type == Self.applicationLayerProtocolNegotiation else { continue }
      var offered = ByteCursor(content.dropFirst(2))
      while let name = offered.vector(1) { applicationProtocols.append(String(decoding: name, as: UTF8.self)) }
    }
  }
}

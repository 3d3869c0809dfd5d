extension NodeAddress {
  /// Reads `127.0.0.1:7946`, `[::1]:7946`, or an address alone, which then gets `defaultPort`.
  ///
  /// IPv6 may have a zone, the number of an interface: `fe80::1%3`, `[fe80::1%3]:7946`. Nil for anything else, including host names and the names of
  /// interfaces: the transport resolves those.
  public init?(parsing text: String, defaultPort: UInt16) {
    let bytes = Array(text.utf8)
    if bytes.first == UInt8(ascii: "[") {
      guard let end = bytes.firstIndex(of: UInt8(ascii: "]")), let host = Self.zoned(bytes[1..<end]) else { return nil }
      guard let port = Self.port(bytes[(end + 1)...], default: defaultPort) else { return nil }
      self.init(host, port: port)
    } else if bytes.filter({ $0 == UInt8(ascii: ":") }).count > 1 {
      guard let host = Self.zoned(bytes[...]) else { return nil }
      self.init(host, port: defaultPort)
    } else {
      let end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
      guard let quad = Self.ipv4(bytes[..<end]), let port = Self.port(bytes[end...], default: defaultPort) else { return nil }
      self.init(bytes: quad, port: port)
    }
  }

  private init?(_ host: (groups: [UInt8], zone: UInt32), port: UInt16) {
    self.init(bytes: host.groups, port: port)
    zone = host.zone
    if zone != 0 && isIPv4 { return nil }
  }

  private static func zoned(_ text: ArraySlice<UInt8>) -> (groups: [UInt8], zone: UInt32)? {
    let percent = text.firstIndex(of: UInt8(ascii: "%")) ?? text.endIndex
    guard let groups = ipv6(text[..<percent]) else { return nil }
    guard percent < text.endIndex else { return (groups, 0) }
    guard let zone = UInt32(exactly: decimal(text[(percent + 1)...], digits: 10) ?? 0), zone != 0 else { return nil }
    return (groups, zone)
  }

  private static func port(_ text: ArraySlice<UInt8>, default defaultPort: UInt16) -> UInt16? {
    guard let first = text.first else { return defaultPort }
    return first == UInt8(ascii: ":") ? UInt16(exactly: decimal(text.dropFirst(), digits: 5) ?? -1) : nil
  }

  static func decimal(_ text: ArraySlice<UInt8>, digits: Int) -> Int? {
    guard !text.isEmpty, text.count <= digits, text.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return text.reduce(0) { $0 * 10 + Int($1 - 0x30) }
  }

  static func ipv4(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var bytes: [UInt8] = []
    for part in parts {
      guard let value = decimal(part, digits: 3), value < 256 else { return nil }
      bytes.append(UInt8(value))
    }
    return bytes
  }

  static func ipv6(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var head: [UInt8] = []
    var tail: [UInt8]?
    var rest = text
    if rest.starts(with: [0x3a, 0x3a]) {
      tail = []
      rest = rest.dropFirst(2)
    }
    while !rest.isEmpty {
      let part = rest.prefix { $0 != 0x3a }
      let group: [UInt8]
      if part.contains(UInt8(ascii: ".")) {
        guard part.endIndex == rest.endIndex, let quad = ipv4(part) else { return nil }
        group = quad
      } else {
        guard !part.isEmpty, part.count <= 4, let digits = String(validating: part, as: UTF8.self), let value = UInt16(digits, radix: 16),
          part.first != UInt8(ascii: "+")
        else { return nil }
        group = [UInt8(value >> 8), UInt8(value & 0xff)]
      }
      if tail == nil { head += group } else { tail? += group }
      rest = rest[part.endIndex...]
      guard !rest.isEmpty else { break }
      rest = rest.dropFirst()
      if rest.first == 0x3a {
        guard tail == nil else { return nil }
        tail = []
        rest = rest.dropFirst()
      } else if rest.isEmpty {
        return nil
      }
    }
    guard let tail else { return head.count == 16 ? head : nil }
    guard head.count + tail.count < 16 else { return nil }
    return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
  }
}

package import SerfPrimitives

extension MessagePackReader {
  /// Reads an IP address, whose port is in its own field. Any length but 4 and 16 gives nil, "not stated": such an address could not be used.
  @_lifetime(self: copy self)
  package mutating func readAddress() throws(WireError) -> NodeAddress? {
    guard let bytes = try readBytes() else { return nil }
    return NodeAddress(bytes: bytes, port: 0)
  }
}

extension MessagePackWriter {
  /// A key and the address's 4 or 16 bytes, verbatim (`memberlist.md`, rule 5); nil for none.
  package mutating func field(_ key: StaticString, address: NodeAddress?) {
    string(key)
    guard let address else { return null() }
    binaryHeader(Int(address.byteCount))
    raw(first: 4, of: address.high)
    guard address.byteCount == 16 else { return }
    raw(first: 4, of: address.high << 32)
    raw(first: 8, of: address.low)
  }
}

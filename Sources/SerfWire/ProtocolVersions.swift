/// The six version numbers that a member states about itself, on the wire as six bytes (`memberlist.md` sections 3.2 and 4.12).
package struct ProtocolVersions: Hashable, Sendable {
  /// The oldest memberlist protocol that the member understands.
  package var protocolMinimum: UInt8
  /// The newest memberlist protocol that the member understands.
  package var protocolMaximum: UInt8
  /// The memberlist protocol that the member speaks.
  package var protocolCurrent: UInt8
  /// The oldest protocol of the layer above that the member understands.
  package var delegateMinimum: UInt8
  /// The newest protocol of the layer above that the member understands.
  package var delegateMaximum: UInt8
  /// The protocol of the layer above that the member speaks.
  package var delegateCurrent: UInt8

  /// Six versions, in the order of the wire.
  package init(
    protocolMinimum: UInt8, protocolMaximum: UInt8, protocolCurrent: UInt8,
    delegateMinimum: UInt8, delegateMaximum: UInt8, delegateCurrent: UInt8
  ) {
    self.protocolMinimum = protocolMinimum
    self.protocolMaximum = protocolMaximum
    self.protocolCurrent = protocolCurrent
    self.delegateMinimum = delegateMinimum
    self.delegateMaximum = delegateMaximum
    self.delegateCurrent = delegateCurrent
  }

  /// The versions in `bytes`, or nil unless there are six.
  package init?(bytes: RawSpan) {
    guard bytes.byteCount == 6 else { return nil }
    protocolMinimum = bytes[checked: 0]
    protocolMaximum = bytes[checked: 1]
    protocolCurrent = bytes[checked: 2]
    delegateMinimum = bytes[checked: 3]
    delegateMaximum = bytes[checked: 4]
    delegateCurrent = bytes[checked: 5]
  }

  /// The six bytes in the order of the wire, from the most significant byte on.
  var bits: UInt64 {
    let memberlist = UInt64(protocolMinimum) << 56 | UInt64(protocolMaximum) << 48 | UInt64(protocolCurrent) << 40
    return memberlist | UInt64(delegateMinimum) << 32 | UInt64(delegateMaximum) << 24 | UInt64(delegateCurrent) << 16
  }

  /// Whether the current versions lie in their ranges. An entry that does not pass creates or changes nothing and is never relayed: one
  /// such entry makes Go peers reject a whole push/pull (`memberlist.md`, rule 6).
  package var isValid: Bool {
    1 <= protocolMinimum && protocolMinimum <= protocolCurrent && protocolCurrent <= protocolMaximum
      && delegateMinimum <= delegateCurrent && delegateCurrent <= delegateMaximum
  }

  /// Whether two members with these versions can be in one cluster: each speaks what the other understands, in both layers.
  package func fits(_ other: ProtocolVersions) -> Bool { understands(other) && other.understands(self) }

  private func understands(_ other: ProtocolVersions) -> Bool {
    protocolMinimum <= other.protocolCurrent && other.protocolCurrent <= protocolMaximum
      && delegateMinimum <= other.delegateCurrent && other.delegateCurrent <= delegateMaximum
  }
}

extension MessagePackReader {
  /// Reads six version bytes; nil and any other length give nil.
  @_lifetime(self: copy self)
  mutating func readVersions() throws(WireError) -> ProtocolVersions? {
    guard let bytes = try readBytes() else { return nil }
    return ProtocolVersions(bytes: bytes)
  }
}

extension MessagePackWriter {
  /// A key and six version bytes, or nil.
  mutating func field(_ key: StaticString, _ versions: ProtocolVersions?) {
    string(key)
    guard let versions else { return null() }
    binaryHeader(6)
    raw(first: 6, of: versions.bits)
  }
}

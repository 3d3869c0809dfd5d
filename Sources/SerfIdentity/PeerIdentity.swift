public import SerfPrimitives

/// Who a verified peer is, and for how long that holds.
public struct PeerIdentity: Sendable {
  /// The name that the certificate proves.
  public let name: CertificateName
  /// The chain's certificates in DER, leaf first, to be verified again (`secure-transport.md` 1.7).
  package let chain: [[UInt8]]
  /// The time in which every certificate of the path is valid.
  package let validity: Range<UTCTime>
  package let policyDigest: [UInt8]

  /// The name of the node.
  public var node: NodeName { name.node }

  /// The last second at which the whole path is valid.
  public var expiry: UTCTime { validity.upperBound - .seconds(1) }
}

public import SerfPrimitives

/// Where a certificate states the name of its node.
@nonexhaustive
public enum IdentityMode: Hashable, Sendable {
  /// The default: exactly one URI `serf://<cluster>/<node>`.
  case uri
  /// For a CA that can only issue DNS names: exactly one DNS name, lower case. **Every certificate of that CA is then a member.**
  case dns
}

/// The name that a certificate proves, by the rules of `secure-transport.md` 1.1.
///
/// CN, IP addresses, other URIs, letter-case folding and IDN are never used; the comparison is over bytes.
public struct CertificateName: Hashable, Sendable {
  /// Nil with ``IdentityMode/dns``, which proves no cluster.
  public let cluster: String?
  /// The name of the node.
  public let node: NodeName

  /// Longest node or cluster name, in bytes.
  public static let lengthMaximum = 128

  /// The URI that a node's certificate carries.
  public static func uri(cluster: String, node: String) -> String { "\(scheme)//\(cluster)/\(node)" }

  /// True for 1–128 bytes of `[A-Za-z0-9._-]`, what a node or a cluster may be called.
  public static func isValid(_ name: some Collection<UInt8>) -> Bool {
    (1...lengthMaximum).contains(name.count) && name.allSatisfy(isInAlphabet)
  }

  /// Picks the one node name from a certificate's names, for the cluster of this name.
  package init(_ names: SubjectAlternativeNames, cluster: String, mode: IdentityMode) throws(VerificationFailure) {
    // All that resembles our scheme counts, so that no variant in another letter case passes as "some other URI".
    var ours: [[UInt8]] = []
    var dns: [[UInt8]] = []
    for name in names.names {
      switch name {
      case .uri(let bytes) where Self.hasOurScheme(bytes): ours.append(bytes)
      case .dns(let bytes): dns.append(bytes)
      case .uri, .other: continue
      }
    }
    switch mode {
    case .uri:
      guard let uri = ours.first else { throw .noName }
      guard ours.count == 1 else { throw .severalNames }
      try self.init(uri: uri, cluster: cluster)
    case .dns:
      guard ours.isEmpty else { throw .severalNames }
      guard let name = dns.first else { throw .noName }
      guard dns.count == 1 else { throw .severalNames }
      guard Self.isValid(name), !name.contains(where: Self.isUpperCase) else { throw .malformedName(escaped(name)) }
      self.init(cluster: nil, node: NodeName(bytes: name))
    }
  }

  /// A name that no certificate proves: for attackers in tests.
  init(impostor node: NodeName, cluster: String) { self.init(cluster: cluster, node: node) }

  private init(cluster: String?, node: NodeName) {
    self.cluster = cluster
    self.node = node
  }

  private init(uri: [UInt8], cluster expected: String) throws(VerificationFailure) {
    let prefix = Array("\(Self.scheme)//".utf8)
    guard uri.starts(with: prefix) else { throw .malformedName(escaped(uri)) }
    let rest = uri.dropFirst(prefix.count)
    // One slash between two names of the alphabet leaves no room for user, port, query, fragment or percent signs.
    guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else { throw .malformedName(escaped(uri)) }
    let cluster = rest[..<slash]
    let node = rest[(slash + 1)...]
    guard Self.isValid(cluster), Self.isValid(node) else { throw .malformedName(escaped(uri)) }
    guard cluster.elementsEqual(expected.utf8) else { throw .wrongCluster(String(decoding: cluster, as: UTF8.self)) }
    self.init(cluster: expected, node: NodeName(bytes: Array(node)))
  }

  private static let scheme = "serf:"

  private static func hasOurScheme(_ uri: [UInt8]) -> Bool {
    uri.count >= scheme.utf8.count && zip(uri, scheme.utf8).allSatisfy { isUpperCase($0) ? $0 | 0x20 == $1 : $0 == $1 }
  }

  private static func isUpperCase(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }

  private static func isInAlphabet(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
